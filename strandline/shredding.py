"""Crypto-shredding: a key of the KMS is erased, and with it whatever it protects, and that is then tried."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from access.kms import Kms
from access.kms_envelope import KmsEnvelope, Place
from index.contract import IndexReader
from schemas.errors import ConfigurationError, KmsNotFound
from schemas.events import OBJECT_VERSIONS
from schemas.rows import Encryption, ObjectVersion
from strandline.settings import Settings

BUCKETS_PAGE = 1000
SHOWN = 10
LAG_SECONDS, LOOK_SECONDS = 5.0, 0.1


class Dependent(NamedTuple):
    """A version that cannot be read without the key."""

    bucket: str
    key: str
    version: str
    encryption: Encryption

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key} (version {self.version})"


async def shred(settings: Settings, kms: Kms, name: str, meant: bool) -> int:
    """Disable the key, see that no COMPLIANCE lock needs it, erase it, and prove that nothing opens.

    Returns 0 when all of that is so. While a locked version depends on the key it stays as it was.
    Raises KmsNotFound.
    """
    key = kms.find(name)
    arn = kms.arn(key)
    envelope = KmsEnvelope(kms.keys, settings.region)
    if meant and key.enabled:
        kms.set_enabled(arn, False)  # nothing more is written under it while we look
    try:
        async with index_reader(settings) as index:
            dependents, locked = await _dependents(index, arn)
    except BaseException:
        if meant and key.enabled:
            kms.set_enabled(arn, True)
        raise
    print(f"{len(dependents)} versions are protected by {arn}")
    if locked:
        if meant and key.enabled:
            kms.set_enabled(arn, True)
        named = ", ".join(map(str, locked[:SHOWN]))
        print(f"refused: {len(locked)} of them are locked in COMPLIANCE mode: {named}")
        return 1
    if not meant:
        print("nothing has been done: --yes erases the key")
        return 1
    kms.keys.remove(key.key_id)
    opened = [one for one in dependents if _opens(envelope, one)]
    for one in opened[:SHOWN]:
        print(f"STILL READABLE: {one}")
    if opened:
        return 1
    print(f"the key is erased; none of the {len(dependents)} versions opens any more")
    print("copies of the folder of keys (backups) still hold the key: expire them")
    return 0


def _opens(envelope: KmsEnvelope, one: Dependent) -> bool:
    try:
        envelope.object_key(one.encryption, Place(one.bucket, one.key))
    except KmsNotFound:
        return False
    return True


async def _dependents(index: IndexReader, arn: str) -> tuple[list[Dependent], list[Dependent]]:
    """The versions under the key, and those of them that are locked in COMPLIANCE mode."""
    names = await _names(index)
    found: dict[tuple[bytes, str, str], Dependent] = {}
    locked: dict[tuple[bytes, str, str], Dependent] = {}
    async for batch in index.all_versions():
        for bucket_id, row in batch:
            encryption = row.attributes.encryption
            if encryption is None or encryption.key_id != arn:
                continue
            name = bucket_id, row.key, row.version
            found[name] = Dependent(names.get(bucket_id, bucket_id.hex()), row.key, row.version, encryption)
            if _is_locked(row):
                locked[name] = found[name]
    return list(found.values()), list(locked.values())


def _is_locked(row: ObjectVersion) -> bool:
    lock = row.attributes.lock
    return lock is not None and lock.mode == "COMPLIANCE" and lock.retain_until > time.time() * 1000


async def _names(index: IndexReader) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    after = ""
    while page := await index.buckets("", after, BUCKETS_PAGE):
        names.update((bucket.bucket_id, bucket.name) for bucket in page)
        after = page[-1].name
    return names


async def _caught_up(index: IndexReader, written: int) -> None:
    """After a crash the index may miss what the log holds, a lock perhaps. Raises ConfigurationError."""
    for _ in range(int(LAG_SECONDS / LOOK_SECONDS)):
        if await index.applied(OBJECT_VERSIONS, 0) >= written:
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise ConfigurationError(
        "the index misses events that the log holds: start the server once, then try again"
    )


@asynccontextmanager
async def index_reader(settings: Settings) -> AsyncIterator[IndexReader]:
    """The index of the store, for reading beside a running server."""
    if settings.cluster is None:
        from index.sqlite.reader import SqliteReader
        from strandline.data_dir import DataDir
        from strandline.services import index_file
        from strandline.verification import open_log

        data = DataDir(settings.data_dir)
        written = open_log(data, OBJECT_VERSIONS).end_offset
        reader = SqliteReader(index_file(data))
        try:
            await _caught_up(reader, written)
            yield reader
        finally:
            reader.close()
        return
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from index.cassandra.index import CassandraIndex
        from strandline.cluster.connections import cassandra_connection
    index = await CassandraIndex.open(cassandra_connection(settings.cluster.cassandra))
    try:
        yield index.reader
    finally:
        await index.close()

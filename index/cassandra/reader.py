"""Everybody else's side of the index: GET, HEAD and listings read here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from index.cassandra.client import Client
from index.cassandra.journal import JournalTable, read_applied
from index.cassandra.key_states import MAX_RANK
from index.cassandra.row_writer import BUCKET_SLICES, IDENTITY_SLICE, bucket_slice
from index.cassandra.rows import NULL_SLOT, open_entry, open_slot, open_version
from index.cassandra.shard_map import ShardMap
from index.cassandra.sharding import ShardMaps
from index.cassandra.version_pages import VersionPages
from index.cassandra.walk import Walk
from index.contract import IdentityPlace, ListEntry
from index.records import open_bucket, open_configuration, open_identity, open_part, open_upload, open_usage
from schemas.ids import NULL_VERSION, version_rank
from schemas.rows import Bucket, Configuration, Identity, ObjectVersion, Part, Upload, Usage

T = TypeVar("T")

_SHARD = "bucket_id = ? AND shard = ?"


class CassandraReader:
    """`index.contract.IndexReader`. Every method raises ServiceUnavailable and IndexCorrupt."""

    def __init__(self, client: Client, maps: ShardMaps) -> None:
        self._client = client
        self._maps = maps
        self._journal = JournalTable(client)
        self._walk = Walk(client)
        self._version_pages = VersionPages(client)
        prepare = client.prepare
        self._bucket = prepare("SELECT bucket_id, record FROM buckets WHERE slice = ? AND name = ?")
        self._buckets = [
            prepare(f"SELECT name, record FROM buckets WHERE slice = ? AND name {after} ? LIMIT ?")
            for after in (">", ">=")
        ]
        self._configuration = prepare(
            "SELECT record FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier = ?"
        )
        self._configurations = [
            prepare(
                "SELECT identifier, record FROM configurations "
                f"WHERE bucket_id = ? AND kind = ? AND identifier {after} ? LIMIT ?"
            )
            for after in (">", ">=")
        ]
        self._identities = prepare(
            "SELECT account, kind, name, record FROM identity_changes "
            "WHERE slice = ? AND (seq, account, kind, name) > (?, ?, ?, ?) LIMIT ?"
        )
        self._state = prepare(f"SELECT head, null_below FROM key_state WHERE {_SHARD} AND key = ?")
        self._head = prepare(f"SELECT head FROM key_state WHERE {_SHARD} AND key = ?")
        self._version = prepare(f"SELECT record FROM objects WHERE {_SHARD} AND key = ? AND slot = ?")
        self._any_version = prepare(f"SELECT key FROM objects WHERE {_SHARD} LIMIT 1")
        self._listings = {
            (inclusive, stopped): prepare(
                f"SELECT key, entry FROM current WHERE {_SHARD} AND key {'>=' if inclusive else '>'} ? "
                f"{'AND key < ?' if stopped else ''} LIMIT ?"
            )
            for inclusive in (False, True)
            for stopped in (False, True)
        }
        self._upload = prepare(f"SELECT record FROM uploads WHERE {_SHARD} AND key = ? AND upload_id = ?")
        self._uploads = {
            (inclusive, stopped): prepare(
                f"SELECT key, upload_id, record FROM uploads WHERE {_SHARD} AND "
                f"{'key >= ?' if inclusive else '(key, upload_id) > (?, ?)'} "
                f"{'AND key < ?' if stopped and inclusive else ''}"
                f"{'AND (key) < (?)' if stopped and not inclusive else ''} LIMIT ?"
            )
            for inclusive in (False, True)
            for stopped in (False, True)
        }
        self._usage = prepare("SELECT log_partition, record FROM usage WHERE bucket_id = ?")
        self._parts = prepare("SELECT number, record FROM parts WHERE upload_id = ? AND number > ? LIMIT ?")

    async def bucket(self, name: str) -> Bucket | None:
        found = await self._client.execute(self._bucket, (bucket_slice(name), name))
        return open_bucket(name, found[0][1]) if found else None

    async def buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        if limit <= 0:
            return []
        statement = self._buckets[prefix > after]
        start = max(prefix, after)
        slices = await asyncio.gather(
            *(self._client.execute(statement, (number, start, limit)) for number in range(BUCKET_SLICES))
        )
        rows = islice(merge(*slices), limit)
        return [open_bucket(name, record) for name, record in rows if name.startswith(prefix)]

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None:
        found = await self._client.execute(self._configuration, (bucket_id, kind, identifier))
        return open_configuration(bucket_id, kind, identifier, found[0][0]) if found else None

    async def configurations(
        self, bucket_id: bytes, kind: str, after: str | None, limit: int
    ) -> list[Configuration]:
        statement = self._configurations[after is None]
        found = await self._client.execute(statement, (bucket_id, kind, after or "", limit))
        return [open_configuration(bucket_id, kind, *row) for row in found]

    async def identities(self, after: IdentityPlace, limit: int) -> list[Identity]:
        found = await self._client.execute(self._identities, (IDENTITY_SLICE, *after, limit))
        return [open_identity(*row) for row in found]

    async def current(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        head = await self.newest(bucket_id, key)
        return None if head is None or head.delete_marker else head

    async def newest(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        found = await self._at(self._head, bucket_id, key)
        if not found or not found[0][0]:
            return None
        return open_version("key_state", bucket_id, key, found[0][0])

    async def version(self, bucket_id: bytes, key: str, version: str) -> ObjectVersion | None:
        if version == NULL_VERSION:
            found = await self._at(self._version, bucket_id, key, NULL_SLOT)
            return open_slot(bucket_id, key, NULL_SLOT, found[0][0]) if found else None
        rank = version_rank(version)
        if rank is None or not NULL_SLOT < rank <= MAX_RANK:
            return None
        found = await self._at(self._version, bucket_id, key, rank)
        row = open_slot(bucket_id, key, rank, found[0][0]) if found else None
        return row if row is not None and row.version == version else None

    async def list_current(
        self, bucket_id: bytes, start: str, inclusive: bool, stop: str | None, limit: int
    ) -> list[ListEntry]:
        async def page(number: int, begin: str, included: bool, wanted: int) -> list[Any]:
            statement = self._listings[included, stop is not None]
            bound = () if stop is None else (stop,)
            return await self._client.execute(statement, (bucket_id, number, begin, *bound, wanted))

        rows = await self._across(bucket_id, start, inclusive, stop, limit, page)
        return [open_entry(bucket_id, key, entry) for key, entry in rows]

    async def list_versions(
        self, bucket_id: bytes, start: str, below_rank: int | None, stop: str | None, limit: int
    ) -> list[ObjectVersion]:
        async def page(number: int, begin: str, included: bool, wanted: int) -> list[ObjectVersion]:
            below = None if included else below_rank
            return await self._version_pages.page(bucket_id, number, begin, below, stop, wanted)

        return await self._across(bucket_id, start, below_rank is None, stop, limit, page)

    async def upload(self, bucket_id: bytes, key: str, upload_id: str) -> Upload | None:
        found = await self._at(self._upload, bucket_id, key, upload_id)
        return open_upload(bucket_id, key, upload_id, found[0][0]) if found else None

    async def list_uploads(
        self, bucket_id: bytes, start: str, after_upload: str | None, stop: str | None, limit: int
    ) -> list[Upload]:
        async def page(number: int, begin: str, included: bool, wanted: int) -> list[Any]:
            statement = self._uploads[included, stop is not None]
            after = () if included else (after_upload,)
            bound = () if stop is None else (stop,)
            return await self._client.execute(statement, (bucket_id, number, begin, *after, *bound, wanted))

        rows = await self._across(bucket_id, start, after_upload is None, stop, limit, page)
        return [open_upload(bucket_id, *row) for row in rows]

    async def parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        rows = await self._client.execute(self._parts, (upload_id, after, limit))
        return [open_part(upload_id, number, record) for number, record in rows]

    async def usage(self, bucket_id: bytes) -> Usage:
        rows = await self._client.execute(self._usage, (bucket_id,))
        return sum((open_usage(partition, bucket_id, record) for partition, record in rows), Usage())

    async def has_versions(self, bucket_id: bytes) -> bool:
        async def reading(shard_map: ShardMap) -> bool:
            for number in sorted(shard_map.numbers()):
                if await self._client.execute(self._any_version, (bucket_id, number)):
                    return True
            return False

        return await self._maps.read(bucket_id, reading)

    async def applied(self, topic: str, partition: int) -> int:
        return await read_applied(self._journal, topic, partition)

    def all_versions(self, batch: int = 1000) -> AsyncIterator[list[tuple[bytes, ObjectVersion]]]:
        """In no particular order; what is written during the walk may be missing, and a row of a shard
        that is being moved comes twice."""
        return self._walk.versions(batch)

    def all_parts(self, batch: int = 1000) -> AsyncIterator[list[Part]]:
        return self._walk.parts(batch)

    async def _at(self, statement: Any, bucket_id: bytes, key: str, *more: Any) -> list[Any]:
        async def reading(shard_map: ShardMap) -> list[Any]:
            values = (bucket_id, shard_map.read_from(key), key, *more)
            return await self._client.execute(statement, values)

        return await self._maps.read(bucket_id, reading)

    async def _across(
        self,
        bucket_id: bytes,
        start: str,
        inclusive: bool,
        stop: str | None,
        limit: int,
        page: Callable[[int, str, bool, int], Awaitable[list[T]]],
    ) -> list[T]:
        """Up to `limit` rows of a range of keys, shard after shard. `page` reads from one of them: from the
        key on, itself too when told so, up to so many rows."""

        async def reading(shard_map: ShardMap) -> list[T]:
            rows: list[T] = []
            begin, included = start, inclusive
            for number, end in shard_map.ranges(start, stop):
                rows += await page(number, begin, included, limit - len(rows))
                if len(rows) >= limit or end is None:
                    break
                begin, included = end, True
            return rows

        if limit <= 0 or (stop is not None and stop <= start):
            return []
        return await self._maps.read(bucket_id, reading)

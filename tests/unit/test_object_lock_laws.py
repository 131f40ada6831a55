"""Laws of Object Lock: whatever is applied, in whatever order and batches, what is kept stays."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.contract import PutBucket, PutConfiguration, RemoveConfiguration
from processors.apply.decision import Moment
from processors.apply.lock import DAY
from processors.apply.rules import apply_bucket_event
from schemas.events import (
    BucketConfigure,
    BucketEvent,
    BucketUpdate,
    Event,
    ObjectUpdate,
    encode_event,
)
from schemas.manifest import Manifest
from schemas.rows import Attributes, Bucket, BucketLock, Configuration, LockMode, ObjectLock, ObjectVersion
from tests.unit.applying import BUCKET, ORIGIN, Partition, delete, epoch, part, put, update, upload

QUIET = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
DEFAULTS = (
    BucketLock(),
    BucketLock("GOVERNANCE", 1),
    BucketLock("COMPLIANCE", 1),
    BucketLock("COMPLIANCE", 2),
)


def some_lock(choose: Random, now: int) -> ObjectLock:
    until = now + choose.choice((-1, 1, 2, 9, DAY, 2 * DAY))
    modes: tuple[LockMode | None, ...] = ("GOVERNANCE", "COMPLIANCE", "COMPLIANCE", None)
    mode = choose.choice(modes)
    return ObjectLock(mode, until if mode else 0, choose.choice((True, False)))


def some_event(choose: Random, rows: Sequence[ObjectVersion], now: int, number: int) -> Event:
    """An event that tries to make, keep, release or remove something; mostly of a version that is there."""
    at = choose.choice((1, 1, 1, 2))
    version = choose.choice([None, *(row.version for row in rows)])
    bypass = choose.choice((True, False))
    made = put(at=at, blob=number)
    kinds: tuple[Event, ...] = (
        made,
        msgspec.structs.replace(made, attributes=Attributes(lock=some_lock(choose, now))),
        msgspec.structs.replace(made, attributes=Attributes(lock=ObjectLock(legal_hold=True))),
        put(at=at, blob=number, upload_id="u", upload_seq=choose.randrange(number)),
        msgspec.structs.replace(upload(at=at), attributes=Attributes(lock=some_lock(choose, now))),
        part(1, number, at=at),
        msgspec.structs.replace(delete(version=version, at=at), bypass_governance=bypass),
        msgspec.structs.replace(delete(version=version, at=at), bypass_governance=True),
        delete(at=at),
        ObjectUpdate(
            ORIGIN, BUCKET, at, "k", version, retention=some_lock(choose, now), bypass_governance=bypass
        ),
        ObjectUpdate(ORIGIN, BUCKET, at, "k", version, legal_hold=choose.choice((True, False))),
        update(version=version, at=at, tags={"n": str(number)}),
        msgspec.structs.replace(epoch(choose.choice((1, 2)), "enabled"), lock=choose.choice(DEFAULTS)),
    )
    return choose.choice(kinds)


def check_kept(row: ObjectVersion, after: ObjectVersion | None, events: Sequence[Event], now: int) -> None:
    """What must be true of a version that was there before these events were applied, at this time."""
    lock = row.attributes.lock
    if lock is None:
        return
    left = (after.attributes.lock if after else None) or ObjectLock()
    bypassed = any(getattr(event, "bypass_governance", False) for event in events)
    if lock.retain_until > now and (lock.mode == "COMPLIANCE" or not bypassed):
        assert left.mode == lock.mode
        assert left.retain_until >= lock.retain_until
    released = any(type(event) is ObjectUpdate and event.legal_hold is False for event in events)
    if lock.legal_hold and not released:
        assert left.legal_hold


def bytes_of(manifests: Sequence[Manifest | None]) -> set[bytes]:
    return {extent.blob for manifest in manifests if manifest for extent in manifest.extents}


async def tempt(path: Path, choose: Random) -> None:
    partition = Partition(path)
    await partition.one(msgspec.structs.replace(epoch(1, "enabled"), lock=choose.choice(DEFAULTS)))
    now, number = partition.time, 1
    for _ in range(choose.randint(1, 20)):
        now += choose.choice((0, 1, 1, 3, DAY))
        before = await partition.versions()
        events = []
        for _ in range(choose.choice((1, 1, 2, 4))):
            number += 1
            events.append(some_event(choose, before, now, number))
        outcomes = await partition.apply_at([now] * len(events), [encode_event(one) for one in events])
        after = {row.version: row for row in await partition.versions()}
        for row in before:
            check_kept(row, after.get(row.version), events, now)
        freed = bytes_of([manifest for _, fact in outcomes for manifest in fact.freed])
        assert freed.isdisjoint(bytes_of([row.manifest for row in after.values()]))
    await partition.close()


@given(seed=st.integers(0, 2**32))
@QUIET
def test_what_is_kept_is_there_until_its_time(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    asyncio.run(tempt(tmp_path_factory.mktemp("laws") / "index.sqlite", Random(seed)))


def some_change(choose: Random, bucket: Bucket) -> BucketEvent:
    """A change of the bucket, mostly on what it is now."""
    where = ORIGIN, bucket.name, bucket.bucket_id
    lock = choose.choice((None, *DEFAULTS))
    return choose.choice(
        (
            BucketUpdate(
                *where,
                bucket.epoch - choose.choice((0, 0, 0, 1)),
                choose.choice(("enabled", "suspended", bucket.versioning)),
                choose.choice(("open", "fenced")),
            ),
            BucketConfigure(*where, "object-lock", "", b"{}" if lock else None, {}, lock),
            BucketConfigure(*where, "cors", "", choose.choice((b"{}", None))),
        )
    )


@given(seed=st.integers(0, 2**32))
@QUIET
def test_a_bucket_with_object_lock_keeps_it_and_its_versioning(seed: int) -> None:
    choose = Random(seed)
    bucket = Bucket(BUCKET, "photos", "owner", "us-east-1", 1, 1)
    if choose.random() < 0.5:  # created with it
        bucket = msgspec.structs.replace(bucket, versioning="enabled", lock=BucketLock())
    present: dict[str, Configuration] = {}
    for seq in range(1, choose.randint(2, 25)):
        event = some_change(choose, bucket)
        kind = event.kind if isinstance(event, BucketConfigure) else ""
        decision = apply_bucket_event(event, bucket, present.get(kind), Moment(seq, seq))
        before = bucket
        for change in decision.changes:
            if isinstance(change, PutBucket):
                bucket = change.row
            elif isinstance(change, PutConfiguration):
                present[change.row.kind] = change.row
            elif isinstance(change, RemoveConfiguration):
                del present[change.kind]
        assert bucket.lock is not None or before.lock is None
        assert bucket.lock is None or bucket.versioning == "enabled"
        # What decides the fate of objects is told to every partition, so it is another epoch.
        same = (bucket.lock, bucket.versioning) == (before.lock, before.versioning)
        assert same or bucket.epoch > before.epoch

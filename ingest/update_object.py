"""Change what is said about a version, in place: its tags, its ACL, how long an archived one can be read."""

from ingest.ports import Ports
from ingest.submission import submit_key_event
from schemas.events import ObjectUpdate, Origin
from schemas.rows import Bucket, Grant, ObjectLock


async def set_tags(
    ports: Ports, bucket: Bucket, key: str, tags: dict[str, str], origin: Origin, version: str | None = None
) -> str:
    """Give an object, or one version of it, these tags and no others; returns the version's id.

    Raises NoSuchKey or NoSuchVersion, also for a delete marker."""
    event = ObjectUpdate(origin, bucket.bucket_id, bucket.epoch, key, version, tags)
    receipt = await submit_key_event(ports, bucket, event)
    return receipt.version


async def set_acl(
    ports: Ports,
    bucket: Bucket,
    key: str,
    acl: tuple[Grant, ...],
    origin: Origin,
    version: str | None = None,
) -> str:
    """Give an object, or one version of it, this ACL; returns the version's id.

    Raises NoSuchKey or NoSuchVersion, also for a delete marker."""
    event = ObjectUpdate(origin, bucket.bucket_id, bucket.epoch, key, version, acl=acl)
    receipt = await submit_key_event(ports, bucket, event)
    return receipt.version


async def restore(
    ports: Ports, bucket: Bucket, key: str, days: int, origin: Origin, version: str | None = None
) -> None:
    """Make an archived object, or one version of it, readable for so many days from now.

    Raises NoSuchKey, NoSuchVersion, InvalidObjectState."""
    event = ObjectUpdate(origin, bucket.bucket_id, bucket.epoch, key, version, None, days)
    await submit_key_event(ports, bucket, event)


async def set_retention(
    ports: Ports,
    bucket: Bucket,
    key: str,
    retention: ObjectLock,
    origin: Origin,
    version: str | None = None,
    bypass_governance: bool = False,
) -> None:
    """Give an object, or one version of it, this retention.

    Raises NoSuchKey, NoSuchVersion, ObjectLocked, InvalidRequest where the bucket has no Object Lock."""
    event = ObjectUpdate(
        origin, bucket.bucket_id, bucket.epoch, key, version, retention=retention,
        bypass_governance=bypass_governance,
    )  # fmt: skip
    await submit_key_event(ports, bucket, event)


async def set_legal_hold(
    ports: Ports, bucket: Bucket, key: str, held: bool, origin: Origin, version: str | None = None
) -> None:
    """Put an object, or one version of it, under legal hold, or take it away.

    Raises NoSuchKey, NoSuchVersion, InvalidRequest where the bucket has no Object Lock."""
    event = ObjectUpdate(origin, bucket.bucket_id, bucket.epoch, key, version, legal_hold=held)
    await submit_key_event(ports, bucket, event)

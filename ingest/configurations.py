"""Set and remove configurations of buckets: one event of `policies` each, decided in apply."""

from ingest.buckets import submit_policy_event
from ingest.ports import Ports
from ingest.submission import announce_everywhere
from schemas.configurations.documents import DOCUMENT_LIMIT, encode_document
from schemas.configurations.object_lock import OBJECT_LOCK, ObjectLockConfiguration
from schemas.errors import (
    ConfigurationTooLarge,
    InvalidBucketState,
    NoSuchBucket,
    OperationAborted,
    TooManyConfigurations,
)
from schemas.events import BucketConfigure, Origin
from schemas.rows import Bucket


async def configure_bucket(
    ports: Ports,
    bucket: Bucket,
    kind: str,
    identifier: str,
    document: bytes | None,
    origin: Origin,
    checked: tuple[str, ...] = (),
    replaces: int | None = None,
) -> None:
    """See `ingest.producer.Producer.configure_bucket`."""
    if document is not None and len(document) > DOCUMENT_LIMIT:
        raise ConfigurationTooLarge(
            f"The configuration has {len(document)} bytes as it is stored, and at most {DOCUMENT_LIMIT} fit."
        )
    seen = {name: told.seq if (told := bucket.configurations.get(name)) else 0 for name in checked}
    event = BucketConfigure(
        origin, bucket.name, bucket.bucket_id, kind, identifier, document, seen, replaces=replaces
    )
    await _submit(ports, event)


async def lock_bucket(
    ports: Ports, bucket: Bucket, configuration: ObjectLockConfiguration, origin: Origin
) -> None:
    """See `ingest.producer.Producer.lock_bucket`. The lock decides the fate of objects, so every partition
    learns the bucket's new epoch before this returns."""
    document = encode_document(configuration)
    lock = configuration.bucket_lock()
    await _submit(
        ports,
        BucketConfigure(origin, bucket.name, bucket.bucket_id, OBJECT_LOCK.name, "", document, {}, lock),
    )
    fresh = await ports.directory.refresh(bucket.name)
    if fresh is None or fresh.bucket_id != bucket.bucket_id:
        raise NoSuchBucket("The specified bucket does not exist", BucketName=bucket.name)
    await announce_everywhere(ports, fresh, origin)


async def _submit(ports: Ports, event: BucketConfigure) -> None:
    """Append the event; raises the domain error of a refusal."""
    receipt = await submit_policy_event(ports, event.name, event)
    match receipt.refusal:
        case "":
            await ports.directory.settle()
        case "no-such-bucket":
            raise NoSuchBucket("The specified bucket does not exist", BucketName=event.name)
        case "too-many-configurations":
            raise TooManyConfigurations()
        case "invalid-bucket-state":
            raise InvalidBucketState(f"The bucket's versioning must be enabled to set its {event.kind}.")
        case _:
            raise OperationAborted()

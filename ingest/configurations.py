"""Set and remove configurations of buckets: one event of `policies` each, decided in apply."""

from ingest.buckets import submit_policy_event
from ingest.ports import Ports
from schemas.configurations.documents import DOCUMENT_LIMIT
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
) -> None:
    """See `ingest.producer.Producer.configure_bucket`."""
    if document is not None and len(document) > DOCUMENT_LIMIT:
        raise ConfigurationTooLarge(
            f"The configuration has {len(document)} bytes as it is stored, and at most {DOCUMENT_LIMIT} fit."
        )
    seen = {name: told.seq if (told := bucket.configurations.get(name)) else 0 for name in checked}
    event = BucketConfigure(origin, bucket.name, bucket.bucket_id, kind, identifier, document, seen)
    receipt = await submit_policy_event(ports, bucket.name, event)
    match receipt.refusal:
        case "":
            await ports.directory.settle()
        case "no-such-bucket":
            raise NoSuchBucket("The specified bucket does not exist", BucketName=bucket.name)
        case "too-many-configurations":
            raise TooManyConfigurations()
        case "invalid-bucket-state":
            raise InvalidBucketState(f"The bucket's versioning must be enabled to set its {kind}.")
        case _:
            raise OperationAborted()

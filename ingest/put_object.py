"""PutObject: the bytes into blobs, then one event, then the receipt."""

from ingest.intake import store_object
from ingest.payload import Payload
from ingest.ports import Ports
from ingest.results import PutResult
from ingest.submission import submit_with_bytes
from schemas.events import Condition, ObjectPut, Origin
from schemas.rows import Attributes, Bucket


async def put_object(
    ports: Ports,
    bucket: Bucket,
    key: str,
    payload: Payload,
    attributes: Attributes,
    origin: Origin,
    condition: Condition | None = None,
    owner: str = "",
) -> PutResult:
    """Store an object; see `ingest.producer.Producer.put_object` for the errors."""
    expires = ports.lease_end()
    stored = await store_object(ports, bucket.key_id, payload)
    event = ObjectPut(
        origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), owner or bucket.owner_id, stored.size,
        stored.etag, attributes, stored.manifest, stored.checksum, condition, expires=expires,
    )  # fmt: skip
    receipt = await submit_with_bytes(ports, bucket, event, stored.pending)
    return PutResult(receipt.version, stored.etag, stored.size, receipt.time, stored.checksum)

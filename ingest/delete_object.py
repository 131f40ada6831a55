"""DeleteObject: one event; apply decides whether it removes, marks or finds nothing."""

from ingest.ports import Ports
from ingest.results import DeleteResult
from ingest.submission import submit_key_event
from schemas.events import Condition, ObjectDelete, Origin
from schemas.ids import check_version_id
from schemas.rows import Bucket


async def delete_object(
    ports: Ports,
    bucket: Bucket,
    key: str,
    origin: Origin,
    version: str | None = None,
    condition: Condition | None = None,
    bypass_governance: bool = False,
) -> DeleteResult:
    """Delete a key, or one version of it for good. Deleting what is not there succeeds. Raises
    InvalidArgument for a text that cannot be a version id, ObjectLocked."""
    if version is not None:
        check_version_id(version)
    event = ObjectDelete(
        origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), origin.actor, version, condition,
        bypass_governance=bypass_governance,
    )  # fmt: skip
    receipt = await submit_key_event(ports, bucket, event)
    return DeleteResult(receipt.version, receipt.delete_marker)

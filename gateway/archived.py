"""What the wire says of archived objects: that they cannot be read, or until when they are restored."""

import time
from collections.abc import Mapping

from gateway.dates import http_date, iso_date
from schemas.archive import is_archived, is_restored
from schemas.errors import InvalidArgument, InvalidObjectState
from schemas.rows import ObjectVersion

OPTIONAL_ATTRIBUTES = "x-amz-optional-object-attributes"


def check_readable(version: ObjectVersion) -> None:
    """Raises InvalidObjectState for an archived version that is not restored."""
    if is_archived(version) and not is_restored(version, time.time()):
        raise InvalidObjectState(
            "The operation is not valid for the object's storage class",
            StorageClass=version.attributes.storage_class,
        )


def restore_header(version: ObjectVersion) -> list[tuple[str, str]]:
    """`x-amz-restore` of an archived version that is restored now."""
    if not is_archived(version) or not is_restored(version, time.time()):
        return []
    end = http_date(version.restored_until)
    return [("x-amz-restore", f'ongoing-request="false", expiry-date="{end}"')]


def restore_status(restored_until: int) -> str:
    """The element of listings, of a version restored until then (Unix milliseconds)."""
    return (
        "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
        f"<RestoreExpiryDate>{iso_date(restored_until)}</RestoreExpiryDate></RestoreStatus>"
    )


def wants_restore_status(headers: Mapping[str, str]) -> bool:
    """Whether a listing shall tell who is restored. Raises InvalidArgument for another attribute."""
    text = headers.get(OPTIONAL_ATTRIBUTES)
    if text is None:
        return False
    names = {name.strip() for name in text.split(",")} - {""}
    if unknown := names - {"RestoreStatus"}:
        raise InvalidArgument(
            "Invalid attribute name specified.", ArgumentName=OPTIONAL_ATTRIBUTES, ArgumentValue=min(unknown)
        )
    return bool(names)

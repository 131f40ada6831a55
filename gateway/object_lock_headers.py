"""Object Lock in headers: what a write asks for, what an answer tells."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

from gateway.dates import iso_date
from gateway.payload_headers import require_digest
from gateway.request import Request
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.rows import Bucket, LockMode, ObjectLock

MODE = "x-amz-object-lock-mode"
UNTIL = "x-amz-object-lock-retain-until-date"
HOLD = "x-amz-object-lock-legal-hold"
LOCK_HEADERS = frozenset({MODE, UNTIL, HOLD})
BYPASS = "x-amz-bypass-governance-retention"

EPOCH = datetime.fromtimestamp(0, UTC)

MODES: dict[str, LockMode] = {name: name for name in get_args(LockMode)}


async def lock_of_write(request: Request) -> ObjectLock:
    """The lock that the headers of a write ask for. Raises InvalidArgument, InvalidRequest."""
    headers = request.headers
    require_lock(await request.services.reader.bucket(request.bucket))
    held = _is_held(headers[HOLD]) if HOLD in headers else None
    if MODE not in headers and UNTIL not in headers:
        return ObjectLock(legal_hold=held)
    if MODE not in headers or UNTIL not in headers:
        raise InvalidArgument(f"{UNTIL} and {MODE} must both be supplied", ArgumentName=MODE)
    mode = MODES.get(headers[MODE])
    if mode is None:
        raise InvalidArgument("Unknown wormMode directive.", ArgumentName=MODE, ArgumentValue=headers[MODE])
    return ObjectLock(mode, retain_until(headers[UNTIL]), held)


def require_lock(bucket: Bucket) -> None:
    """Raises InvalidRequest where the bucket has no Object Lock."""
    if bucket.lock is None:
        raise InvalidRequest("Bucket is missing Object Lock Configuration")


def require_lock_digest(request: Request, bucket: Bucket, lock: ObjectLock | None) -> None:
    """What comes under a lock, asked for or by the bucket's default, has to arrive whole: S3 wants proof.

    Raises InvalidRequest without any."""
    if bucket.lock is not None and (lock is not None or bucket.lock.mode is not None):
        what = "Put Part" if request.operation == "UploadPart" else "Put Object"
        require_digest(
            request.headers,
            f"Content-MD5 OR x-amz-checksum- HTTP header is required for {what} requests with Object Lock "
            f"parameters",
        )


def retain_until(text: str) -> int:
    """A moment to come, ISO 8601, in Unix milliseconds. Raises InvalidArgument."""
    try:
        moment = datetime.fromisoformat(text.strip())
        # Not before or after all years that can be written, once its offset is counted in.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(
            "The retain until date must be provided in ISO 8601 format",
            ArgumentName=UNTIL,
            ArgumentValue=text,
        ) from None
    if moment <= datetime.now(UTC):
        raise InvalidArgument(
            "The retain until date must be in the future!", ArgumentName=UNTIL, ArgumentValue=text
        )
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _is_held(text: str) -> bool:
    if text not in ("ON", "OFF"):
        raise InvalidArgument(
            "Legal Hold must be either of 'ON' or 'OFF'", ArgumentName=HOLD, ArgumentValue=text
        )
    return text == "ON"


def bypasses(headers: Mapping[str, str]) -> bool:
    """Whether retention in GOVERNANCE mode is to be passed over."""
    return headers.get(BYPASS, "").lower() == "true"


def lock_headers(lock: ObjectLock) -> list[tuple[str, str]]:
    """What GET and HEAD tell of a version's lock."""
    headers = [] if lock.legal_hold is None else [(HOLD, "ON" if lock.legal_hold else "OFF")]
    if lock.mode is not None:
        headers += [(MODE, lock.mode), (UNTIL, iso_date(lock.retain_until))]
    return headers

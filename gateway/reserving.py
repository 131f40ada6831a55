"""Requests that write ask for room in the quotas that hold for them, once it is known how much they bring."""

from collections.abc import Mapping

from gateway.payload_headers import content_length
from gateway.quotas import Reservation
from gateway.request import Request
from schemas.errors import MissingContentLength
from schemas.limits import BUCKET_LIMITS
from schemas.rows import Bucket, Usage

DECODED = "x-amz-decoded-content-length"


def announced_size(headers: Mapping[str, str]) -> int | None:
    """The bytes that a body will have without its framing; None where that is not told. What is no number is
    refused when the body is read."""
    decoded = headers.get(DECODED, "")
    return int(decoded) if decoded.isascii() and decoded.isdigit() else content_length(headers)


async def reserve(request: Request, bucket: Bucket, size: int | None, versions: int = 1) -> None:
    """Let a write of that many bytes and versions through, until the request is answered. Costs two looks
    where there are no limits.

    Raises QuotaExceeded; MissingContentLength for a body of unknown size (None) where there is a quota."""
    services = request.services
    if BUCKET_LIMITS.name not in bucket.configurations and not services.identities.directory.limited:
        return
    held = await services.quotas.of(bucket)
    if not held:
        return
    if size is None:
        raise MissingContentLength("The bucket has a quota, so the length of the body must be told.")
    if request.reservation is None:
        request.reservation = Reservation()
    await request.reservation.take(held, Usage(size, 0, versions))

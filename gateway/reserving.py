"""Requests that write ask for room in the quotas that hold for them, once it is known how much they bring."""

from gateway.payload_headers import announced_size
from gateway.quotas import Reservation
from gateway.request import Request
from schemas.errors import MissingContentLength
from schemas.limits import BUCKET_LIMITS
from schemas.rows import Bucket, Usage


async def reserve_body(request: Request, bucket: Bucket, versions: int = 1) -> None:
    """As `reserve`, for the body that the request announces: what its headers say of it is looked up only
    where there are limits."""
    if _is_limited(request, bucket):
        await reserve(request, bucket, announced_size(request.headers), versions)


async def reserve(request: Request, bucket: Bucket, size: int | None, versions: int = 1) -> None:
    """Let a write of that many bytes and versions through, until the request is answered. Costs two looks
    where there are no limits.

    Raises QuotaExceeded; MissingContentLength for a body of unknown size (None) where there is a quota."""
    if not _is_limited(request, bucket):
        return
    held = await request.services.quotas.of(bucket)
    if not held:
        return
    if size is None:
        raise MissingContentLength("The bucket has a quota, so the length of the body must be told.")
    if request.reservation is None:
        request.reservation = Reservation()
    await request.reservation.take(held, Usage(size, 0, versions))


def _is_limited(request: Request, bucket: Bucket) -> bool:
    """Whether there may be a quota: few stores limit anything."""
    return BUCKET_LIMITS.name in bucket.configurations or request.services.identities.directory.limited

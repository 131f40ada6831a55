"""Holds requests to the limits of their access key and account, and of the bucket that they are about.

A caller's limits count as soon as it is known who calls, also for what is refused then; a bucket's only for
what may be done in it, so that nobody else can use its rate up. Rates of requests are kept by refusing;
bandwidth by pacing what is under way, since a transfer that is cut off would only be asked for again.
"""

import asyncio
import math

from gateway.authorization.actions import NEEDS
from gateway.request import Request
from gateway.throttle import Throttle
from gateway.token_buckets import SECOND, rate
from schemas.errors import RateLimited
from schemas.limits import BUCKET_LIMITS, Limits
from schemas.rows import Bucket

PATIENCE = 2 * SECOND  # nanoseconds; a request whose bytes would have to wait longer is refused


async def limit_caller(request: Request, access_key: str) -> None:
    """Hold a request to the limits of its caller's account, and of the access key that it was signed with, or
    its bearer token was. Raises RateLimited."""
    directory = request.services.identities.directory
    principal = request.principal
    if principal.session is not None:
        access_key = principal.session.parent
    held = []
    if (found := directory.key_limits.get(access_key)) is not None:
        held.append((f"the access key {access_key}", found))
    if (found := directory.account_limits.get(principal.account)) is not None:
        held.append((f"the account {principal.account}", found))
    await _hold(request, [(who, entry.seq, entry.document) for who, entry in held])


async def limit_in_bucket(request: Request, bucket: Bucket) -> None:
    """As `limit_bucket`, for a request that was authorized by its operation. What nobody has been asked about
    yet does not count: preflights, forms, and deletions of several objects by other accounts."""
    on = NEEDS[request.operation].on
    if on in ("bucket", "object") or (on == "each" and request.principal.id == bucket.owner_id):
        await limit_bucket(request, bucket)


async def limit_bucket(request: Request, bucket: Bucket) -> None:
    """Hold a request to the limits of the bucket that it is about. Raises RateLimited."""
    told = bucket.configurations.get(BUCKET_LIMITS.name)
    if told is None:
        return
    limits = await request.services.reader.configuration(bucket, BUCKET_LIMITS)
    if limits is not None:
        await _hold(request, [(f"the bucket {bucket.name}", told.seq, limits)])


async def _hold(request: Request, held: list[tuple[str, int, Limits]]) -> None:
    """Refuse the request, have it wait for bytes that were moved before, and pace its own."""
    buckets = request.services.token_buckets
    asked = [(who, limits.requests, rate(f"requests {who} {seq}", limits.requests))
             for who, seq, limits in held if limits.requests]  # fmt: skip
    up = [rate(f"upload {who} {seq}", limits.upload) for who, seq, limits in held if limits.upload]
    down = [rate(f"download {who} {seq}", limits.download) for who, seq, limits in held if limits.download]
    owed = buckets.owed(down if request.method in ("GET", "HEAD") else up) if up or down else 0
    if owed > PATIENCE:
        names = " and ".join(who for who, _, limits in held if limits.upload or limits.download)
        raise _limited(f"what {names} may transfer in a second is under way already.", owed - PATIENCE)
    if asked and (missing := buckets.take([one for _, _, one in asked])) is not None:
        who, most, _ = asked[missing.which]
        raise _limited(f"{who} may send {most} a second.", missing.wait)
    if up or down:
        throttle = request.throttle = request.throttle or Throttle(buckets)
        throttle.up += tuple(up)
        throttle.down += tuple(down)
        if owed:
            await asyncio.sleep(owed / SECOND)


def _limited(why: str, wait: int) -> RateLimited:
    seconds = max(1, math.ceil(wait / SECOND))
    return RateLimited(f"Please reduce your request rate: {why}", retry_after=str(seconds))

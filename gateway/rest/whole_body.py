"""Reads the body of a request that is answered from the whole of it: the KMS, IAM and STS."""

import asyncio

from starlette.requests import Request

from schemas.errors import EntityTooLarge, RequestTimeout

BODY_LIMIT = 256 * 1024


async def whole_body(request: Request, window: float) -> bytes:
    """The body, which must arrive within `window` seconds. Raises EntityTooLarge, RequestTimeout."""
    found = bytearray()
    try:
        async with asyncio.timeout(window):
            async for chunk in request.stream():
                found += chunk
                if len(found) > BODY_LIMIT:
                    raise EntityTooLarge(f"the body is larger than {BODY_LIMIT} bytes")
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {window:.0f} seconds") from None
    return bytes(found)

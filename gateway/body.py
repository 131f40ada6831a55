"""Bodies of requests: XML bodies whole, object bodies as a `Payload` for `ingest`.

A client that goes away in mid-body ends the iteration with Disconnected, which becomes IncompleteBody; and
every body is counted against what was announced, so that a short one is refused as well.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from time import monotonic
from typing import TypeVar

from access.chunked import ChunkedDecoder, decoder_for, is_chunked
from gateway.http1.exchange import Disconnected
from gateway.pace import Pacing
from gateway.payload_headers import (
    Announced,
    announced_checksum,
    content_length,
    decoded_length,
)
from gateway.request import Request
from ingest.checksums import parse_content_md5
from ingest.digests import digest_whole
from ingest.payload import Payload
from schemas.errors import (
    IncompleteBody,
    InvalidRequest,
    MessageTooLong,
    MissingContentLength,
    RequestTimeout,
)

WHOLE_LIMIT = 1024**2  # bytes; bodies up to here are read at once, so that they can be packed
HASH_ON_LOOP_BYTES = 64 * 1024
ONE_WAIT_BYTES = 64 * 1024  # a body up to here comes in one piece, or its client is too slow

T = TypeVar("T")


async def payload(request: Request) -> Payload:
    """The body of an object or part, as announced by the headers.

    A small body has arrived when this returns; a larger one is not begun yet, so it can still be refused
    unread. Raises MissingContentLength, IncompleteBody, InvalidDigest, InvalidArgument, InvalidRequest.
    """
    return await _payload(request, announced_checksum(request.headers))


async def _payload(request: Request, announced: Announced) -> Payload:
    headers = request.headers
    md5 = parse_content_md5(headers["content-md5"]) if "content-md5" in headers else None
    if is_chunked(request.signing, headers):
        return await _framed(request, announced, md5)
    if announced.trailer is not None:
        raise InvalidRequest(
            f"x-amz-trailer needs a body in aws-chunked framing, not {request.signing.payload}."
        )
    length = content_length(headers)
    if length is None:
        raise MissingContentLength()
    chunks = await _at_once(request, length) if length <= WHOLE_LIMIT else _stream(request, length)
    return Payload(chunks, length, md5, request.signing.sha256, announced.algorithm, announced.value)


async def arriving(request: Request, length: int) -> AsyncIterator[bytes]:
    """The body as it comes, a small one in one piece. Raises IncompleteBody, RequestTimeout."""
    if length <= WHOLE_LIMIT:
        yield await _at_once(request, length)
        return
    async for data in _stream(request, length):
        yield data


async def whole(request: Request, limit: int, checksum_of_body: bool = True) -> bytes:
    """A small body (XML), checked against its digests. Raises MessageTooLong past `limit` bytes.

    `checksum_of_body` is False where x-amz-checksum-* means something else (the object that
    CompleteMultipartUpload makes)."""
    headers = request.headers
    if "content-length" not in headers and "x-amz-decoded-content-length" not in headers:
        if "transfer-encoding" in headers:
            raise MissingContentLength()
        return b""
    if (content_length(headers) or 0) > limit + limit // 8:  # an eighth for the framing of chunks
        raise _too_large(limit)
    # The checksum of an object made of parts may end in their number: as a body's it could not be read.
    about_body = (
        headers
        if checksum_of_body
        else {name: value for name, value in headers.items() if not name.startswith("x-amz-checksum-")}
    )
    body = await _payload(request, announced_checksum(about_body))
    if body.size is not None and body.size > limit:
        raise _too_large(limit)
    data = body.chunks if isinstance(body.chunks, bytes) else b"".join([chunk async for chunk in body.chunks])
    digest_whole(body, data)
    return data


def _too_large(limit: int) -> MessageTooLong:
    return MessageTooLong("Your request was too large.", MaxMessageLengthBytes=str(limit))


async def _framed(request: Request, announced: Announced, md5: bytes | None) -> Payload:
    """A body in aws-chunked framing: signed chunks, a trailer, or both."""
    decoder = decoder_for(request.signing, request.headers)
    size = decoded_length(request.headers)
    length = content_length(request.headers)
    chunks: bytes | AsyncIterator[bytes]
    if length is not None and length <= WHOLE_LIMIT:
        framed = await _at_once(request, length)
        chunks = (
            await _off_loop(decoder.decode, framed) if _hashes(request, framed) else decoder.decode(framed)
        )
    else:
        chunks = _unframe(request, decoder, length)
    trailer = announced.trailer
    trailing = None if trailer is None else partial(decoder.trailers.get, trailer)
    return Payload(chunks, size, md5, None, announced.algorithm, announced.value, trailing)


async def _unframe(request: Request, decoder: ChunkedDecoder, length: int | None) -> AsyncIterator[bytes]:
    async for data in _stream(request, length):
        pieces = await _off_loop(decoder.feed, data) if _hashes(request, data) else decoder.feed(data)
        if pieces:
            yield b"".join(pieces)
    decoder.finish()


def _hashes(request: Request, data: bytes) -> bool:
    """Whether taking the framing off hashes so much that it would hold up other requests."""
    return len(data) > HASH_ON_LOOP_BYTES and request.signing.payload.startswith("STREAMING-AWS4")


async def _off_loop(decode: Callable[[bytes], T], data: bytes) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, decode, data)


async def _at_once(request: Request, length: int) -> bytes:
    if not length:
        return b""
    if length > ONE_WAIT_BYTES:
        return b"".join([piece async for piece in _stream(request, length)])
    data = await _small(request)
    request.received = len(data)
    if request.throttle is not None:
        request.throttle.received(len(data))
    if len(data) != length:
        raise _incomplete(length, len(data))
    return data


async def _small(request: Request) -> bytes:
    here: bytes | None = request.body.here()
    if here is not None:
        return here
    try:
        data: bytes = await request.services.patience.wait(request.body())
    except TimeoutError:
        raise RequestTimeout() from None
    except Disconnected:
        raise IncompleteBody() from None
    return data


async def _stream(request: Request, length: int | None) -> AsyncIterator[bytes]:
    """The body as it arrives; `length` None when its end is only told by its framing."""
    received = 0
    arriving = aiter(request.body)
    pacing = Pacing(request.services.pace)
    while True:
        began = monotonic()
        try:
            data: bytes = await request.services.patience.wait(anext(arriving))
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise RequestTimeout() from None
        except Disconnected:
            break
        if not pacing.keeps(monotonic() - began, len(data)):
            raise RequestTimeout()
        received += len(data)
        request.received = received
        if request.throttle is not None and (wait := request.throttle.received(len(data))) > 0:
            await asyncio.sleep(wait)
        if data:
            yield data
    if length is not None and received != length:
        raise _incomplete(length, received)


def _incomplete(expected: int, received: int) -> IncompleteBody:
    return IncompleteBody(ExpectedBytes=str(expected), ReceivedBytes=str(received))

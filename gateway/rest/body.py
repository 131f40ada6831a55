"""Bodies of the REST API: an object's bytes as a Payload for `ingest`, JSON as a model."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from gateway.pace import Pacing
from gateway.payload_headers import content_length
from gateway.rest.call import Call
from gateway.rest.object_headers import CHECKSUM, announced_checksum
from ingest.checksums import ALGORITHMS, decode_expected, parse_content_md5
from ingest.intake import MAX_PUT_BYTES
from ingest.payload import Payload
from schemas.errors import (
    ContentSHA256Mismatch,
    EntityTooLarge,
    IncompleteBody,
    InvalidArgument,
    InvalidDigest,
    InvalidRequest,
    RequestTimeout,
)

WHOLE_LIMIT = 1024**2  # bytes; bodies up to here are read at once, so that they can be packed
JSON_LIMIT = 64 * 1024

Model = TypeVar("Model", bound=BaseModel)


async def object_payload(call: Call) -> Payload:
    """The body of a PUT with what its headers promise of it. A small one has arrived when this returns.

    Without Content-Length (chunked transfer) the size is not known beforehand, and the body is streamed.
    Raises EntityTooLarge, InvalidArgument, InvalidDigest, IncompleteBody, RequestTimeout.
    """
    size = body_size(call.headers)
    if size is not None and size > MAX_PUT_BYTES:
        raise EntityTooLarge(f"a body of {size} bytes; one PUT takes up to {MAX_PUT_BYTES}")
    md5 = parse_content_md5(call.headers["content-md5"]) if "content-md5" in call.headers else None
    algorithm, value = announced_checksum(call.headers)
    if algorithm and value is not None:
        _check_form(algorithm, value)
    chunks = _stream(call)
    if size is not None and size <= WHOLE_LIMIT:
        data = b"".join([chunk async for chunk in chunks])
        return Payload(data, size, md5, call.sha256, algorithm, value)
    return Payload(chunks, size, md5, call.sha256, algorithm, value)


def body_size(headers: Mapping[str, str]) -> int | None:
    """Bytes of the body; None for chunked transfer. Raises InvalidArgument."""
    size = content_length(headers)
    return 0 if size is None and "transfer-encoding" not in headers else size


def _check_form(algorithm: str, value: str) -> None:
    try:
        decode_expected(algorithm, value)
    except (InvalidRequest, InvalidDigest):
        size = ALGORITHMS[algorithm].size
        raise InvalidArgument(
            f"{CHECKSUM} is {algorithm}={value}; {algorithm} is {size} bytes in base64"
        ) from None


async def _stream(call: Call) -> AsyncIterator[bytes]:
    """Chunks as they arrive. Raises IncompleteBody (the client went away), RequestTimeout (too slow)."""
    chunks = call.request.stream()
    pace = call.services.pace
    pacing = Pacing(pace)
    while True:
        began = monotonic()
        try:
            async with asyncio.timeout(pace.window):
                chunk = await anext(chunks, None)
        except ClientDisconnect:
            raise IncompleteBody("the client went away before the body had ended") from None
        except TimeoutError:
            raise RequestTimeout(f"no byte of the body arrived within {pace.window:.0f} seconds") from None
        if chunk is None:
            return
        if not pacing.keeps(monotonic() - began, len(chunk)):
            raise RequestTimeout(f"the body arrives more slowly than {pace.rate} bytes a second")
        throttle = call.asked.throttle
        if throttle is not None and (wait := throttle.received(len(chunk))) > 0:
            await asyncio.sleep(wait)
        if chunk:
            yield chunk


async def json_body(call: Call, model: type[Model]) -> Model:
    """The body as that model. Raises EntityTooLarge, InvalidArgument, ContentSHA256Mismatch."""
    return validated(await json_bytes(call), model)


async def json_bytes(call: Call) -> bytes:
    """The body, whole and as it was signed. Raises EntityTooLarge, ContentSHA256Mismatch."""
    data = bytearray()
    async for chunk in _stream(call):
        data += chunk
        if len(data) > JSON_LIMIT:
            raise EntityTooLarge(f"the body is larger than {JSON_LIMIT} bytes")
    if call.sha256 is not None and hashlib.sha256(data).digest() != call.sha256:
        raise ContentSHA256Mismatch()
    return bytes(data)


def validated(body: bytes, model: type[Model]) -> Model:
    """JSON as that model. Raises InvalidArgument, naming the field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidArgument(f"the body's {where or 'JSON'}: {first['msg']}") from None

"""SelectObjectContent: a query over one object, its records sent as they are found."""

import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec

from gateway.archived import check_readable
from gateway.body import whole
from gateway.encryption import unlock
from gateway.event_stream import error, event
from gateway.get_object import find_named
from gateway.request import Request, Response
from gateway.select_request import read_select
from gateway.xml import DECLARATION, parse
from query.select import spec
from query.select.parser import LIMIT
from query.select.running import Frame
from schemas.errors import NotImplementedOperation, SelectRefused

BODY_LIMIT = LIMIT + 64 * 1024  # bytes
CONTINUATION = event("Cont")
END = event("End")


async def select_object_content(request: Request) -> Response:
    """SelectObjectContent. What goes wrong before the first record is an error like any other; later it is
    the last message."""
    if importlib.util.find_spec("duckdb") is None:
        raise NotImplementedOperation(
            "SelectObjectContent is not implemented here: it needs the packages of strandline[select]."
        )
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    root = parse(await whole(request, BODY_LIMIT), "SelectObjectContentRequest")
    version = await find_named(request, bucket)
    check_readable(version)
    version = await unlock(request, version)
    wanted = read_select(root, version.size)
    frames = request.services.queries.run(wanted.spec, reader.stream(version, 0, version.size))
    first = await anext(frames)
    if first.kind == spec.FAILED:
        await frames.aclose()
        failure = msgspec.json.decode(first.data, type=spec.Failure)
        raise SelectRefused(failure.code, failure.message)
    return Response(
        200, [("content-type", "application/octet-stream")], _messages(first, frames, wanted.progress)
    )


async def _messages(
    first: Frame, frames: AsyncGenerator[Frame, None], progress: bool
) -> AsyncIterator[bytes]:
    async with aclosing(frames):
        frame: Frame | None = first
        while frame is not None:
            match frame.kind:
                case spec.RECORDS:
                    yield event("Records", frame.data, "application/octet-stream")
                case spec.PROGRESS:
                    if progress:
                        yield _told("Progress", frame.data)
                case spec.DONE:
                    yield _told("Stats", frame.data) + END
                case spec.FAILED:
                    failure = msgspec.json.decode(frame.data, type=spec.Failure)
                    yield error(failure.code, failure.message)
                case _:
                    yield CONTINUATION
            frame = await anext(frames, None)


def _told(kind: str, data: bytes) -> bytes:
    stats = msgspec.json.decode(data, type=spec.Stats)
    text = (
        f"{DECLARATION}<{kind}><BytesScanned>{stats.scanned}</BytesScanned><BytesProcessed>{stats.processed}"
        f"</BytesProcessed><BytesReturned>{stats.returned}</BytesReturned></{kind}>"
    )
    return event(kind, text.encode(), "text/xml")


HANDLERS = {"SelectObjectContent": select_object_content}

"""Runs the child process of a query: feeds it the object, hands on what it writes, and ends it."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from query.select.spec import FAILED, HEADER, Failure, Spec
from schemas.errors import SelectRefused

AT_ONCE = 4  # queries of one process; more wait
WAITING = 16  # more than that are told to come later
QUERY_SECONDS = 600.0
ALIVE_SECONDS = 5.0  # without an answer, after which the client is told to go on waiting
STILL_AT_WORK = b"C"
ROOT = Path(__file__).resolve().parents[2]


class Frame(NamedTuple):
    """kind: one of query.select.spec, or STILL_AT_WORK."""

    kind: bytes
    data: bytes


class Queries:
    """The queries that one process runs, and how many of them wait."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._asked = 0

    async def run(self, spec: Spec, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Frame, None]:
        """What the child writes. Ends it when nobody wants more. Raises SelectRefused (Busy), and what
        reading the object raises."""
        if self._asked >= AT_ONCE + WAITING:
            raise SelectRefused("Busy", "Too many queries are running. Please try again later.")
        self._asked += 1
        try:
            async with self._free, aclosing(_answer(spec, pieces)) as frames:
                async for frame in frames:
                    yield frame
        finally:
            self._asked -= 1


async def _answer(spec: Spec, pieces: AsyncIterator[bytes]) -> AsyncGenerator[Frame, None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "query.select.child", cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    feeding = asyncio.create_task(_feed(child, spec, pieces), name="select-feed")
    try:
        async with aclosing(_frames(child, feeding)) as frames:
            async for frame in frames:
                yield frame
    finally:
        feeding.cancel()
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _feed(child: asyncio.subprocess.Process, spec: Spec, pieces: AsyncIterator[bytes]) -> None:
    assert child.stdin is not None
    told = msgspec.json.encode(spec)
    # The child may have answered before it has read everything.
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(len(told).to_bytes(4, "big") + told)
        async for piece in pieces:
            child.stdin.write(piece)
            await child.stdin.drain()
    child.stdin.close()


async def _frames(
    child: asyncio.subprocess.Process, feeding: "asyncio.Task[None]"
) -> AsyncGenerator[Frame, None]:
    assert child.stdout is not None
    loop = asyncio.get_running_loop()
    limit = loop.time() + QUERY_SECONDS
    while True:
        reading = asyncio.ensure_future(_next(child.stdout))
        try:
            while not reading.done():
                waited = {reading} if feeding.done() else {reading, feeding}
                await asyncio.wait(waited, timeout=ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if feeding.done():
                    feeding.result()  # an object that cannot be read must not be taken for a short one
                elif not reading.done():
                    yield Frame(STILL_AT_WORK, b"")
                if loop.time() > limit:
                    yield _failed(f"The query took longer than {QUERY_SECONDS:.0f} s.")
                    return
            frame = reading.result()
        except asyncio.IncompleteReadError as ended:
            if ended.partial or await child.wait() != 0:
                yield _failed("The query used more memory or time than it may have.")
            return
        finally:
            reading.cancel()
        yield frame


async def _next(stream: asyncio.StreamReader) -> Frame:
    head = await stream.readexactly(HEADER)
    return Frame(head[:1], await stream.readexactly(int.from_bytes(head[1:], "big")))


def _failed(message: str) -> Frame:
    return Frame(FAILED, msgspec.json.encode(Failure("Busy", message)))

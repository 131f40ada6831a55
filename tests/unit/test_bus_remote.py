"""Submitter across a socket pair: receipts and errors come back as they are, silence and loss as timeouts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

import bus.remote
from bus.remote import RemoteSubmitter, connect_submitter, serve_worker
from schemas.errors import LogUnavailable, StorageFull, StrandlineError, SubmitTimeout
from schemas.receipts import Receipt

TOPIC = "object-versions"


class Sequencer:
    """Answers by what the payload says; `never` waits for `released`."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.recorded: list[bytes] = []
        self.released = asyncio.Event()

    def append(self, topic: str, payload: bytes) -> "asyncio.Future[Receipt]":
        self.taken.append(payload)
        if payload == b"full":
            raise StorageFull("no space left")
        if payload == b"unavailable":
            raise LogUnavailable("shutting down")
        return asyncio.ensure_future(self._answer(payload))

    async def _answer(self, payload: bytes) -> Receipt:
        if payload == b"bug":
            raise ZeroDivisionError
        if payload == b"never":
            await self.released.wait()
        return Receipt(len(payload), 7, version=payload[:8].decode())


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Sequencer, RemoteSubmitter, Callable[[], None], asyncio.Event]]:
    """A sequencer, a worker's submitter, what cuts them off, and the event of having noticed."""
    ours, theirs = socket.socketpair()
    sequencer, lost = Sequencer(), asyncio.Event()
    transport = await serve_worker(ours, sequencer.append, sequencer.recorded.append)
    submitter = await connect_submitter(theirs, lost.set)
    try:
        yield sequencer, submitter, transport.close, lost
    finally:
        transport.close()
        await asyncio.wait_for(lost.wait(), 10)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(scenario(), 30)

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def test_receipts_come_back_to_whom_they_belong() -> None:
    async def scenario() -> None:
        async with pair() as (sequencer, submitter, _, _):
            payloads = [str(n).encode() * (n % 7 * 9000 + 1) for n in range(200)]
            receipts = await asyncio.gather(*(submitter.submit(TOPIC, 0, p) for p in payloads))
            assert [r.seq for r in receipts] == [len(p) for p in payloads]
            assert [r.version for r in receipts] == [p[:8].decode() for p in payloads]
            assert sorted(sequencer.taken) == sorted(payloads)

    run(scenario)


@pytest.mark.parametrize(
    ("payload", "error"),
    [(b"full", StorageFull), (b"unavailable", LogUnavailable), (b"bug", SubmitTimeout)],
)
def test_errors_keep_their_kind(payload: bytes, error: type[StrandlineError]) -> None:
    async def scenario() -> None:
        async with pair() as (_, submitter, _, _):
            with pytest.raises(error):
                await submitter.submit(TOPIC, 0, payload)
            assert (await submitter.submit(TOPIC, 0, b"next")).version == "next"

    run(scenario)


def test_a_lost_sequencer_leaves_the_outcome_open_and_takes_nothing_more() -> None:
    async def scenario() -> None:
        async with pair() as (sequencer, submitter, cut, lost):
            waiting = asyncio.create_task(submitter.submit(TOPIC, 0, b"never"))
            await until(lambda: bool(sequencer.taken))
            cut()
            with pytest.raises(SubmitTimeout):
                await waiting
            await lost.wait()
            with pytest.raises(LogUnavailable):
                await submitter.submit(TOPIC, 0, b"late")
            with pytest.raises(LogUnavailable):
                submitter.record(b"late")
            sequencer.released.set()

    run(scenario)


def test_silence_ends_in_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus.remote, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(bus.remote, "SWEEP_SECONDS", 0.02)

    async def scenario() -> None:
        async with pair() as (sequencer, submitter, _, _):
            with pytest.raises(SubmitTimeout):
                await submitter.submit(TOPIC, 0, b"never")
            sequencer.released.set()  # its late answer is nobody's
            monkeypatch.setattr(bus.remote, "ANSWER_SECONDS", 30.0)
            assert (await submitter.submit(TOPIC, 0, b"next")).version == "next"

    run(scenario)


def test_waiting_events_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus.remote, "WAITING_LIMIT", 3)

    async def scenario() -> None:
        async with pair() as (sequencer, submitter, _, _):
            waiting = [asyncio.create_task(submitter.submit(TOPIC, 0, b"never")) for _ in range(3)]
            await until(lambda: len(sequencer.taken) == 3)
            with pytest.raises(LogUnavailable):
                await submitter.submit(TOPIC, 0, b"one more")
            sequencer.released.set()
            assert [receipt.version for receipt in await asyncio.gather(*waiting)] == ["never"] * 3

    run(scenario)


def test_audit_records_go_one_way() -> None:
    async def scenario() -> None:
        async with pair() as (sequencer, submitter, _, _):
            submitter.record(b"a")
            submitter.record(b"b")
            await until(lambda: len(sequencer.recorded) == 2)
            assert sequencer.recorded == [b"a", b"b"]

    run(scenario)

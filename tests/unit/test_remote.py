"""Workers and their sequencer over socket pairs: many at once, and either side may die."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

import bus.remote
from bus.remote import FRAME_LIMIT, RemoteSubmitter, connect_submitter, serve_worker
from schemas.errors import LogUnavailable, ServiceUnavailable, StorageFull, StrandlineError, SubmitTimeout
from schemas.events import OBJECT_VERSIONS
from schemas.receipts import Receipt


class Log:
    """Answers with the payload's length as seq, once it is allowed to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self.taken: list[bytes] = []
        self.recorded: list[bytes] = []
        self.full = False

    def append(self, topic: str, payload: bytes) -> "asyncio.Future[Receipt]":
        if isinstance(self.error, LogUnavailable):
            raise self.error
        return asyncio.ensure_future(self._answer(payload))

    async def _answer(self, payload: bytes) -> Receipt:
        self.taken.append(payload)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return Receipt(len(payload), 7, "", payload[:4].decode())

    def record(self, payload: bytes) -> None:
        if self.full:
            raise StorageFull("full")
        self.recorded.append(payload)


class Pair:
    """A sequencer's end and a worker's."""

    def __init__(self) -> None:
        self.log = Log()
        self.lost = 0

    async def open(self) -> None:
        ours, theirs = socket.socketpair()
        self.server = await serve_worker(ours, self.log.append, self.log.record)
        self.worker = await connect_submitter(theirs, self._count_loss)

    def _count_loss(self) -> None:
        self.lost += 1

    def submit(self, payload: bytes) -> "asyncio.Task[Receipt]":
        return asyncio.ensure_future(self.worker.submit(OBJECT_VERSIONS, 0, payload))


def run(scenario: Callable[[Pair], Awaitable[None]]) -> None:
    async def main() -> None:
        pair = Pair()
        await pair.open()
        try:
            await scenario(pair)
        finally:
            pair.server.close()
            transport = pair.worker._transport
            assert transport is not None
            transport.close()
            await until(lambda: pair.lost > 0)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (it has no event)
        await asyncio.sleep(0.001)


def test_many_at_once_each_get_their_own_answer() -> None:
    async def scenario(pair: Pair) -> None:
        payloads = [b"%04d" % i + bytes(i * 37) for i in range(1000)]
        receipts = await asyncio.gather(*(pair.submit(payload) for payload in payloads))
        assert [r.version for r in receipts] == [f"{i:04d}" for i in range(1000)]
        assert [r.seq for r in receipts] == [len(payload) for payload in payloads]
        assert pair.log.taken == payloads
        assert pair.worker.partitions(OBJECT_VERSIONS) == 1

    run(scenario)


def test_large_events_arrive_whole() -> None:
    async def scenario(pair: Pair) -> None:
        payloads = [b"%04d" % i + bytes(250_000) for i in range(40)]
        await asyncio.gather(*(pair.submit(payload) for payload in payloads))
        assert pair.log.taken == payloads

    run(scenario)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (LogUnavailable("no space"), LogUnavailable),
        (ServiceUnavailable("a pack could not be written"), ServiceUnavailable),
        (SubmitTimeout("late"), SubmitTimeout),
        (StrandlineError("else"), SubmitTimeout),
        (KeyError("not ours"), SubmitTimeout),
    ],
)
def test_errors_cross_over(error: Exception, expected: type[StrandlineError]) -> None:
    async def scenario(pair: Pair) -> None:
        pair.log.error = error
        with pytest.raises(expected):
            await pair.submit(b"0000")
        pair.log.error = None
        assert (await pair.submit(b"0001")).version == "0001"

    run(scenario)


def test_a_sequencer_that_dies_leaves_outcomes_unknown() -> None:
    async def scenario(pair: Pair) -> None:
        pair.log.open.clear()
        waiting = [pair.submit(b"%04d" % i) for i in range(20)]
        await until(lambda: len(pair.log.taken) == 20)
        pair.server.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SubmitTimeout] * 20
        assert pair.lost == 1
        with pytest.raises(LogUnavailable, match="gone"):
            await pair.submit(b"late")
        with pytest.raises(LogUnavailable):
            pair.worker.record(b"late")
        pair.log.open.set()

    run(scenario)


def test_a_worker_that_dies_harms_no_other() -> None:
    async def scenario(pair: Pair) -> None:
        ours, theirs = socket.socketpair()
        other = await serve_worker(ours, pair.log.append, pair.log.record)
        dying = await connect_submitter(theirs, lambda: None)
        pair.log.open.clear()
        doomed = asyncio.ensure_future(dying.submit(OBJECT_VERSIONS, 0, b"dead"))
        stays = pair.submit(b"live")
        await until(lambda: len(pair.log.taken) == 2)
        assert dying._transport is not None
        dying._transport.abort()
        with pytest.raises(SubmitTimeout):
            await doomed
        pair.log.open.set()
        assert (await stays).version == "live"
        other.close()

    run(scenario)


def test_half_a_frame_is_no_event() -> None:
    async def scenario(pair: Pair) -> None:
        ours, theirs = socket.socketpair()
        await serve_worker(ours, pair.log.append, pair.log.record)
        theirs.sendall((1000).to_bytes(4, "big") + b"half")
        theirs.close()
        await pair.submit(b"0001")
        assert pair.log.taken == [b"0001"]

    run(scenario)


def test_a_frame_over_the_limit_ends_the_connection() -> None:
    async def scenario(pair: Pair) -> None:
        ours, theirs = socket.socketpair()
        await serve_worker(ours, pair.log.append, pair.log.record)
        theirs.setblocking(False)
        theirs.sendall((FRAME_LIMIT + 1).to_bytes(4, "big"))
        assert await asyncio.get_running_loop().sock_recv(theirs, 1) == b""
        theirs.close()

    run(scenario)


def test_audit_records_wait_for_a_full_device_and_break_nothing() -> None:
    async def scenario(pair: Pair) -> None:
        pair.log.full = True
        pair.worker.record(b"one")
        assert (await pair.submit(b"0001")).version == "0001"
        pair.log.full = False
        pair.worker.record(b"two")
        await until(lambda: len(pair.log.recorded) == 2)
        assert pair.log.recorded == [b"one", b"two"]

    run(scenario)


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    async def scenario(pair: Pair) -> None:
        pair.log.open.clear()
        gone = pair.submit(b"gone")
        await until(lambda: len(pair.log.taken) == 1)
        gone.cancel()
        pair.log.open.set()
        assert (await pair.submit(b"next")).version == "next"
        assert isinstance(pair.worker, RemoteSubmitter)
        assert not pair.worker._waiting

    run(scenario)


def test_silence_ends_in_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus.remote, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(bus.remote, "SWEEP_SECONDS", 0.02)

    async def scenario(pair: Pair) -> None:
        pair.log.open.clear()
        with pytest.raises(SubmitTimeout):
            await pair.submit(b"late")
        pair.log.open.set()  # its late answer is nobody's
        monkeypatch.setattr(bus.remote, "ANSWER_SECONDS", 30.0)
        assert (await pair.submit(b"next")).version == "next"

    run(scenario)


def test_waiting_events_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus.remote, "WAITING_LIMIT", 3)

    async def scenario(pair: Pair) -> None:
        pair.log.open.clear()
        waiting = [pair.submit(b"wait") for _ in range(3)]
        await until(lambda: len(pair.log.taken) == 3)
        with pytest.raises(LogUnavailable):
            await pair.submit(b"more")
        pair.log.open.set()
        assert [receipt.version for receipt in await asyncio.gather(*waiting)] == ["wait"] * 3

    run(scenario)


def test_audit_records_go_one_way() -> None:
    async def scenario(pair: Pair) -> None:
        pair.worker.record(b"a")
        pair.worker.record(b"b")
        await until(lambda: len(pair.log.recorded) == 2)
        assert pair.log.recorded == [b"a", b"b"]

    run(scenario)

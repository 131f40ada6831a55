"""The port `Submitter` across processes: workers send events to the sequencer over a socket pair each.

Frames are a 4-byte big-endian length and a msgpack array:

    worker → sequencer   [id, topic, payload]                id 0: an audit record, not answered
    sequencer → worker   [id, receipt | nil, error, message]

Everything that one turn of the event loop produced leaves in one write.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import NamedTuple

import msgspec

from schemas.errors import (
    LogUnavailable,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
    SubmitTimeout,
)
from schemas.events import AUDIT
from schemas.pending import Pending
from schemas.receipts import Receipt

log = logging.getLogger(__name__)

FRAME_LIMIT = 8 * 1024 * 1024
LENGTH_BYTES = 4
ONE_WAY = 0
UNRECORDED_LIMIT = 64  # batches of audit records that wait when the device is full
WAITING_LIMIT = 8192  # events of one worker that wait for receipts; beyond it LogUnavailable
BUFFER_LIMIT = 64 * 1024 * 1024  # bytes on their way to a sequencer that does not read; beyond it the same
ANSWER_SECONDS = 40.0  # longer than the sequencer lets a writer wait, so its own answer comes first
SWEEP_SECONDS = 1.0


class Request(msgspec.Struct, frozen=True, array_like=True):
    """An event to append, or (id 0) an audit record."""

    id: int
    topic: str
    payload: bytes


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The receipt of a request, or the name and message of the error it ended with."""

    id: int
    receipt: Receipt | None
    error: str = ""
    message: str = ""


_ERRORS: dict[str, type[StrandlineError]] = {
    "LogUnavailable": LogUnavailable,
    "ServiceUnavailable": ServiceUnavailable,
    "StorageFull": StorageFull,
    "SubmitTimeout": SubmitTimeout,
}
_encoder = msgspec.msgpack.Encoder()

# Appends an event to a topic; raises LogUnavailable at once, or tells the receipt or the error later.
Append = Callable[[str, bytes], "asyncio.Future[Receipt]"]


class _Framed(asyncio.Protocol):
    """Frames in and out; writes of one turn of the loop are joined."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._outgoing: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        buffer = self._received
        buffer += data
        start = 0
        while len(buffer) - start >= LENGTH_BYTES:
            length = int.from_bytes(buffer[start : start + LENGTH_BYTES], "big")
            if length > FRAME_LIMIT:
                log.error("a frame of %d bytes between worker and sequencer: closing", length)
                self._close()
                return
            end = start + LENGTH_BYTES + length
            if len(buffer) < end:
                break
            self.frame(bytes(memoryview(buffer)[start + LENGTH_BYTES : end]))
            start = end
        del buffer[:start]

    def frame(self, body: bytes) -> None:
        """One whole frame arrived."""
        raise NotImplementedError

    def send(self, message: Request | Reply) -> None:
        body = _encoder.encode(message)
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(len(body).to_bytes(LENGTH_BYTES, "big") + body)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(outgoing))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Waiting(NamedTuple):
    receipt: asyncio.Future[Receipt]
    deadline: float


class RemoteSubmitter(_Framed):
    """A worker's side. Its requests end with SubmitTimeout when the sequencer goes away or is silent for
    ANSWER_SECONDS."""

    _decoder = msgspec.msgpack.Decoder(Reply)

    def __init__(self, lost: Callable[[], None]) -> None:
        super().__init__()
        self._lost = lost
        self._waiting: dict[int, _Waiting] = {}  # in the order of their deadlines
        self._last_id = ONE_WAY
        self._sweeping = False

    async def submit(
        self, topic: str, partition: int, payload: bytes, pending: Pending | None = None
    ) -> Receipt:
        """See `bus.contract.Submitter`."""
        if pending is not None:
            await pending
        self._check_way()
        if len(self._waiting) >= WAITING_LIMIT:
            raise LogUnavailable(f"{WAITING_LIMIT} events of this worker are waiting already")
        self._last_id += 1
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop.create_future(), loop.time() + ANSWER_SECONDS)
        self._waiting[self._last_id] = waiting
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_SECONDS, self._sweep)
        self.send(Request(self._last_id, topic, payload))
        return await waiting.receipt

    def partitions(self, topic: str) -> int:
        return 1

    def record(self, payload: bytes) -> None:
        """Send audit records, one way. Raises LogUnavailable when they cannot be sent now."""
        self._check_way()
        self.send(Request(ONE_WAY, AUDIT, payload))

    def _check_way(self) -> None:
        if self._transport is None or self._transport.is_closing():
            raise LogUnavailable("the sequencer is gone")
        if self._transport.get_write_buffer_size() > BUFFER_LIMIT:
            raise LogUnavailable("the sequencer does not take events")

    def frame(self, body: bytes) -> None:
        reply = self._decoder.decode(body)
        waiting = self._waiting.pop(reply.id, None)
        if waiting is None or waiting.receipt.done():
            return
        if reply.receipt is not None:
            waiting.receipt.set_result(reply.receipt)
        else:
            waiting.receipt.set_exception(_ERRORS.get(reply.error, SubmitTimeout)(reply.message))

    def connection_lost(self, exc: Exception | None) -> None:
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            _time_out(one, "the sequencer went away before its receipt came")
        self._lost()

    def _sweep(self) -> None:
        """Once a second while anything waits: one timer for all costs the hot path nothing."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = list(takewhile(lambda item: item[1].deadline <= now, self._waiting.items()))
        for identifier, waiting in late:
            del self._waiting[identifier]
            _time_out(waiting, f"no receipt within {ANSWER_SECONDS:.0f} s")
        self._sweeping = bool(self._waiting)
        if self._sweeping:
            loop.call_later(SWEEP_SECONDS, self._sweep)


def _time_out(waiting: _Waiting, why: str) -> None:
    if not waiting.receipt.done():
        waiting.receipt.set_exception(SubmitTimeout(why))


class _Server(_Framed):
    """The sequencer's side of one worker's connection."""

    _decoder = msgspec.msgpack.Decoder(Request)

    def __init__(self, append: Append, record: Callable[[bytes], None]) -> None:
        super().__init__()
        self._append = append
        self._record = record
        self._unrecorded: deque[bytes] = deque(maxlen=UNRECORDED_LIMIT)
        self._recording = True

    def frame(self, body: bytes) -> None:
        request = self._decoder.decode(body)
        if request.id == ONE_WAY:
            self._unrecorded.append(request.payload)
            self._record_all()
            return
        try:
            receipt = self._append(request.topic, request.payload)
        except Exception as error:
            self._refuse(request.id, error)
        else:
            receipt.add_done_callback(partial(self._answer, request.id))

    def _record_all(self) -> None:
        """Append audit records; where that fails they wait for the next ones, the oldest giving way."""
        while self._unrecorded:
            try:
                self._record(self._unrecorded[0])
            except StrandlineError as error:
                if self._recording:
                    log.error("audit records of a worker wait in memory: %s", error.message)
                self._recording = False
                return
            self._unrecorded.popleft()
            if not self._recording:
                log.warning("audit records of a worker are written again")
                self._recording = True

    def _answer(self, identifier: int, receipt: "asyncio.Future[Receipt]") -> None:
        error = SubmitTimeout("given up") if receipt.cancelled() else receipt.exception()
        if error is None:
            self.send(Reply(identifier, receipt.result()))
        else:
            self._refuse(identifier, error)

    def _refuse(self, identifier: int, error: BaseException) -> None:
        if isinstance(error, StrandlineError):
            reply = Reply(identifier, None, type(error).__name__, error.message)
        else:
            log.error("an event of a worker could not be submitted", exc_info=error)
            reply = Reply(identifier, None, SubmitTimeout.__name__, f"the outcome is unknown: {error!r}")
        self.send(reply)


async def serve_worker(
    connection: socket.socket, append: Append, record: Callable[[bytes], None]
) -> asyncio.BaseTransport:
    """Serve one worker over its end of a socket pair."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(lambda: _Server(append, record), connection)
    return transport


async def connect_submitter(connection: socket.socket, lost: Callable[[], None]) -> RemoteSubmitter:
    """A worker's connection; `lost` is called when the sequencer goes away."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_unix_connection(lambda: RemoteSubmitter(lost), sock=connection)
    return protocol

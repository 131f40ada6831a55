"""SIGTERM: what was begun is finished, what is new is turned away, and the server ends with 0."""

import contextlib
import hashlib
import http.client
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server, metric

pytestmark = pytest.mark.embedded

MIB = 1024 * 1024
OBJECT_BYTES = 48 * MIB  # far more than the buffers between server and client hold
UPLOAD_BYTES = 12 * MIB
WAIT_SECONDS = 60


class Conversation:
    """One request whose body is sent, or whose answer is read, in steps."""

    def __init__(self, port: int, method: str, target: str, length: int | None = None) -> None:
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        if length is not None:
            headers["Content-Length"] = str(length)
        with Raw(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY) as raw:
            signed = raw.sign(method, target, b"", headers)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        self.connection.connect()
        # A small window, so that an unread answer stays with the server.
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in signed.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def close(self) -> None:
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.send(data)

    def answer(self) -> http.client.HTTPResponse:
        return self.connection.getresponse()


Begin = Callable[..., Conversation]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins conversations, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def new(port: int, method: str, target: str, length: int | None = None) -> Conversation:
            return stack.enter_context(contextlib.closing(Conversation(port, method, target, length)))

        yield new


def until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def start(folder: Path, *flags: str) -> Server:
    server = Server(folder / "data", folder / "log", *flags)
    server.start()
    return server


@pytest.fixture(params=["1", "2"], ids=["one process", "two workers"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    server = start(tmp_path, "--workers", request.param)
    try:
        yield server
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()


def put(server: Server, target: str, body: bytes = b"") -> None:
    with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
        assert raw.send("PUT", target, {}, body).status == 200


def get(server: Server, target: str) -> bytes:
    with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
        answer = raw.send("GET", target)
        assert answer.status == 200, answer
        return answer.body


def turned_away(server: Server) -> bool:
    """Whether a new request is refused, on both ports."""
    for port, target in ((server.port, "/bkt/large"), (server.api_port, "/buckets/bkt/objects/large")):
        with Raw(f"http://127.0.0.1:{port}", ACCESS_KEY, SECRET_KEY) as raw:
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = raw.send("HEAD", target)
                if answer.status != 503:
                    assert answer.status == 200
                    return False
    return True


def test_what_was_begun_is_finished(server: Server, begin: Begin) -> None:
    content, half = os.urandom(OBJECT_BYTES), os.urandom(UPLOAD_BYTES // 2)
    put(server, "/bkt")
    put(server, "/bkt/large", content)
    upload = begin(server.port, "PUT", "/bkt/s3", UPLOAD_BYTES)
    rest_upload = begin(server.api_port, "PUT", "/buckets/bkt/objects/rest", UPLOAD_BYTES)
    for one in (upload, rest_upload):
        one.send(half)
    downloads = [
        begin(server.port, "GET", "/bkt/large"),
        begin(server.api_port, "GET", "/buckets/bkt/objects/large"),
    ]
    answers = [one.answer() for one in downloads]
    begun = [answer.read(MIB) for answer in answers]
    # What a client has sent may still lie in the kernel: a server has begun what it has read.
    until(lambda: metric(server, "strandline_requests_in_progress ") >= 4, "all four have begun")

    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    until(lambda: turned_away(server), "new requests are turned away")
    assert server.process.poll() is None

    for one in (upload, rest_upload):
        one.send(half)
        answer = one.answer()
        assert answer.status == 200, (answer.read(), server.log_tail())
    for answer, first in zip(answers, begun, strict=True):
        # So slowly that the server's own work is over long before its client has everything.
        rest = b"".join(iter(lambda answer=answer: answer.read(4 * MIB), b""))  # type: ignore[misc]
        assert hashlib.sha256(first + rest).digest() == hashlib.sha256(content).digest()
    assert server.process.wait(WAIT_SECONDS) == 0, server.log_tail()

    server.start()
    assert get(server, "/bkt/s3") == half + half
    assert get(server, "/bkt/rest") == half + half
    assert server.stop() == 0


def test_a_drain_ends_when_its_time_is_over(tmp_path: Path, begin: Begin) -> None:
    server = start(tmp_path, "--drain-seconds", "1")
    try:
        put(server, "/bkt")
        stuck = [
            begin(server.port, "PUT", "/bkt/s3", UPLOAD_BYTES),
            begin(server.api_port, "PUT", "/buckets/bkt/objects/rest", UPLOAD_BYTES),
        ]
        for one in stuck:
            one.send(bytes(2 * MIB))
        with socket.create_connection(("127.0.0.1", server.port)):  # says nothing, and is not waited for
            assert server.stop() == 0, server.log_tail()
        server.start()
        assert b"<Key>" not in get(server, "/bkt?list-type=2")
        assert server.stop() == 0
    finally:
        server.kill()


def test_requests_beyond_the_limit_are_told_to_slow_down(tmp_path: Path, begin: Begin) -> None:
    server = start(tmp_path, "--max-requests", "3")
    try:
        put(server, "/bkt")
        running = [begin(server.port, "PUT", f"/bkt/{n}", UPLOAD_BYTES) for n in range(2)]
        running.append(begin(server.api_port, "PUT", "/buckets/bkt/objects/2", UPLOAD_BYTES))
        for one in running:
            one.send(bytes(MIB))
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            until(lambda: raw.send("GET", "/bkt").code == "SlowDown", "the limit is reached")
        for one in running:
            one.send(bytes(UPLOAD_BYTES - MIB))
            assert one.answer().status == 200
        assert get(server, "/bkt/0") == bytes(UPLOAD_BYTES)
        assert server.stop() == 0
    finally:
        server.kill()

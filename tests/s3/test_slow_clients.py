"""Clients that send or take too little: given up after a while, and those that are merely slow are served."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server

pytestmark = pytest.mark.embedded

MIB = 1024 * 1024
WINDOW = 1  # seconds
RATE = 4096  # bytes a second
LARGE = 16 * MIB  # more than all buffers on the way hold
PATIENCE = 30  # seconds that a test waits


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("slow")
    flags = ("--client-window-seconds", str(WINDOW), "--client-min-rate", str(RATE))
    server = Server(folder / "data", folder / "log", *flags)
    server.start()
    try:
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            assert raw.send("PUT", "/bucket").status == 200
            assert raw.send("PUT", "/bucket/large", {}, bytes(LARGE)).status == 200
        yield server
        assert server.stop() == 0
    finally:
        server.kill()


@contextlib.contextmanager
def begin(
    server: Server, method: str, target: str, length: int | None = None, port: int | None = None
) -> Iterator[http.client.HTTPConnection]:
    """A signed request without its body; this side of the connection buffers little."""
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    if length is not None:
        headers["Content-Length"] = str(length)
    with Raw(f"http://127.0.0.1:{port or server.port}", ACCESS_KEY, SECRET_KEY) as raw:
        signed = raw.sign(method, target, b"", headers)
    connection = http.client.HTTPConnection("127.0.0.1", port or server.port, timeout=PATIENCE)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in signed.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        yield connection
    finally:
        connection.close()


def trickle(connection: http.client.HTTPConnection, piece: int, pause: float) -> http.client.HTTPResponse:
    """Send pieces of a body that never ends; the answer that comes all the same."""
    limit = time.monotonic() + PATIENCE
    connection.sock.settimeout(pause)
    while time.monotonic() < limit:
        connection.sock.sendall(bytes(piece))
        try:
            if connection.sock.recv(1, socket.MSG_PEEK):
                break
        except TimeoutError:
            continue
    connection.sock.settimeout(PATIENCE)
    return connection.getresponse()


def given_up(server: Server, operation: str) -> bool:
    """Whether the audit trail says so of any such request."""
    lines = [
        line
        for path in (server.data_dir / "audit").glob("audit-*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    return any(b"RequestTimeout" in line and operation.encode() in line for line in lines)


@pytest.mark.parametrize("length", [60_000, 900_000, 3 * MIB])
def test_a_body_that_trickles_in_is_given_up(server: Server, length: int) -> None:
    with begin(server, "PUT", "/bucket/trickled", length) as connection:
        answer = trickle(connection, 10, 0.05)
        assert answer.status == 400
        assert b"<Code>RequestTimeout</Code>" in answer.read()
    with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
        assert raw.send("GET", "/bucket/trickled").status == 404


def test_a_body_that_trickles_in_by_the_rest_api_is_given_up(server: Server) -> None:
    target = "/buckets/bucket/objects/trickled"
    with begin(server, "PUT", target, 3 * MIB, server.api_port) as connection:
        answer = trickle(connection, 10, 0.05)
        assert answer.status == 400
        assert b"RequestTimeout" in answer.read()


def test_a_slow_body_that_keeps_the_rate_is_taken(server: Server) -> None:
    rest = 3 * RATE * WINDOW
    with begin(server, "PUT", "/bucket/slow", 100_000 + rest) as connection:
        connection.send(bytes(100_000))
        piece = RATE // 4
        for _ in range(rest // piece):
            connection.send(bytes(piece))
            time.sleep(WINDOW / 16)  # four times as fast as it must be
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()


def test_a_reader_that_stops_is_given_up(server: Server) -> None:
    with begin(server, "GET", "/bucket/large") as connection:
        answer = connection.getresponse()
        taken = len(answer.read(50_000))
        limit = time.monotonic() + PATIENCE
        while not given_up(server, "GetObject"):
            assert time.monotonic() < limit, "it was never given up"
            time.sleep(0.1)
        with contextlib.suppress(ConnectionError, http.client.IncompleteRead):
            taken += len(answer.read())
        assert taken < LARGE


def test_a_reader_that_pauses_gets_everything(server: Server) -> None:
    with begin(server, "GET", "/bucket/large") as connection:
        answer = connection.getresponse()
        taken = 0
        for _ in range(4):
            taken += len(answer.read(MIB))
            time.sleep(WINDOW / 3)
        while piece := answer.read(MIB):
            taken += len(piece)
        assert taken == LARGE

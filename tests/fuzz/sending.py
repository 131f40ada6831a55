"""Sends a request as bytes, and tells what came back, in time or not."""

import contextlib
import errno
import http.client
import socket
import time
from typing import NamedTuple

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.fuzz.requests import Wire
from tests.server import ACCESS_KEY, SECRET_KEY

REGION = "us-east-1"
ANSWER_SECONDS = 20.0  # far more than any answer takes; a server that waits for nothing takes for ever
CREDENTIALS = Credentials(ACCESS_KEY, SECRET_KEY)


class Outcome(NamedTuple):
    """status: 0 when the server closed the connection without an answer; late: there was neither."""

    status: int
    body: bytes
    late: bool = False

    @property
    def acceptable(self) -> bool:
        """No error of the server's own: not built yet and too busy are answers."""
        return not self.late and (self.status < 500 or self.status in (501, 503))


def as_bytes(wire: Wire, port: int) -> bytes:
    """The request as it goes over the wire."""
    host = f"127.0.0.1:{port}"
    headers = dict(wire.headers)
    if wire.signed:
        request = AWSRequest(wire.method, f"http://{host}{wire.target}", headers=headers, data=wire.body)
        signer = S3SigV4Auth if wire.signed == "s3" else SigV4Auth
        signer(CREDENTIALS, wire.signed, REGION).add_auth(request)
        headers = dict(request.headers.items())
    named = {"host": host} | {name.lower(): value for name, value in headers.items()}
    if wire.body or wire.method in ("PUT", "POST"):
        named["content-length"] = str(len(wire.body))
    named |= wire.after
    lines = [f"{wire.method} {wire.target} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")
    return head + wire.body[: wire.cut]


def send(data: bytes, port: int, method: str, ended: bool) -> Outcome:
    """Send bytes over a connection of their own. ended: tell the server that no more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        # A server that refuses by the headers may close before it has taken everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
            if ended:
                _end(connection)
        return _receive(connection, method)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # which it is no longer once the server has reset it
            raise


def _receive(connection: socket.socket, method: str) -> Outcome:
    answer = http.client.HTTPResponse(connection, method=method)
    limit = time.monotonic() + ANSWER_SECONDS
    try:
        answer.begin()
        body = answer.read()
    except TimeoutError:
        return Outcome(0, b"", late=True)
    except (http.client.BadStatusLine, http.client.IncompleteRead, ConnectionResetError):
        return Outcome(0, b"")
    finally:
        answer.close()
    return Outcome(answer.status, body, late=time.monotonic() > limit)

"""Bytes to a port as no client library would send them, and the bytes that come back."""

import http.client
import re
import socket
from collections.abc import Mapping
from contextlib import suppress

PROXY = "127.0.0.2"  # whose X-Forwarded-For the server believes
SECONDS = 20.0
QUIET = 3.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def sent(port: int, *pieces: bytes, half_close: bool = True) -> bytes:
    """All that comes back over one connection, on which the client sends nothing more after the pieces.

    half_close  tell the server so. One that takes this for the end of all (as on the API port) is listened to
                until it ends the connection or is quiet for QUIET seconds instead.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS if half_close else QUIET) as link:
        for piece in pieces:
            try:
                link.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break  # the server has refused, and ended the connection
        if half_close:
            with suppress(OSError):  # it has ended the connection already
                link.shutdown(socket.SHUT_WR)
        received = bytearray()
        with suppress(ConnectionResetError):  # it ended with bytes of ours unread
            while piece := _more(link, half_close):
                received += piece
        return bytes(received)


def _more(link: socket.socket, must_end: bool) -> bytes:
    try:
        return link.recv(65536)
    except TimeoutError:
        if must_end:
            raise
        return b""


def statuses(received: bytes) -> list[int]:
    """The status of every answer in what came back."""
    return [int(one) for one in _STATUS.findall(received)]


def lines(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as bytes; its framing is what the headers say."""
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def asked_from(
    source: str, port: int, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    """Status and body of the answer to a request from an address of loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, SECONDS, source_address=(source, 0))
    try:
        connection.request(method, target, body or None, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()

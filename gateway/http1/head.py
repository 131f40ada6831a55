"""The head of an answer as bytes, and the answers that are given before there is a request."""

from collections.abc import Sequence
from http import HTTPStatus
from time import gmtime, strftime, time
from typing import NamedTuple

Headers = Sequence[tuple[str, str]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = "connection: close\r\n"
KEEP_ALIVE = "connection: keep-alive\r\n"
CHUNKED = "transfer-encoding: chunked\r\n"

# Answers that never have a body, so no length either (RFC 9110 §8.6).
BODILESS = frozenset({204, 304})

_status_lines = {int(one): f"HTTP/1.1 {one} {one.phrase}\r\n".encode() for one in HTTPStatus}
_today: tuple[int, str] = (0, "")  # the second, and the Date header in it


def answer_head(status: int, headers: Headers, more: str) -> bytes:
    """Status line, headers, Date, and `more` whole lines. Raises ValueError when a name or a value would end
    its line: no answer of ours may be split by what a client once stored."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not text.count("\r") == text.count("\n") == len(headers) or "\0" in text:
        raise ValueError(f"a header of the answer cannot be sent: {headers!r}")
    line = _status_lines.get(status) or f"HTTP/1.1 {status} \r\n".encode()
    return line + f"{text}{_date()}{more}\r\n".encode()


def _date() -> str:
    global _today
    now = int(time())
    if _today[0] != now:
        _today = now, strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime(now))
    return _today[1]


class Refusal(NamedTuple):
    """How what cannot be read is answered."""

    status: int
    code: str
    message: str


def refusal(why: Refusal) -> bytes:
    """A whole answer for a client whose request could not be read; its connection then ends."""
    error = f"<Error><Code>{why.code}</Code><Message>{why.message}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    headers = [
        ("content-type", "application/xml"),
        ("content-length", str(len(body))),
        ("server", "Strandline"),
    ]
    return answer_head(why.status, headers, CLOSE) + body.encode()


BAD_REQUEST = Refusal(400, "BadRequest", "An error occurred when parsing the HTTP request.")
HEAD_TOO_LARGE = Refusal(
    400,
    "RequestHeaderSectionTooLarge",
    "Your request header and query parameters exceed the maximum allowed size.",
)
BAD_METHOD = Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
TOO_MANY = Refusal(503, "SlowDown", "Please reduce your request rate.")

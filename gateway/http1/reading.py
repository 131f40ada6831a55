"""Bytes to requests: what the parser finds becomes an Exchange, and the body in it."""

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from gateway.http1.exchange import Exchange
from gateway.http1.head import BAD_METHOD, BAD_REQUEST, HEAD_TOO_LARGE, Refusal

if TYPE_CHECKING:
    from gateway.http1.connection import Connection

HEAD_LIMIT = 64 * 1024  # bytes of a request's head; what S3 allows is less, and refused by the application

VERSIONS = ("1.0", "1.1")  # the parser takes 0.9 and 2.0 as well
FRAMING = ("content-length", "transfer-encoding")
_looks_like_a_request = re.compile(rb"[A-Za-z]{1,20} [^ \r\n]+ HTTP/1\.[01]\r\n").match


class Unreadable(Exception):
    """What comes is no HTTP/1.1, or no longer, or too much; `why` is how that is answered."""

    def __init__(self, why: Refusal) -> None:
        self.why = why


class RequestReader:
    """Reads the requests of one connection, and tells it of each: `requested` once the head is there,
    `completed` once the body is. The methods that begin with on_ are the parser's.

    current  whose body is being read
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)
        self._offered = False  # another protocol, in place of HTTP
        self.current: Exchange | None = None
        self._begin_head()

    def feed(self, data: bytes) -> None:
        """Raises Unreadable; nothing more can be read then."""
        if self.current is None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            raise (error.__context__ or error) from None
        except httptools.HttpParserInvalidMethodError:
            raise Unreadable(BAD_METHOD if _looks_like_a_request(data) else BAD_REQUEST) from None
        except httptools.HttpParserError:
            raise Unreadable(BAD_REQUEST) from None
        if self.current is None and self._head_bytes > HEAD_LIMIT:
            raise Unreadable(HEAD_TOO_LARGE)

    def _stay(self, rest: bytes) -> None:
        """Another protocol was offered, which nobody has to accept. The parser takes that for the end of HTTP
        and of the request; another one is told how long the body is, and goes on with it."""
        self._offered = False
        headers = self._headers
        framing = [f"{name}: {headers[name]}\r\n" for name in FRAMING if name in headers]
        self._parser = httptools.HttpRequestParser(self)
        self.feed(f"PUT / HTTP/1.1\r\n{''.join(framing)}\r\n".encode() + rest)

    def _begin_head(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._size = 0
        self._ascii = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.current is not None:
            return  # a trailer of a chunked body: nobody asked for it
        self._size += len(name) + len(value)
        key = name.decode("latin-1").lower()
        text = value.decode("utf-8", "surrogateescape")
        if not text.isascii():
            self._ascii = False
        headers = self._headers
        headers[key] = f"{headers[key]},{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        if self.current is not None:
            return  # see _stay
        parser = self._parser
        version = parser.get_http_version()
        if version not in VERSIONS:
            raise Unreadable(BAD_REQUEST)
        host = self._headers.get("host")
        if "," in host if host is not None else version == "1.1":
            # None, or several (RFC 9112 §3.2): a proxy may have gone by another than we would.
            raise Unreadable(BAD_REQUEST)
        target = self._url.decode("utf-8", "surrogateescape")
        if target[:1] != "/":
            target = _without_authority(target)
        path, _, query = target.partition("?")
        if "%" in path:
            path = unquote(path, errors="surrogateescape")
        self.current = Exchange(
            self._connection, parser.get_method().decode(), path, query, self._headers, self._size,
            self._ascii, version, parser.should_keep_alive(),
        )  # fmt: skip
        self._offered = parser.should_upgrade()
        self._connection.requested(self.current)

    def on_body(self, piece: bytes) -> None:
        assert self.current is not None
        self.current.arrived(piece)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        current, self.current = self.current, None
        assert current is not None
        self._begin_head()
        current.ended()
        self._connection.completed(current)


def _without_authority(target: str) -> str:
    """The path of a target in absolute form (RFC 9112 §3.2.2), any other as it is."""
    scheme, found, rest = target.partition("://")
    if found and scheme.lower() in ("http", "https"):
        slash = rest.find("/")
        return rest[slash:] if slash >= 0 else "/"
    return target

"""One S3 request and its answer, between the HTTP server and the handlers of operations."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from access.identity import Principal
from ingest.payload import Payload
from ingest.producer import Producer
from query.reader import Reader
from schemas.events import Origin


@dataclass(slots=True)
class Services:
    """What handlers work with; made once at start by the composition root."""

    producer: Producer
    reader: Reader
    region: str = "us-east-1"
    domains: tuple[str, ...] = ()


@dataclass(slots=True)
class Request:
    """A parsed and authenticated request.

    bucket, key  decoded names, "" where there is none
    query        decoded query parameters; a parameter without "=" has the value ""
    headers      lower-case names; a repeated header is joined with ","
    body         the RSGI protocol object; read it only through `gateway.body`
    """

    method: str
    path: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    request_id: bytes
    source: str
    operation: str
    principal: Principal
    services: Services
    body: Any = None
    signing: Any = None
    raw_query: str = ""
    scheme: str = "http"
    extra: dict[str, Any] = field(default_factory=dict)

    def origin(self) -> Origin:
        """Who asked, for the event."""
        return Origin(self.request_id, self.principal.id, self.source, self.operation)


class Response(NamedTuple):
    """Status, headers and body. With a stream, `content-length` must be among the headers."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] = b""


__all__ = ["Payload", "Request", "Response", "Services"]

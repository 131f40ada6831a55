"""One call of the REST API: what every route needs to know of it before it does its work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_plus

from fastapi import Request

from access.identity import ANONYMOUS, Principal
from gateway.authorization.asking import Asking
from gateway.authorization.authorizer import ask
from gateway.limiting import limit_caller, limit_in_bucket
from gateway.request import Request as S3Request
from gateway.request import Services
from gateway.rest.authentication import Authentication
from gateway.rest.authorization import s3_request, stands_for
from gateway.rest.object_headers import refuse_s3_headers
from gateway.routing import check_key
from ingest.producer import Producer
from query.reader import Reader
from schemas.errors import InvalidArgument, InvalidRequest, InvalidURI
from schemas.events import Origin
from schemas.limits import BUCKET_LIMITS

STATE = "strandline"  # where in the ASGI scope the edge keeps what it knows of a request
PRESIGNED = "x-amz-"  # query parameters of a presigned URL, in lower case


@dataclass(slots=True)
class Progress:
    """What is known of a request so far; the edge reports it when the answer has gone out.

    access_key  that vouches for it, also by a token
    """

    request_id: bytes
    source: str
    operation: str = ""
    principal: Principal = ANONYMOUS
    access_key: str = ""
    bucket: str = ""
    key: str = ""
    error: str = ""
    status: int = 0
    received: int = 0
    sent: int = 0
    answering: bool = False

    @property
    def request_name(self) -> str:
        """The request id as shown to people."""
        return self.request_id.hex()


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may go on, and what it can be served with.

    sha256   of the body, where it was signed
    ends     when the token or the session does that it came with, Unix seconds; None: it has none
    asked    the same as a request of S3
    reading  of a request that reads: tells whether its caller may know that there is nothing (None: it may)
    """

    request: Request
    headers: dict[str, str]
    services: Services
    origin: Origin
    principal: Principal
    sha256: bytes | None
    ends: int | None
    progress: Progress
    asked: S3Request
    reading: Asking | None

    @property
    def producer(self) -> Producer:
        return self.services.producer

    @property
    def reader(self) -> Reader:
        return self.services.reader

    @property
    def owner_id(self) -> str:
        return self.origin.actor


def progress_of(scope: Any) -> Progress:
    """What the edge knows of the request with that ASGI scope."""
    progress: Progress = scope[STATE]
    return progress


def calling(operation: str) -> Callable[[Request], Awaitable[Call]]:
    """The dependency of a route that does that S3 operation: authenticates, authorises, and refuses what the
    route would ignore."""

    async def prepare(request: Request) -> Call:
        call = _authenticated(request, stands_for(operation, request))
        asked = call.asked
        if call.services.identities.directory.limited:
            await limit_caller(asked, call.progress.access_key)
        # A new bucket's name stands in the body: its route asks.
        reading = None if operation == "CreateBucket" else await ask(asked)
        bucket = call.reader.remembered_bucket(asked.bucket)
        if bucket is not None and BUCKET_LIMITS.name in bucket.configurations:
            await limit_in_bucket(asked, bucket)
        return replace(call, reading=reading)

    return prepare


def calling_service(action: str) -> Callable[[Request], Awaitable[Call]]:
    """The same of a route that does an action of another service, like iam:ExplainAccess: the route
    authorises."""

    async def prepare(request: Request) -> Call:
        return _authenticated(request, action)

    return prepare


def _authenticated(request: Request, operation: str) -> Call:
    """The call once it is known whose it is, and that nothing in it would be ignored."""
    services: Services = request.app.state.services
    authentication: Authentication = request.app.state.authentication
    headers = headers_of(request)
    progress = progress_of(request.scope)
    progress.operation = operation
    progress.bucket = request.path_params.get("bucket", "")
    progress.key = request.path_params.get("key", "") or request.query_params.get("key", "")
    caller = authentication.caller(request, headers)
    progress.principal, progress.access_key = caller.principal, caller.access_key
    refuse_s3_headers(headers)
    _refuse_unknown_parameters(request)
    asked = s3_request(
        services, request, headers, operation, caller.principal, progress.request_id, progress.source
    )
    origin = Origin(progress.request_id, caller.principal.id, progress.source, operation)
    return Call(
        request, headers, services, origin, caller.principal, caller.sha256, caller.ends,
        progress, asked, None,
    )  # fmt: skip


def headers_of(request: Request) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined; bytes that are not UTF-8 are read as Latin-1."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _refuse_unknown_parameters(request: Request) -> None:
    """A mistyped `versoin=` must not delete another version than the one meant. Raises InvalidArgument."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known and not name.lower().startswith(PRESIGNED):
            takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise InvalidArgument(f"the parameter {name!r} is unknown to {request.method} here; {takes}")


def checked_key(key: str) -> str:
    """The key of a call. Raises InvalidRequest when it is empty, KeyTooLong."""
    if not key:
        raise InvalidRequest("the key is empty; it is given in the path or as ?key=")
    check_key(key)
    return key


def strict_text(raw: bytes, decode: Callable[..., str] = unquote_plus) -> str:
    """A percent-encoded text of the request line. Raises InvalidURI for what is not UTF-8."""
    try:
        return decode(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise InvalidURI(f"{raw.decode('latin-1')!r} is not percent-encoded UTF-8") from None

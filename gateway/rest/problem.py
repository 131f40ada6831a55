"""Errors as RFC 9457 problem details, out of the same table as the S3 port (`gateway.errors`)."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.errors import TABLE, S3Error, s3_error
from gateway.rest.authentication import Unauthenticated
from schemas.errors import InvalidToken, NoSuchKey, StrandlineError

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/docs#error-"  # the page of the API explains every code under this anchor

NOT_FOUND = S3Error("NoSuchRoute", 404, "The API has no such path.")
INVALID_PARAMETER = S3Error("InvalidArgument", 400, "A parameter has a value that is not allowed.")
METHOD_NOT_ALLOWED = S3Error("MethodNotAllowed", 405, "The path does not have that method.")
NOT_READY = S3Error("ServiceUnavailable", 503, "The server does not serve requests now.")

# HTTP asks for 401 where nothing, or nothing that can be read, says who calls (RFC 9110, RFC 6750).
_NOT_LET_IN = (Unauthenticated, InvalidToken)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="URI of what this kind of error means")
    title: str = Field(description="The kind of error in words, the same for every occurrence")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What was wrong here, and what would be right")
    code: str = Field(description="S3's code of the error: NoSuchKey, PreconditionFailed …")
    request_id: str = Field(description="Names this request in the audit record and the server's log")
    parameters: list[dict[str, str]] | None = Field(
        default=None, description="For parameters that are not allowed: where each is, and what is wrong"
    )


def codes() -> dict[str, S3Error]:
    """Every error code that the API can answer with, by name."""
    table = {entry.code: entry for entry in TABLE.values()}
    return {**{NOT_FOUND.code: NOT_FOUND, NOT_READY.code: NOT_READY}, **table}


def problem_of(error: BaseException, request_id: str) -> Response:
    """The answer to a request that ended with this error."""
    entry = s3_error(error)
    if isinstance(error, _NOT_LET_IN):
        entry = entry._replace(status=401)
    message = error.message if isinstance(error, StrandlineError) and not entry.hidden else ""
    return problem(entry, message or entry.message, request_id, headers=_headers(error, entry))


def problem(
    entry: S3Error,
    detail: str,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """An answer in problem details; `members` are further ones of this kind of error."""
    body = {
        "type": TYPE_BASE + entry.code,
        "title": entry.message,
        "status": entry.status,
        "detail": detail,
        "code": entry.code,
        "request_id": request_id,
        **members,
    }
    return Response(json.dumps(body, ensure_ascii=False), entry.status, headers, media_type=MEDIA_TYPE)


def _headers(error: BaseException, entry: S3Error) -> dict[str, str]:
    """What a client can act on without reading the body."""
    headers = {}
    details = error.details if isinstance(error, StrandlineError) else {}
    if entry.status == 503:
        headers["retry-after"] = details.get("retry_after", "1")
    if entry.status == 416 and "ActualObjectSize" in details:
        headers["content-range"] = f"bytes */{details['ActualObjectSize']}"
    if isinstance(error, NoSuchKey) and "version_id" in details:
        headers["x-version"] = details["version_id"]
        headers["x-delete-marker"] = details.get("delete_marker", "true")
    if entry.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers

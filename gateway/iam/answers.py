"""Answers of the Query protocol: XML as AWS's clients read it, or JSON where the client asks for that."""

from typing import Any

import msgspec
from starlette.responses import Response

from gateway.errors import S3Error, s3_error
from gateway.iam.call import Result
from gateway.xml import DECLARATION, escape
from schemas import errors

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
JSON, XML = "application/json", "text/xml"

_INVALID_KEY = S3Error("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
# What these services call otherwise than S3; their words go before an error's own.
_OTHERWISE: dict[type[BaseException], S3Error] = {
    errors.AuthorizationHeaderMalformed: S3Error("IncompleteSignature", 400, ""),
    errors.ExpiredToken: S3Error(
        "ExpiredToken", 403, "The security token included in the request is expired"
    ),
    errors.InvalidAccessKeyId: _INVALID_KEY,
    errors.InvalidArgument: S3Error("ValidationError", 400, ""),
    errors.InvalidRequest: S3Error("ValidationError", 400, ""),
    errors.InvalidToken: _INVALID_KEY,
    errors.NotImplementedOperation: S3Error("NotImplemented", 501, ""),
    errors.RequestTimeTooSkewed: S3Error("SignatureDoesNotMatch", 403, ""),
}
_FAILURE = S3Error("ServiceFailure", 500, "The request processing has failed because of an unknown error.")
_UNAVAILABLE = S3Error("ServiceUnavailable", 503, "The request has failed. Please try again.")


def error_of(error: BaseException) -> tuple[S3Error, str]:
    """How an error looks here, and its message."""
    own = error.message if isinstance(error, errors.StrandlineError) else ""
    other = _OTHERWISE.get(type(error))
    if other is not None:
        return other, other.message or own
    shape = s3_error(error)
    if shape.status >= 500:
        shape = _UNAVAILABLE if shape.status == 503 else _FAILURE
        return shape, shape.message
    return shape, own or shape.message


def answer(service: str, action: str, result: Result, request_id: str, media_type: str) -> bytes:
    """The whole answer to an action."""
    metadata = {"RequestId": request_id}
    if media_type == JSON:
        content = {f"{action}Result": result, "ResponseMetadata": metadata}
        return msgspec.json.encode({f"{action}Response": content})
    return _document(service, f"{action}Response", {f"{action}Result": result, "ResponseMetadata": metadata})


def refusal(service: str, shape: S3Error, message: str, request_id: str, media_type: str) -> bytes:
    """The whole answer to an action that failed."""
    fault = {"Type": "Sender" if shape.status < 500 else "Receiver", "Code": shape.code, "Message": message}
    if media_type == JSON:
        return msgspec.json.encode({"Error": fault, "RequestId": request_id})
    return _document(service, "ErrorResponse", {"Error": fault, "RequestId": request_id})


def unavailable(request_id: str) -> Response:
    """The answer where no action can be carried out now."""
    content = refusal("iam", _UNAVAILABLE, _UNAVAILABLE.message, request_id, XML)
    return Response(content, _UNAVAILABLE.status, {"retry-after": "1"}, media_type=XML)


def _document(service: str, root: str, content: Result) -> bytes:
    return f'{DECLARATION}<{root} xmlns="{NAMESPACES[service]}">{_content(content)}</{root}>'.encode()


def _content(value: Any) -> str:
    """A value as the content of its element."""
    if isinstance(value, dict):
        return "".join([f"<{name}>{_content(one)}</{name}>" for name, one in value.items()])
    if isinstance(value, list):
        return "".join([f"<member>{_content(one)}</member>" for one in value])
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))

"""Requests to the KMS: read, verified, carried out, answered. POST / of the API port with a target of
TrentService, as the AWS JSON 1.1 protocol has it."""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from access.identity import Identities
from access.sigv4 import Verifier
from gateway.errors import INTERNAL, s3_error
from gateway.kms import aliases, cryptography, grants, keys, policies
from gateway.kms.call import Answer, Call, TokenInput
from gateway.kms_permission import Through
from gateway.request import Services
from gateway.rest.call import headers_of, progress_of
from gateway.rest.whole_body import whole_body
from schemas import errors

TARGET = "trentservice"
TYPE = "application/x-amz-json-1.1"
ACTIONS = {
    **aliases.ACTIONS, **cryptography.ACTIONS, **grants.ACTIONS, **keys.ACTIONS, **policies.ACTIONS,
}  # fmt: skip

# Names of AWS's common errors, for what is no error of the KMS itself.
COMMON: dict[type[Exception], tuple[str, int]] = {
    errors.MissingAuthentication: ("MissingAuthenticationTokenException", 400),
    errors.InvalidAccessKeyId: ("UnrecognizedClientException", 400),
    errors.InvalidToken: ("UnrecognizedClientException", 400),
    errors.SignatureDoesNotMatch: ("InvalidSignatureException", 400),
    errors.RequestTimeTooSkewed: ("InvalidSignatureException", 400),
    errors.AuthorizationHeaderMalformed: ("IncompleteSignatureException", 400),
    errors.AccessDenied: ("AccessDeniedException", 400),
    errors.EntityTooLarge: ("RequestEntityTooLargeException", 413),
    errors.LimitExceeded: ("LimitExceededException", 400),
    errors.MalformedPolicyDocument: ("MalformedPolicyDocumentException", 400),
    errors.RequestTimeout: ("RequestExpired", 400),
    msgspec.ValidationError: ("ValidationException", 400),
    msgspec.DecodeError: ("SerializationException", 400),
}

log = logging.getLogger("strandline.kms")


class UnknownAction(Exception):
    """No action of that name."""


class KmsPort:
    """Answers one request. `clock` gives Unix seconds."""

    def __init__(
        self, services: Services, identities: Identities, clock: Callable[[], float] = time.time
    ) -> None:
        self._services = services
        self._verifier = Verifier(identities, services.region, clock, service="kms")

    async def answer(self, request: Request) -> Response:
        progress = progress_of(request.scope)
        named = {"x-amzn-requestid": progress.request_name}
        progress.operation = "kms:"
        try:
            headers = headers_of(request)
            body = await whole_body(request, self._services.pace.window)
            principal = self._verifier.verify_whole("POST", "/", headers, body)
            progress.principal = principal
            target, _, name = headers.get("x-amz-target", "").partition(".")
            if target.lower() != TARGET:
                raise UnknownAction
            progress.operation = f"kms:{name if name in ACTIONS else ''}"
            through = Through(progress.source, request.scope.get("scheme") == "https")
            answer = await self._perform(Call(name, principal, self._services, through), body)
            return Response(msgspec.json.encode(answer), 200, named, media_type=TYPE)
        except Exception as error:
            code, status, message = described(error)
            progress.error = code
            if code == "KMSInternalException":
                log.exception("request %s (%s) failed", progress.request_name, progress.operation)
            told = {"__type": code, "message": message}
            return Response(msgspec.json.encode(told), status, named, media_type=TYPE)

    async def _perform(self, call: Call, body: bytes) -> Answer:
        action = ACTIONS.get(call.action)
        if action is None:
            raise UnknownAction
        if action.of_account:
            call.check_account()
        asked = msgspec.json.decode(body or b"{}", type=action.input)
        if isinstance(asked, TokenInput):
            call.check_tokens(asked.grant_tokens)
        return await asyncio.to_thread(action.do, call, asked) if action.changes else action.do(call, asked)


def described(error: Exception) -> tuple[str, int, str]:
    """Code, status and message of an error. What is not foreseen tells nothing of itself."""
    if isinstance(error, UnknownAction):
        return "UnknownOperationException", 400, ""
    for kind in type(error).__mro__:
        if kind in COMMON:
            code, status = COMMON[kind]
            return code, status, str(error)
    shape = s3_error(error)
    if isinstance(error, errors.KmsError):
        return shape.code.removeprefix("KMS."), shape.status, str(error) or shape.message
    if shape is INTERNAL or shape.hidden:
        return "KMSInternalException", 500, "An internal error occurred."
    return shape.code, shape.status, str(error)

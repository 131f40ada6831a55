"""Requests to IAM and STS: read, verified, carried out, answered. POST / of the API port."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from access.identity import ANONYMOUS, Identities, Principal
from access.scope import parse_scope
from access.sigv4 import Verifier
from gateway.errors import INTERNAL, s3_error
from gateway.iam.actions import ACTIONS, Action
from gateway.iam.answers import JSON, XML, answer, error_of, refusal
from gateway.iam.call import Call, Via
from gateway.iam.identified import identified
from gateway.iam.parameters import Parameters
from gateway.iam.perform import perform
from gateway.iam.web_identity import ASSUME
from gateway.request import Services
from gateway.rest.call import headers_of, progress_of
from gateway.rest.whole_body import whole_body
from schemas.errors import InvalidInput, UnknownAction
from schemas.events import Origin

FORM = "application/x-www-form-urlencoded"

# Of the one action that nobody signs.
_is_vouched_for = re.compile(rb"(?:^|&)Action=AssumeRoleWithWebIdentity(?:&|$)").search

log = logging.getLogger("strandline.iam")


class QueryPort:
    """Answers one request. `clock` gives Unix seconds."""

    def __init__(
        self, services: Services, identities: Identities, clock: Callable[[], float] = time.time
    ) -> None:
        self._services = services
        self._clock = clock
        self._verifiers = {
            service: Verifier(identities, services.region, clock, service=service)
            for service in ("iam", "sts")
        }

    async def answer(self, request: Request) -> Response:
        progress = progress_of(request.scope)
        headers = headers_of(request)
        media_type = JSON if headers.get("accept", "").startswith(JSON) else XML
        service = _service_of(headers)
        progress.operation = f"{service}:"
        try:
            body = await whole_body(request, self._services.pace.window)
            principal = ANONYMOUS
            if "authorization" not in headers and _is_vouched_for(body):
                service = "sts"
            else:
                principal = self._verifiers[service].verify_whole("POST", "/", headers, body)
            progress.principal = principal
            via = Via(progress.source, request.url.scheme, headers.get("user-agent", ""))
            call, action = self._call(body, principal, service, headers, via)
            progress.operation = f"{service}:{call.action}"
            if call.action == ASSUME:
                identity = await identified(call, self._services.issuers)
                call = replace(call, principal=ANONYMOUS, identity=identity)
                progress.principal = ANONYMOUS._replace(unique_id=identity.id)
            origin = Origin(progress.request_id, principal.id, progress.source, progress.operation)
            result = await perform(action, call, self._services, origin)
            status, content = 200, answer(service, call.action, result, progress.request_name, media_type)
        except Exception as error:
            shape, message = error_of(error)
            if s3_error(error) is INTERNAL:
                log.exception("request %s (%s) failed", progress.request_name, progress.operation)
            progress.error = shape.code
            status = shape.status
            content = refusal(service, shape, message, progress.request_name, media_type)
        named = {"x-amzn-requestid": progress.request_name}
        return Response(content, status, named, media_type=media_type)

    def _call(
        self, body: bytes, principal: Principal, service: str, headers: dict[str, str], via: Via
    ) -> tuple[Call, Action]:
        """What is asked for. Raises InvalidInput, UnknownAction."""
        if not headers.get("content-type", "").lower().startswith(FORM):
            raise InvalidInput(f"Content-Type must be {FORM}, with Action and its parameters in the body")
        parameters = Parameters.of(body)
        name = parameters.get("Action")
        action = ACTIONS.get(name)
        if action is None or action.service != service:
            version = parameters.get("Version") or "NO_VERSION_SPECIFIED"
            raise UnknownAction(f"Could not find operation {name or 'Unknown'} for version {version}")
        directory = self._services.identities.directory
        loopback = self._services.issuers.fetcher.loopback
        call = Call(name, parameters, principal, directory, int(self._clock()), via, loopback=loopback)
        return call, action


def _service_of(headers: dict[str, str]) -> str:
    """The service that the request is signed for; IAM's clients are told of everything else."""
    credential = headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]
    scope = parse_scope(credential.strip())
    return scope.service if scope is not None and scope.service == "sts" else "iam"

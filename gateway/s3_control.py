"""S3 Control on the API port: the public access block of a whole account, for boto3.client("s3control").

Source: Amazon S3 API Reference, "AWS S3 Control": GetPublicAccessBlock, PutPublicAccessBlock,
DeletePublicAccessBlock. They need s3:GetAccountPublicAccessBlock and s3:PutAccountPublicAccessBlock.
"""

import hashlib
import logging
import time

from starlette.requests import Request
from starlette.responses import Response

from access.sigv4 import Verifier
from gateway.configurations.public_access_block import ROOT, check
from gateway.errors import INTERNAL, s3_error
from gateway.iam.actions import Action
from gateway.iam.call import OTHER_ACCOUNT, Call, Changes, Result, Via
from gateway.iam.parameters import Parameters
from gateway.iam.perform import perform
from gateway.iam.subjects import anything
from gateway.request import Services
from gateway.rest.call import headers_of, progress_of
from gateway.rest.whole_body import whole_body
from gateway.xml import document, parse
from gateway.xml_errors import error_document
from gateway.xml_structs import read_struct, write_struct
from schemas.configurations.public_access_block import (
    NOTHING_BLOCKED,
    PublicAccessBlockConfiguration,
    strictest,
)
from schemas.errors import (
    AccessDenied,
    ContentSHA256Mismatch,
    InvalidRequest,
    NoSuchPublicAccessBlock,
    NotImplementedOperation,
    StrandlineError,
)
from schemas.events import Origin
from schemas.identities import BLOCK

CONTROL_PATH = "/v20180820/configuration/publicAccessBlock"
METHODS = ["DELETE", "GET", "PUT"]
ACCOUNT_HEADER = "x-amz-account-id"
XML = "application/xml"
_READ, _WRITE = "GetAccountPublicAccessBlock", "PutAccountPublicAccessBlock"
_STATUS = {"DELETE": 204, "GET": 200, "PUT": 201}

log = logging.getLogger("strandline.rest")


class ControlPort:
    """Answers one request. `signatures` verifies those of the service s3, which clients sign it for."""

    def __init__(self, services: Services, signatures: Verifier) -> None:
        self._services = services
        self._signatures = signatures

    async def answer(self, request: Request) -> Response:
        progress = progress_of(request.scope)
        progress.operation = _READ if request.method == "GET" else _WRITE
        try:
            status, content = await self._answer(request)
        except Exception as error:
            shape = s3_error(error)
            if shape is INTERNAL:
                log.exception("request %s (%s) failed", progress.request_name, progress.operation)
            progress.error, status = shape.code, shape.status
            details = error.details if isinstance(error, StrandlineError) else {}
            message = (not shape.hidden and str(error)) or shape.message
            content = error_document(shape, message, details, CONTROL_PATH, progress.request_name, "")
        return Response(content, status, {"x-amz-request-id": progress.request_name}, media_type=XML)

    async def _answer(self, request: Request) -> tuple[int, bytes]:
        """Raises AccessDenied, MalformedXML, NoSuchPublicAccessBlock, and what a wrong signature gets."""
        progress, headers = progress_of(request.scope), headers_of(request)
        query = request.scope["query_string"].decode("latin-1")
        signed = self._signatures.verify(request.method, CONTROL_PATH, query, headers)
        if signed.principal is None:
            raise AccessDenied()
        if signed.streaming:
            raise NotImplementedOperation(f"the body is taken as it is, and not as {signed.payload}")
        progress.principal = signed.principal
        body = await whole_body(request, self._services.pace.window)
        if signed.sha256 is not None and hashlib.sha256(body).digest() != signed.sha256:
            raise ContentSHA256Mismatch()
        wanted = None
        if request.method == "PUT":
            wanted = read_struct(parse(body, ROOT), PublicAccessBlockConfiguration)
            check(wanted)

        def do(call: Call) -> Result | Changes:
            return _shown(call) if request.method == "GET" else _changed(call, wanted)

        named = _account(headers, signed.principal.account)
        via = Via(progress.source, request.url.scheme, headers.get("user-agent", ""))
        call = Call(
            progress.operation, Parameters(named), signed.principal, self._services.identities.directory,
            int(time.time()), via,
        )  # fmt: skip
        origin = Origin(progress.request_id, signed.principal.id, progress.source, progress.operation)
        result = await perform(Action("s3", do, anything), call, self._services, origin)
        return _STATUS[request.method], document(ROOT, result[ROOT]) if request.method == "GET" else b""


def _account(headers: dict[str, str], own: str) -> dict[str, str]:
    """The parameter that names the account, where it is not the caller's own. Raises InvalidRequest."""
    named = headers.get(ACCOUNT_HEADER, "")
    if not (len(named) == 12 and named.isascii() and named.isdigit()):
        raise InvalidRequest(f"{ACCOUNT_HEADER}: {named!r} is not the 12 digits of an account")
    return {} if named == own else {OTHER_ACCOUNT: named}


def _shown(call: Call) -> Result:
    found = call.held.get(BLOCK, "")
    if found is None:
        raise NoSuchPublicAccessBlock(
            "The public access block configuration was not found", AccountId=call.number
        )
    return {ROOT: write_struct(strictest(found, NOTHING_BLOCKED))}


def _changed(call: Call, wanted: PublicAccessBlockConfiguration | None) -> Changes:
    """Set the account's block; None removes it, and that there is none is no error."""
    if wanted is None and call.held.get(BLOCK, "") is None:
        return Changes((), {})
    return Changes((call.set(BLOCK, "", wanted),), {})

"""Makes the REST application: routes, errors, documentation and the edge around them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from access.sigv4 import Verifier
from access.trusted_proxies import TrustedProxies
from gateway.app import Observe
from gateway.iam.port import QueryPort
from gateway.in_progress import InProgress
from gateway.kms.port import TARGET, KmsPort
from gateway.request import Services
from gateway.rest import access, audit, buckets, limits, links, listings, objects, policies
from gateway.rest.authentication import Authentication, TokenVerifier
from gateway.rest.call import progress_of
from gateway.rest.docs_page import docs_page
from gateway.rest.edge import Edge
from gateway.rest.explanations import ExplainRequest
from gateway.rest.health import Health, health_routes
from gateway.rest.limits import LimitsModel
from gateway.rest.link_models import LinkRequest
from gateway.rest.models import CreateBucketRequest, GrantRequest, VersioningRequest
from gateway.rest.problem import INVALID_PARAMETER, METHOD_NOT_ALLOWED, NOT_FOUND, problem
from gateway.rest.schema import ERRORS, openapi
from gateway.roles import BOTH, Roles
from gateway.s3_control import CONTROL_PATH, METHODS, ControlPort
from schemas.audit import LookUp


def create_app(
    services: Services,
    signatures: Verifier,
    tokens: TokenVerifier,
    health: Health,
    metrics: Callable[[], bytes],
    observe: Observe,
    version: str,
    inside: InProgress | None = None,
    roles: Roles = BOTH,
    hsts_seconds: int = 0,
    look_up: LookUp | None = None,
    proxies: TrustedProxies | None = None,
) -> FastAPI:
    """The ASGI application of the API port.

    Until `health` is ready everything but health checks, metrics and documentation answers 503, so that
    `services` may be completed after the port is open.

    metrics   gives the text for Prometheus
    observe   is told of every finished request, as by the S3 port
    version   of the program, for the API's description
    inside    counts and bounds the requests, together with those of the S3 port
    roles     of this process: requests of another role are refused
    hsts_seconds  how long browsers may use HTTPS only; 0 says nothing
    look_up   searches the audit trail; None: there is none here
    proxies   who is believed about the addresses of clients; None: nobody
    """
    app = FastAPI(
        title="Strandline", version=version, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False, responses=ERRORS,
    )  # fmt: skip
    app.state.services = services
    app.state.authentication = Authentication(signatures, tokens)
    app.state.look_up, app.state.look_up_turn = look_up, asyncio.Lock()
    app.include_router(health_routes(health, metrics))
    # Versions before objects: a path that ends in /versions is theirs.
    for routes in (access, audit, buckets, limits, links, policies, listings, objects):
        app.include_router(routes.router)
    document = openapi(
        app,
        version,
        (CreateBucketRequest, ExplainRequest, GrantRequest, LimitsModel, LinkRequest, VersioningRequest),
    )
    _add_documentation(app, document)
    keys = KmsPort(services, services.identities.directory)
    queries = QueryPort(services, services.identities.directory)
    app.add_route(
        CONTROL_PATH, ControlPort(services, signatures).answer, methods=METHODS, include_in_schema=False
    )
    app.add_route("/", _by_target(keys, queries), methods=["POST"], include_in_schema=False)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(
        Edge,
        health=health,
        observe=observe,
        inside=inside or InProgress(),
        pace=services.pace,
        identities=services.identities,
        key_uses=services.key_uses,
        roles=roles,
        hsts_seconds=hsts_seconds,
        proxies=proxies,
    )
    return app


def _by_target(keys: KmsPort, queries: QueryPort) -> Callable[[Request], Awaitable[Response]]:
    """POST /: the KMS names itself in X-Amz-Target, IAM and STS do not send one."""

    async def answer(request: Request) -> Response:
        target = request.headers.get("x-amz-target", "").partition(".")[0].lower()
        return await (keys if target == TARGET else queries).answer(request)

    return answer


def _add_documentation(app: FastAPI, document: dict[str, Any]) -> None:
    page, policy = docs_page()

    @app.get("/openapi.json", include_in_schema=False)
    async def read_openapi() -> JSONResponse:
        return JSONResponse(document)

    @app.get("/docs", include_in_schema=False)
    async def read_docs() -> Response:
        return Response(page, media_type="text/html", headers={"content-security-policy": policy})

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/docs")


async def _invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"name": str(one["loc"][-1]), "value": str(one.get("input", "")), "message": str(one["msg"])}
        for one in error.errors()
    ]
    detail = "; ".join(f"the parameter {one['name']!r}: {one['message']}" for one in found)
    progress = progress_of(request.scope)
    progress.error = INVALID_PARAMETER.code
    return problem(INVALID_PARAMETER, detail, progress.request_name, parameters=found)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    progress = progress_of(request.scope)
    entry = METHOD_NOT_ALLOWED if error.status_code == 405 else NOT_FOUND
    progress.error = entry.code
    detail = f"{request.method} {request.scope['path']!r}: see /docs for what there is"
    return problem(entry, detail, progress.request_name, error.headers)

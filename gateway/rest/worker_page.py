"""What a worker of a cluster answers over HTTP: health checks and metrics; at the auditor's, questions to its
trail. Only machines of the cluster have any business here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from gateway.rest.health import Health, health_routes
from schemas.audit import QUESTIONS
from schemas.errors import AccessDenied, StrandlineError

QUESTION_LIMIT = 256 * 1024  # bytes

log = logging.getLogger(__name__)

AnswerQuestion = Callable[[bytes], bytes]  # blocking


def worker_page(health: Health, metrics: Callable[[], bytes], answer: AnswerQuestion | None) -> FastAPI:
    """The ASGI application of a worker's port.

    metrics  gives the text for Prometheus
    answer   answers questions to the audit trail; None: this worker has none
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(health_routes(health, metrics))
    if answer is not None:
        app.add_route(QUESTIONS, _questions(answer), methods=["POST"], include_in_schema=False)
    return app


def _questions(answer: AnswerQuestion) -> Callable[[Request], Awaitable[Response]]:
    turn = asyncio.Lock()

    async def questions(request: Request) -> Response:
        sealed = b""
        async for part in request.stream():
            sealed += part
            if len(sealed) > QUESTION_LIMIT:
                return PlainTextResponse(f"a question has at most {QUESTION_LIMIT} bytes", 413)
        async with turn:  # one at a time: it competes with the worker's own work
            try:
                found = await asyncio.to_thread(answer, sealed)
            except AccessDenied as error:
                return PlainTextResponse(error.message, 403)
            except StrandlineError as error:
                log.error("a question to the audit trail cannot be answered: %s", error.message)
                return PlainTextResponse(error.message, 503)
        return Response(found, media_type="application/octet-stream")

    return questions

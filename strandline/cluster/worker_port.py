"""The port of a worker: health checks and metrics; at the auditor's, questions to the audit trail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.rest.health import Health
from gateway.rest.worker_page import AnswerQuestion, worker_page
from strandline.exposition import Exposition
from strandline.listen import parse_listen
from strandline.listener import Listener
from strandline.listener_group import ListenerGroup
from strandline.metrics import Metrics
from strandline.settings import Settings
from strandline.tls import tls_files

CONNECTIONS = 256
STOP_SECONDS = 5.0  # for answers that are on their way


@asynccontextmanager
async def worker_port(
    settings: Settings, listen: str, metrics: Metrics, answer: AnswerQuestion | None
) -> AsyncIterator[None]:
    """Listen on HOST:PORT inside the block. Raises ConfigurationError for a certificate that cannot be used,
    and for a port that is taken.

    answer  answers questions to the audit trail; None: this worker has none
    """
    health = Health()
    page = worker_page(health, Exposition(metrics).text, answer)
    tls = tls_files(settings)
    listener = Listener(page, parse_listen(listen), CONNECTIONS, tls)
    group = ListenerGroup([listener], tls)
    await group.start()
    health.ready()
    try:
        yield
    finally:
        health.unready("shutting down")
        await group.stop(STOP_SECONDS)

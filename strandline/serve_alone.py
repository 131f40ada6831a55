"""The part of `strandline serve` that answers requests in the engine's own process: there are no workers."""

import asyncio
from collections.abc import Callable
from functools import partial

from blobs.local import LocalBlobs
from processors.audit_search import search
from processors.request_log import RequestLog
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.http_edge import HttpEdge
from strandline.metrics import Metrics
from strandline.runtime import tune_for_serving
from strandline.services import EmbeddedServices
from strandline.settings import Settings
from strandline.trouble import trouble


async def serve_alone(
    settings: Settings,
    data: DataDir,
    engine: Engine,
    blobs: LocalBlobs,
    metrics: Metrics,
    announce: Callable[[], None],
    stopping: asyncio.Event,
) -> None:
    """Serve until `stopping`, then drain. `announce` is called once it listens."""
    services = EmbeddedServices(settings, data, engine.submitter, blobs, engine.keys)
    request_log = RequestLog(engine.record_audit, audited=settings.audit)
    look_up = partial(search, data.audit) if settings.audit else None
    edge = HttpEdge(
        settings, services.services, metrics, request_log, partial(trouble, metrics), look_up=look_up
    )
    request_log.start()
    await edge.start()
    tune_for_serving()
    announce()
    await stopping.wait()
    await edge.stop(settings.drain_seconds)
    await request_log.stop()
    services.close()

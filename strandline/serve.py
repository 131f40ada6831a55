"""`strandline serve`: the embedded store in one process, or in several workers around one sequencer."""

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial

from access.credentials import Root
from bus.remote import Append
from strandline.announcement import announcement
from strandline.background import Background
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.folder_metrics import open_metrics
from strandline.listening import check_free
from strandline.runtime import tune_for_serving
from strandline.services import open_blobs, root_of
from strandline.settings import Settings
from strandline.stopping import stop_on_signals
from strandline.workers import Workers

log = logging.getLogger(__name__)

SIGNAL_SECONDS = 0.2  # for a signal to arrive here that has ended a worker already


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Raises ConfigurationError for what cannot be used."""
    data = DataDir(settings.data_dir)
    data.create(master_file=settings.master_file)
    with data.lock() as lock:
        check_free(*settings.listens)
        root = root_of(settings, data)
        stopping = stop_on_signals()
        engine = Engine(settings, data)
        await engine.start()
        metrics = open_metrics(settings, data, settings.worker_count)
        blobs = open_blobs(settings, data, engine.keys)
        append = engine.append_for_others(blobs)
        background = Background(settings, data, engine, append, metrics)
        await background.start()
        try:
            await blobs.start()
            announce = partial(_announce, settings, data, engine, root)
            if settings.worker_count == 1:
                # Loaded here: where workers answer, this process needs none of the HTTP edge, which is half
                # of the time that it takes to start.
                from strandline.serve_alone import serve_alone

                await serve_alone(settings, data, engine, blobs, metrics, announce, stopping)
            else:
                await _serve_in_workers(settings, engine, append, announce, lock, stopping)
            await blobs.close()
        finally:
            await background.stop()
            await engine.stop()


async def _serve_in_workers(
    settings: Settings,
    engine: Engine,
    append: Append,
    announce: Callable[[], None],
    lock: int,
    stopping: asyncio.Event,
) -> None:
    workers = Workers(settings, append, engine.record_audit, lock)
    if not await _start_workers(workers, stopping):
        return
    tune_for_serving()
    announce()
    await workers.run_until(stopping)


async def _start_workers(workers: Workers, stopping: asyncio.Event) -> bool:
    """False when the server was told to stop meanwhile: then none of them runs any more."""
    starting = asyncio.create_task(workers.start())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
    # A signal to the whole group ends workers that are not ready yet: their failure to start is no error
    # then, and may be seen before the signal is.
    if starting.done() and starting.exception() is not None:
        await asyncio.wait((stop,), timeout=SIGNAL_SECONDS)
    stop.cancel()
    if not stopping.is_set():
        await starting
        return True
    starting.cancel()
    (outcome,) = await asyncio.gather(starting, return_exceptions=True)
    if outcome is None:  # all of them had started just then
        await workers.run_until(stopping)
    return False


def _announce(settings: Settings, data: DataDir, engine: Engine, root: Root) -> None:
    for line in announcement(settings, data, engine.recovery, root):
        print(line)
    sys.stdout.flush()

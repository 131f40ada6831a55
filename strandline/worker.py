"""One worker process: the HTTP edge, with its writes going to the sequencer over a socket pair.

`python -m strandline.worker FD NUMBER`, started by `strandline.workers` only.
"""

import asyncio
import signal
import socket
import sys
from functools import partial

from bus.remote import connect_submitter
from processors.audit_search import search
from processors.request_log import RequestLog
from schemas.errors import StrandlineError
from strandline.data_dir import DataDir
from strandline.folder_metrics import open_metrics
from strandline.http_edge import HttpEdge
from strandline.key_ring import open_key_ring
from strandline.logs import configure_logging
from strandline.runtime import run, tune_for_serving
from strandline.services import EmbeddedServices, open_blobs
from strandline.settings import Settings
from strandline.trouble import trouble
from strandline.worker_settings import READY, settings_for_worker

CARRY_LIMIT = 16 * 1024  # bytes of an object that go along with its event: a few more pages over the socket


async def work(settings: Settings, connection: socket.socket, number: int) -> None:
    """Serve until SIGTERM, then drain; or until the sequencer goes away, then end at once."""
    stopping, orphaned = asyncio.Event(), asyncio.Event()

    def lose_sequencer() -> None:
        orphaned.set()
        stopping.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the parent decides
    data = DataDir(settings.data_dir)
    keys = open_key_ring(settings, data.keys)
    submitter = await connect_submitter(connection, lose_sequencer)
    blobs = open_blobs(settings, data, keys, carry_limit=CARRY_LIMIT)
    await blobs.start()
    services = EmbeddedServices(settings, data, submitter, blobs, keys)
    request_log = RequestLog(submitter.record, audited=settings.audit)
    metrics = open_metrics(settings, data, number)
    look_up = partial(search, data.audit) if settings.audit else None
    edge = HttpEdge(
        settings, services.services, metrics, request_log, partial(trouble, metrics), look_up=look_up
    )
    request_log.start()
    await edge.start()
    tune_for_serving()
    print(READY.decode(), flush=True)
    await stopping.wait()
    await _drain(edge, settings.drain_seconds, orphaned)
    await request_log.stop()
    services.close()
    await blobs.close()


async def _drain(edge: HttpEdge, seconds: float, orphaned: asyncio.Event) -> None:
    """Answer what was begun; no longer once the sequencer is gone. Without it no write can succeed, and the
    next server waits for the folder's lock, which this process holds too."""
    draining = asyncio.create_task(edge.stop(seconds))
    losing = asyncio.create_task(orphaned.wait())
    await asyncio.wait((draining, losing), return_when=asyncio.FIRST_COMPLETED)
    losing.cancel()
    if orphaned.is_set() and not draining.done():
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        await edge.stop(0)
    else:
        await draining


def main() -> int:
    """The entry point of the process."""
    descriptor, number = int(sys.argv[1]), int(sys.argv[2])
    settings = settings_for_worker()
    configure_logging(settings.log_level)
    try:
        run(work(settings, socket.socket(fileno=descriptor), number))
    except StrandlineError as error:
        print(f"strandline: worker {number}: {error.message or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Worker processes around one sequencer: started, watched, restarted and stopped by the engine's process."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

from bus.contract import Submitter
from bus.remote import serve_worker
from schemas.errors import ConfigurationError
from strandline.settings import Settings
from strandline.worker import READY, environment_of

log = logging.getLogger(__name__)

START_SECONDS = 30.0
RESTART_SECONDS = 0.5
STOP_GRACE = 5.0  # seconds beyond the drain before a worker is killed


class Workers:
    """Runs `settings.workers` processes; one that ends by itself is started again."""

    def __init__(
        self, settings: Settings, submitter: Submitter, record_audit: Callable[[bytes], None]
    ) -> None:
        self._settings = settings
        self._submitter = submitter
        self._record_audit = record_audit
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False

    async def start(self) -> None:
        """Start all of them; returns when every one listens."""
        await asyncio.gather(*(self._spawn(number) for number in range(self._settings.workers)))

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Keep them running until `stopping` is set, then drain and stop them."""
        watchers = [asyncio.create_task(self._watch(number)) for number in range(self._settings.workers)]
        await stopping.wait()
        self._stopping = True
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        _, late = await asyncio.wait(watchers, timeout=self._settings.drain_seconds + STOP_GRACE)
        for process in self._processes.values():
            if process.returncode is None:
                process.kill()
        if late:
            await asyncio.wait(late)

    async def _spawn(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "strandline.worker", str(theirs.fileno()), str(number),
                pass_fds=[theirs.fileno()],
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **environment_of(self._settings)},
            )  # fmt: skip
        finally:
            theirs.close()
        self._processes[number] = process
        await serve_worker(ours, self._submitter, self._record_audit)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if line.strip() != READY:
            await process.wait()
            raise ConfigurationError(f"worker {number} did not start: exit code {process.returncode}")

    async def _watch(self, number: int) -> None:
        while True:
            code = await self._processes[number].wait()
            if self._stopping:
                return
            log.error("worker %d ended with code %d: starting it again", number, code)
            await asyncio.sleep(RESTART_SECONDS)
            try:
                await self._spawn(number)
            except (ConfigurationError, TimeoutError, OSError) as error:
                log.error("worker %d cannot be started: %s", number, error)

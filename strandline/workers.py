"""Worker processes around one sequencer: started, watched, restarted and stopped by the engine's process."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable

from bus.remote import Append, serve_worker
from schemas.errors import ConfigurationError
from strandline.settings import Settings
from strandline.worker_settings import READY, environment_of

log = logging.getLogger(__name__)

START_SECONDS = 120.0  # a machine that is busy, or recovers many servers at once, takes its time
RESTART_SECONDS = 0.2  # before a worker that ended is started again; doubles while it cannot be
RESTART_LIMIT = 10.0
STARTS = 4  # of a worker that is killed while it starts, before the server gives up
STOP_GRACE = 20.0  # seconds beyond the drain before a worker is killed


class _Killed(ConfigurationError):
    """A worker that was killed while it started: by the kernel, for memory, or by somebody's hand."""


class Workers:
    """Runs `settings.worker_count` processes; one that ends by itself is started again.

    lock  descriptor of the data folder's lock: workers inherit it, so that no other server begins before
          the last of them has ended, even when this process is killed
    """

    def __init__(
        self, settings: Settings, append: Append, record_audit: Callable[[bytes], None], lock: int
    ) -> None:
        self._settings = settings
        self._append = append
        self._record_audit = record_audit
        self._lock = lock
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False

    async def start(self) -> None:
        """Start all of them; returns when every one listens. Raises ConfigurationError."""
        spawning = [self._start(number) for number in range(self._settings.worker_count)]
        try:
            outcomes = await asyncio.gather(*spawning, return_exceptions=True)
        except asyncio.CancelledError:
            await self._stop_all()  # those that listen already answer what they have begun
            raise
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                await self._stop_all()
                raise outcome

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Keep them running until `stopping` is set, then drain and stop them."""
        watchers = [asyncio.create_task(self._watch(number)) for number in range(self._settings.worker_count)]
        await stopping.wait()
        self._stopping = True
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await self._stop_all()

    async def _stop_all(self) -> None:
        """SIGTERM to every worker, SIGKILL to those that do not end in time."""
        running = [process for process in self._processes.values() if process.returncode is None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(self._end(process) for process in running))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        limit = self._settings.drain_seconds + STOP_GRACE
        try:
            await asyncio.wait_for(process.wait(), limit)
        except TimeoutError:
            log.error("worker process %d did not end within %.0f s: killing it", process.pid, limit)
            await _kill(process)

    async def _start(self, number: int) -> None:
        """Start a worker, again where it is killed meanwhile: the others may be serving already, and one
        that is killed a moment later is replaced as well. Raises ConfigurationError."""
        for attempt in range(1, STARTS):
            try:
                return await self._spawn(number)
            except _Killed as error:
                log.error("%s: starting it again", error.message)
                await asyncio.sleep(RESTART_SECONDS * attempt)
        return await self._spawn(number)

    async def _spawn(self, number: int) -> None:
        """Start a worker; returns when it listens. Raises ConfigurationError, and then it is not running."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "strandline.worker", str(theirs.fileno()), str(number),
                pass_fds=[theirs.fileno(), self._lock],
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **environment_of(self._settings)},
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._processes[number] = process
        try:
            await serve_worker(ours, self._append, self._record_audit)
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            await _kill(process)
            raise ConfigurationError(f"worker {number} was not ready within {START_SECONDS:.0f} s") from None
        except asyncio.CancelledError:
            raise  # whoever cancels stops it with the others: it may listen already
        except BaseException:
            await _kill(process)
            raise
        if line.strip() != READY:
            code = await process.wait()
            kind = _Killed if code == -signal.SIGKILL else ConfigurationError
            raise kind(f"worker {number} did not start: exit code {code}")

    async def _watch(self, number: int) -> None:
        """Start a worker again whenever it ends, at growing distances while that fails."""
        while True:
            code = await self._processes[number].wait()
            log.error("worker %d ended with code %d: starting it again", number, code)
            wait = RESTART_SECONDS
            while True:
                await asyncio.sleep(wait * (0.5 + random.random()))
                try:
                    await self._spawn(number)
                    break
                except (ConfigurationError, OSError) as error:
                    log.error("worker %d cannot be started: %s", number, error)
                    wait = min(wait * 2, RESTART_LIMIT)


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()

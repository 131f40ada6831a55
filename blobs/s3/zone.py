"""One zone: the few requests that the store sends it, from threads of its own, each with a deadline."""

import asyncio
import io
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeVar

from minio.deleteobjects import DeleteObject

from blobs.s3.breaker import Breaker
from blobs.s3.endpoint import Timing, ZoneEndpoint, open_client, open_pool
from blobs.s3.failures import CLIENT_ERRORS, NotInZone, ZoneFailed, translate

THREADS = 16
WAITING = 256  # requests to one zone, running and waiting; more are refused
PAGE = 1000  # names listed with one request
FIRST_PAUSE = 0.05  # seconds, at most, before the second attempt; doubles

T = TypeVar("T")


class Listed(NamedTuple):
    """An object in a zone: its name and its size in bytes."""

    name: str
    size: int


class Zone:
    """Requests raise ZoneFailed (away, too slow, refused), and NotInZone when there is no such object.

    Use it from one event loop. A request that was given up may still take effect later.

    report  is told in one line when the zone goes away and when it is back
    """

    def __init__(self, endpoint: ZoneEndpoint, timing: Timing, report: Callable[[str], None]) -> None:
        self.name = endpoint.name
        self.breaker = Breaker(self._opened)
        self._bucket, self._region = endpoint.bucket, endpoint.region
        self._timing, self._report = timing, report
        self._pool = open_pool(endpoint, THREADS + 1, timing)
        self._client = open_client(endpoint, self._pool)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"zone-{self.name}")
        self._prober = ThreadPoolExecutor(1, thread_name_prefix=f"probe-{self.name}")
        self._requests = 0
        self._probing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See whether it is there, and make its bucket. A zone that is away is asked again and again."""
        await self._probe()

    async def close(self) -> None:
        """Let go of threads and connections; requests still waiting fail."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait((self._probing,))
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._prober.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    # --- requests ----------------------------------------------------------------------------------------
    async def put(self, name: str, data: bytes = b"") -> None:
        """Store an object; the zone has it durably when this returns."""

        def send() -> None:
            self._client.put_object(self._bucket, name, io.BytesIO(data), len(data))

        await self._request(send)

    async def get(self, name: str, offset: int, length: int, use: Callable[[bytes], T]) -> T:
        """What `use` makes of the bytes from `offset` on (fewer than `length` where the object ends),
        in the same thread; what it raises is raised here."""

        def fetch() -> T:
            response = self._client.get_object(self._bucket, name, offset, length)
            try:
                data = response.read(length)
            finally:
                response.release_conn()
            return use(data)

        return await self._request(fetch)

    async def list_page(self, prefix: str, after: str = "") -> list[Listed]:
        """The next PAGE objects, in order of their names; fewer only at the end."""

        def fetch() -> list[Listed]:
            objects = self._client.list_objects(self._bucket, prefix, recursive=True, start_after=after)
            return [Listed(str(one.object_name), one.size or 0) for one in islice(objects, PAGE)]

        return await self._request(fetch)

    async def list_folders(self, prefix: str, after: str = "") -> list[str]:
        """The next PAGE folders (names up to the next "/") behind `after`; fewer only at the end."""

        def fetch() -> list[str]:
            objects = self._client.list_objects(self._bucket, prefix, start_after=after)
            return [str(one.object_name) for one in islice(objects, PAGE)]

        return await self._request(fetch)

    async def list_all(self, prefix: str) -> list[Listed]:
        """Every object of that prefix: for prefixes that hold few."""
        found = page = await self.list_page(prefix)
        while len(page) == PAGE:
            page = await self.list_page(prefix, page[-1].name)
            found = found + page
        return found

    async def remove(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there count as removed."""

        def send() -> None:
            if len(names) == 1:
                self._client.remove_object(self._bucket, names[0])
                return
            errors = list(self._client.remove_objects(self._bucket, map(DeleteObject, names)))
            if errors:
                raise ZoneFailed(
                    self.name, f"does not remove {errors[0].name}: {errors[0].code}", passing=True
                )

        if names:
            await self._request(send)

    def lagged(self, seconds: float) -> None:
        """It was given up on, `seconds` after others had done the same."""
        self.breaker.failed(f"is {seconds:.1f} s behind the others")

    # --- attempts ----------------------------------------------------------------------------------------
    async def _request(self, function: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        limit = loop.time() + self._timing.deadline
        pause = FIRST_PAUSE
        for attempt in range(self._timing.attempts):
            try:
                return await self._attempt(function, limit - loop.time())
            except ZoneFailed as failure:
                wait = random.uniform(0, pause)
                if not failure.passing or attempt + 1 == self._timing.attempts or loop.time() + wait > limit:
                    raise
            await asyncio.sleep(wait)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, function: Callable[[], T], seconds: float) -> T:
        if not self.breaker.closed:
            raise ZoneFailed(self.name, f"is away ({self.breaker.reason})")
        if self._requests >= WAITING:
            raise ZoneFailed(self.name, f"has {WAITING} requests waiting")
        self._requests += 1
        try:
            return await self._run(self._threads, function, seconds)
        except ZoneFailed as failure:
            if failure.passing:
                self.breaker.failed(str(failure))
            elif not failure.full:  # a full zone answers soon, and still reads
                self.breaker.trip(str(failure))
            raise
        finally:
            self._requests -= 1

    async def _run(self, threads: ThreadPoolExecutor, function: Callable[[], T], seconds: float) -> T:
        """One attempt in a thread. A thread that is given up ends with its client's timeouts."""
        try:
            running = asyncio.get_running_loop().run_in_executor(threads, function)
            result = await asyncio.wait_for(running, seconds)
        except TimeoutError:
            raise ZoneFailed(self.name, f"does not answer within {seconds:.1f} s", passing=True) from None
        except CLIENT_ERRORS as error:
            failure = translate(self.name, error)
            if isinstance(failure, NotInZone):
                self.breaker.succeeded()
            raise failure from error
        self.breaker.succeeded()
        return result

    # --- away and back -----------------------------------------------------------------------------------
    def _opened(self, reason: str) -> None:
        self._report(f"zone {self.name} is away: {reason}")
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._wait_for_it())

    async def _wait_for_it(self) -> None:
        pause = self._timing.probe
        while not self.breaker.closed:
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, self._timing.probe_longest)
            await self._probe()
        self._report(f"zone {self.name} is back")

    async def _probe(self) -> None:
        try:
            await self._run(self._prober, self._ensure_bucket, self._timing.answer)
        except (ZoneFailed, NotInZone) as failure:
            self.breaker.trip(str(failure))
        else:
            self.breaker.close()

    def _ensure_bucket(self) -> None:
        if not self._client.bucket_exists(self._bucket):
            try:
                self._client.make_bucket(self._bucket, self._region)
            except CLIENT_ERRORS:
                if not self._client.bucket_exists(self._bucket):  # another process may have made it just now
                    raise

"""What is measured: a class per kind of request, which prepares its keys, its requests and a check."""

import os
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass

from bench.http import Client
from bench.signing import Signer
from bench.wrk import Requests, Sample

KIB, MIB = 1024, 1024 * 1024
PAGE = 1000
# More than any store here reaches, so that a run of writes does not use up its keys before its time.
FASTEST_WRITES_PER_SECOND = 9_000
SAMPLES_READ_BACK = 50
Load = Callable[[Requests], Sample]


@dataclass(frozen=True)
class Run:
    """One run to come: `warm` goes first and is not counted. `seconds` bounds both."""

    warm: Requests
    measured: Requests
    warm_seconds: float
    seconds: float


class Workload:
    """A kind of request. `per_request` converts requests into `unit` (1 for requests themselves)."""

    name: str
    title: str
    unit = "/s"
    per_request = 1.0
    threads = 1

    def prepare(self, signer: Signer, load: Load, scale: float) -> None:
        """Make the bucket and store what the runs need. `scale` below 1 makes everything smaller."""
        with Client(signer) as client:
            client.expect(200, "PUT", f"/{self.name}")

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        """Requests of run `number`; `load` may store first what they need."""
        raise NotImplementedError

    def check(self, signer: Signer) -> None:
        """Prove that the last run did what it says. Raises RuntimeError."""
        raise NotImplementedError

    def heads(self, signer: Signer, method: str, keys: list[str], length: int | None = None) -> list[str]:
        """Signed requests for these keys of this workload's bucket."""
        return [signer.head(method, f"/{self.name}/{key}", None, length) for key in keys]


class Put(Workload):
    """PUT of new keys (small) or of a fixed set of keys again and again (large)."""

    def __init__(self, name: str, title: str, size: int) -> None:
        self.name, self.title, self.size = name, title, size
        self.body = os.urandom(size)
        self.large = size >= MIB
        self.stored: list[str] = []
        if self.large:
            self.unit, self.per_request = "MiB/s", size / MIB

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        warm_seconds = min(1.0, seconds)
        if self.large:
            keys = [f"large-{i:02}" for i in range(16)]
            self.stored = keys
            again = Requests(self.heads(signer, "PUT", keys, self.size), self.body)
            return Run(again, again, warm_seconds, seconds)
        warm = [f"warm/{number}/{i:07}" for i in range(int(warm_seconds * FASTEST_WRITES_PER_SECOND))]
        keys = [f"run/{number}/{i:07}" for i in range(int(seconds * FASTEST_WRITES_PER_SECOND))]
        self.stored = keys[:500]
        return Run(
            Requests(self.heads(signer, "PUT", warm, self.size), self.body, once=True),
            Requests(self.heads(signer, "PUT", keys, self.size), self.body, once=True),
            warm_seconds,
            seconds,
        )

    def check(self, signer: Signer) -> None:
        sample = random.Random(1).sample(self.stored, min(SAMPLES_READ_BACK, len(self.stored)))
        _compare(signer, self.name, sample, self.body)


class Get(Workload):
    """GET of random keys among those stored."""

    def __init__(self, name: str, title: str, size: int, count: int, threads: int = 1) -> None:
        self.name, self.title, self.size, self.count, self.threads = name, title, size, count, threads
        self.body = os.urandom(size)
        self.keys: list[str] = []
        if size >= MIB:
            self.unit, self.per_request = "MiB/s", size / MIB

    def prepare(self, signer: Signer, load: Load, scale: float) -> None:
        super().prepare(signer, load, scale)
        self.keys = _keys(max(16, int(self.count * scale)) if self.size < MIB else self.count)
        load(Requests(self.heads(signer, "PUT", self.keys, self.size), self.body, once=True))
        # The end of a run cuts off the requests still under way: store the last ones again.
        _store(signer, self.name, self.keys[-32:], self.body)

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        keys = list(self.keys)
        random.Random(number).shuffle(keys)
        requests = Requests(self.heads(signer, "GET", keys))
        return Run(requests, requests, min(1.0, seconds), seconds)

    def check(self, signer: Signer) -> None:
        _compare(signer, self.name, self.keys[:: max(1, len(self.keys) // SAMPLES_READ_BACK)], self.body)


class Head(Get):
    """HEAD of random keys. They are empty objects: wrk's parser waits for the body that Content-Length
    announces even after a HEAD, so it can only take answers that say 0."""

    def __init__(self, count: int) -> None:
        super().__init__("head", "HEAD", 0, count)

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        keys = list(self.keys)
        random.Random(number).shuffle(keys)
        requests = Requests(self.heads(signer, "HEAD", keys))
        return Run(requests, requests, min(1.0, seconds), seconds)


class Delete(Workload):
    """DELETE of keys that exist, each once; the run ends when all are gone."""

    name, title, size = "delete", "DELETE", 4 * KIB

    def __init__(self, count: int) -> None:
        self.count = count
        self.deleted: list[str] = []

    def prepare(self, signer: Signer, load: Load, scale: float) -> None:
        super().prepare(signer, load, scale)
        self.count = max(200, int(self.count * scale))

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        warm = [f"warm/{number}/{i:06}" for i in range(self.count // 10)]
        keys = [f"run/{number}/{i:06}" for i in range(self.count)]
        body = os.urandom(self.size)
        load(Requests(self.heads(signer, "PUT", warm + keys, self.size), body, once=True))
        _store(signer, self.name, keys[-32:], body)
        # The requests still under way when the run ends are cut off, so their keys are left out of the check.
        self.deleted = keys[:-32]
        return Run(
            Requests(self.heads(signer, "DELETE", warm), once=True),
            Requests(self.heads(signer, "DELETE", keys), once=True),
            60,
            60,
        )

    def check(self, signer: Signer) -> None:
        with Client(signer) as client:
            for key in self.deleted[:: max(1, len(self.deleted) // SAMPLES_READ_BACK)]:
                client.expect(404, "GET", f"/{self.name}/{key}")


class List(Get):
    """ListObjectsV2, pages of 1,000 keys from all over the bucket."""

    def __init__(self, count: int) -> None:
        super().__init__("list", "LIST", 64, count)
        self.unit, self.per_request = "keys/s", PAGE

    def prepare(self, signer: Signer, load: Load, scale: float) -> None:
        super().prepare(signer, load, max(scale, 2 * PAGE / self.count))

    def queries(self) -> list[dict[str, str]]:
        """One query per page; each page is full."""
        starts = range(0, len(self.keys) - PAGE, 97)
        return [
            {"list-type": "2", "max-keys": str(PAGE), "start-after": self.keys[start]} for start in starts
        ]

    def run(self, signer: Signer, load: Load, number: int, seconds: float) -> Run:
        heads = [signer.head("GET", f"/{self.name}", query) for query in self.queries()]
        random.Random(number).shuffle(heads)
        requests = Requests(heads)
        return Run(requests, requests, min(1.0, seconds), seconds)

    def check(self, signer: Signer) -> None:
        with Client(signer) as client:
            for query in self.queries()[::7]:
                page = keys_of(client.expect(200, "GET", f"/{self.name}", query))
                first = self.keys.index(query["start-after"]) + 1
                if page != self.keys[first : first + PAGE]:
                    raise RuntimeError(f"the page after {query['start-after']} has {len(page)} other keys")


def keys_of(page: bytes) -> list[str]:
    """The keys on a page of a listing."""
    return [element.text or "" for element in ElementTree.fromstring(page).iterfind("{*}Contents/{*}Key")]


def _keys(count: int) -> list[str]:
    return [f"key-{i:07}" for i in range(count)]


def _store(signer: Signer, bucket: str, keys: list[str], body: bytes) -> None:
    with Client(signer) as client:
        for key in keys:
            client.expect(200, "PUT", f"/{bucket}/{key}", None, body)


def _compare(signer: Signer, bucket: str, keys: list[str], body: bytes) -> None:
    with Client(signer) as client:
        for key in keys:
            if client.expect(200, "GET", f"/{bucket}/{key}") != body:
                raise RuntimeError(f"{bucket}/{key} on {signer.host} reads back as other bytes")


def all_workloads() -> list[Workload]:
    """In the order of the table. Two generator threads where one could become the limit (large reads)."""
    return [
        Put("put4k", "PUT 4 KiB", 4 * KIB),
        Get("get4k", "GET 4 KiB", 4 * KIB, 10_000),
        Head(10_000),
        Delete(10_000),
        List(10_000),
        Put("put8m", "PUT 8 MiB", 8 * MIB),
        Get("get8m", "GET 8 MiB", 8 * MIB, 16, threads=2),
    ]

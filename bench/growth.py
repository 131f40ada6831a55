"""Does a listing or a read slow down as a bucket grows? The same requests at few keys and at many."""

import random
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.http import Client
from bench.keys import PREFIXES, key_of
from bench.servers import ROOT, Server
from bench.signing import Signer
from bench.workloads import PAGE, keys_of
from bench.wrk import Requests, clean_environment, run

FEW = 1_000
FILL_SECONDS = 1800
READS = 100_000  # different requests: more than a store keeps heads in memory for


@dataclass(frozen=True)
class Growth:
    """Mean times of a request in milliseconds at a number of keys, by kind of request."""

    keys: int
    get_ms: float
    list_ms: float
    delimiter_ms: float

    def as_dict(self) -> dict[str, float]:
        return {
            "keys": self.keys,
            "get_ms": self.get_ms,
            "list_ms": self.list_ms,
            "delimiter_ms": self.delimiter_ms,
        }


def bucket_of(size: int) -> str:
    """The bucket of so many keys."""
    return f"keys-{size}"


def fill(server: Server, data: Path, sizes: tuple[int, int]) -> None:
    """Store the objects in the server's data folder, before it starts, with the credentials it will have.
    Raises RuntimeError."""
    buckets = [f"{bucket_of(size)}={size}" for size in sizes]
    command = [sys.executable, "-m", "bench.filling", str(data), *buckets]
    environment = {**clean_environment(), **server.environment}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=FILL_SECONDS).returncode:
        raise RuntimeError(f"{data} could not be filled")


def measure(
    server: Server, sizes: tuple[int, int], style: str, connections: int, seconds: float, rounds: int
) -> list[Growth]:
    """Time GET, LIST and a delimiter listing of a bucket of few keys and one of many, as `fill` made them.

    The two take turns, so that whatever else the machine does falls on both."""
    signer = server.signer(style)
    buckets = {bucket_of(size): size for size in sizes}
    for bucket, size in buckets.items():
        _check(signer, bucket, size)
    server.settle()
    signer.refresh()
    plans = {
        "get": ({b: _reads(signer, b, n) for b, n in buckets.items()}, connections),
        "list": ({b: _pages(signer, b, n) for b, n in buckets.items()}, connections),
        "delimiter": ({b: [signer.head("GET", f"/{b}", _DELIMITER)] for b in buckets}, 1),
    }
    times = {
        kind: _alternate(server, heads, clients, seconds, rounds) for kind, (heads, clients) in plans.items()
    }
    return [
        Growth(size, times["get"][bucket], times["list"][bucket], times["delimiter"][bucket])
        for bucket, size in buckets.items()
    ]


_DELIMITER = {"list-type": "2", "delimiter": "/", "max-keys": str(PAGE)}


def _check(signer: Signer, bucket: str, keys: int) -> None:
    """Every prefix is listed, and the keys of one of them are all there."""
    with Client(signer) as client:
        whole = client.expect(200, "GET", f"/{bucket}", _DELIMITER)
        if whole.count(b"<CommonPrefixes>") != min(PREFIXES, keys):
            raise RuntimeError(
                f"the delimiter listing of {bucket} does not show every prefix: {whole[:300]!r}"
            )
        found, after = 0, ""
        while page := keys_of(client.expect(200, "GET", f"/{bucket}", _page("prefix-007/", after))):
            found, after = found + len(page), page[-1]
        expected = len(range(7, keys, PREFIXES))
        if found != expected:
            raise RuntimeError(f"{bucket} has {found} keys under one prefix, not {expected}")


def _page(prefix: str, after: str) -> dict[str, str]:
    return {"list-type": "2", "prefix": prefix, "start-after": after, "max-keys": str(PAGE)}


def _reads(signer: Signer, bucket: str, keys: int) -> list[str]:
    numbers = random.Random(1).choices(range(keys), k=READS)
    return [signer.head("GET", f"/{bucket}/{key_of(i)}") for i in numbers]


def _pages(signer: Signer, bucket: str, keys: int) -> list[str]:
    """Full pages from all over the bucket (the only one there is, at few keys)."""
    chosen = random.Random(2)
    last_start = max(1, (keys - PAGE) // PREFIXES)
    starts = [
        f"prefix-{chosen.randrange(PREFIXES - 1):03}/key-{chosen.randrange(last_start):07}"
        for _ in range(500)
    ]
    if keys <= PAGE:
        starts = [""]
    return [signer.head("GET", f"/{bucket}", _page("", after)) for after in starts]


def _alternate(
    server: Server, heads: dict[str, list[str]], connections: int, seconds: float, rounds: int
) -> dict[str, float]:
    """Median over the rounds of the mean time of a request, in milliseconds, by bucket."""
    found: dict[str, list[float]] = {bucket: [] for bucket in heads}
    for requests in heads.values():
        run(server.endpoint, Requests(requests), seconds, connections)
    for _ in range(rounds):
        for bucket, requests in heads.items():
            sample = run(server.endpoint, Requests(requests), seconds, connections)
            found[bucket].append(connections / sample.rate * 1000)
    return {bucket: statistics.median(times) for bucket, times in found.items()}

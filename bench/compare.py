"""Strandline against MinIO: rounds A B A B, medians, ratios."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.servers import Server
from bench.workloads import Workload
from bench.wrk import Requests, Sample, run

LOAD_SECONDS = 600


@dataclass(frozen=True)
class Plan:
    """How to measure. `scale` below 1 stores fewer keys; `style` is that of `Signer`."""

    rounds: int
    seconds: float
    connections: int
    scale: float
    style: str


@dataclass
class Measured:
    """All samples of one workload on one store."""

    store: str
    workload: str
    title: str
    unit: str
    per_request: float
    samples: list[Sample] = field(default_factory=list)

    def median(self, value: Callable[[Sample], float]) -> float:
        return statistics.median(value(sample) for sample in self.samples)

    @property
    def rate(self) -> float:
        """Median rate in `unit`."""
        return self.median(lambda sample: sample.rate) * self.per_request

    def as_dict(self) -> dict[str, object]:
        return {
            "store": self.store,
            "workload": self.workload,
            "unit": self.unit,
            "rate": round(self.rate, 1),
            "p50_ms": round(self.median(lambda sample: sample.p50_us) / 1000, 3),
            "p99_ms": round(self.median(lambda sample: sample.p99_us) / 1000, 3),
            "samples": [sample.as_dict() for sample in self.samples],
        }


def compare(servers: list[Server], workload_of: Callable[[], Workload], plan: Plan) -> list[Measured]:
    """Measure one workload on the stores in turn; all but the one being measured are paused."""
    workloads = {server.name: workload_of() for server in servers}
    results = {
        server.name: Measured(server.name, w.name, w.title, w.unit, w.per_request)
        for server, w in ((server, workloads[server.name]) for server in servers)
    }
    for server in servers:
        with _awake(server):
            workloads[server.name].prepare(server.signer(plan.style), _loader(server, plan), plan.scale)
    for number in range(plan.rounds):
        for server in servers:
            with _awake(server):
                sample = _measure(server, workloads[server.name], number, plan)
            results[server.name].samples.append(sample)
            _say(results[server.name], sample, number)
    return list(results.values())


def _measure(server: Server, workload: Workload, number: int, plan: Plan) -> Sample:
    signer = server.signer(plan.style)
    load = _loader(server, plan)
    to_do = workload.run(signer, load, number, plan.seconds)
    run(server.endpoint, to_do.warm, to_do.warm_seconds, plan.connections, workload.threads)
    # What either store left in the page cache unsynced must not be written out at this run's expense.
    server.settle()
    sample = run(server.endpoint, to_do.measured, to_do.seconds, plan.connections, workload.threads)
    workload.check(signer)
    return sample


def _loader(server: Server, plan: Plan) -> Callable[[Requests], Sample]:
    return lambda requests: run(server.endpoint, requests, LOAD_SECONDS, plan.connections)


def _say(measured: Measured, sample: Sample, number: int) -> None:
    rate = sample.rate * measured.per_request
    print(
        f"  {measured.title:<12} {measured.store:<18} round {number + 1}: {rate:>10,.0f} {measured.unit:<7}"
        f" p50 {sample.p50_us / 1000:8.2f} ms  p99 {sample.p99_us / 1000:8.2f} ms"
        f"  generator {sample.generator_busy:4.0%}",
        flush=True,
    )


class _awake:
    """Lets a paused store run for as long as the block lasts."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._server.resume()

    def __exit__(self, *_: object) -> None:
        self._server.pause()

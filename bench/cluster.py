"""A cluster on this machine under load: `python -m bench.cluster`. Services, roles and load share the cores.

One broker and one Cassandra node; with `--replicated` three brokers and three nodes, everything three times.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from access.credentials import kept_credentials
from bench import machine, report, workloads
from bench.signing import Signer
from bench.wrk import Requests, Sample, WrongAnswer, run
from compose.native.cluster import NativeCluster, Plan
from compose.native.jars import NotAvailable
from compose.native.ports import free_ports
from compose.native.process import DidNotStart

ROOT = Path(__file__).resolve().parent.parent
KIB = 1024
LOAD_SECONDS = 600
WARM_SECONDS, WARM_CONNECTIONS = 20, 8  # the JVMs compile what runs often
STYLE = "presigned"


def main() -> int:
    """Start the cluster, measure, stop it; one clear line and exit 1 for what cannot be done."""
    options = _parse()
    if not shutil.which("wrk"):
        print("bench: wrk is not installed (Debian and Ubuntu: apt-get install wrk)", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="strandline-cluster-"))
    try:
        cluster = NativeCluster(folder, _plan(options.replicated))
        try:
            cluster.start()
            rows = _measure(cluster, folder, options.seconds)
        finally:
            cluster.stop()
    except (NotAvailable, DidNotStart, WrongAnswer, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    content: dict[str, object] = {"replicated": options.replicated, "results": rows}
    print(f"\nsaved: {report.save('cluster', machine.describe(None), content, None)}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--replicated", action="store_true", help="three brokers and three Cassandra nodes")
    parser.add_argument("--seconds", type=float, default=10, help="length of a run (default 10)")
    return parser.parse_args()


def _plan(replicated: bool) -> Plan:
    ports = free_ports(11)
    copies = 3 if replicated else 1
    return Plan(
        kafka_ports=tuple(ports[:copies]),
        cassandra_nodes=copies,
        cassandra_port=ports[3],
        storage_port=ports[4],
        zone_ports=tuple(ports[5:8]),
        gateway_ports=(ports[8],),
        auditor_port=ports[10],
        workers=1,
    )


def _measure(cluster: NativeCluster, folder: Path, seconds: float) -> list[dict[str, object]]:
    port = cluster.gateway_ports[0]
    endpoint = f"http://127.0.0.1:{port}"
    signer = Signer(f"127.0.0.1:{port}", *kept_credentials(folder / "keys"), STYLE)
    _one(endpoint, signer, workloads.Put("warm", "", 4 * KIB), WARM_CONNECTIONS, WARM_SECONDS)
    plan = [
        *((workloads.Put(f"put-{n}", "PUT 4 KiB", 4 * KIB), n) for n in (1, 16, 64)),
        (workloads.Get("get-64", "GET 4 KiB", 4 * KIB, 10_000), 64),
        (workloads.List(10_000), 1),
    ]
    rows: list[dict[str, object]] = []
    for workload, connections in plan:
        sample = _one(endpoint, signer, workload, connections, seconds)
        rows.append({"workload": workload.title, "connections": connections, **sample.as_dict()})
        print(
            f"  {workload.title:<10} {connections:>3} clients: {sample.rate:>8,.0f} /s"
            f"  p50 {sample.p50_us / 1000:7.2f} ms  p99 {sample.p99_us / 1000:7.2f} ms",
            flush=True,
        )
    return rows


def _one(
    endpoint: str, signer: Signer, workload: workloads.Workload, connections: int, seconds: float
) -> Sample:
    def load(requests: Requests) -> Sample:
        return run(endpoint, requests, LOAD_SECONDS, 16)

    workload.prepare(signer, load, 1.0)
    to_do = workload.run(signer, load, 0, seconds)
    run(endpoint, to_do.warm, to_do.warm_seconds, connections)
    sample = run(endpoint, to_do.measured, to_do.seconds, connections)
    if isinstance(workload, workloads.Put):  # as far as it got, without what was cut off at the end
        workload.stored = workload.stored[: max(0, sample.requests - connections)]
    workload.check(signer)
    return sample


if __name__ == "__main__":
    sys.exit(main())

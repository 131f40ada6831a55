"""`python -m compose.native up|down|status|environment|fetch`: a cluster on this machine."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from compose.native.cluster import NativeCluster, Plan
from compose.native.jars import NotAvailable, class_path
from compose.native.minio import find_minio
from compose.native.process import DidNotStart
from compose.native.toxiproxy import find_toxiproxy

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cache" / "cluster" / "state"


def main() -> int:
    """0 when it was done, 1 when a service is missing, did not start or does not run."""
    arguments = _arguments()
    try:
        return _COMMANDS[arguments.command](arguments)
    except (NotAvailable, DidNotStart) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m compose.native", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("--state", type=Path, default=STATE, help=f"folder of data, logs and pids ({STATE})")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3, help="Kafka brokers (3)")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="Cassandra nodes (1)")
    parser.add_argument("--services-only", action="store_true", help="start no gateways and workers")
    parser.add_argument(
        "--base-port",
        type=int,
        help="first of seventeen ports to use instead of 9000, 9092, 9042, 7000, 9101",
    )
    return parser.parse_args()


def _up(arguments: argparse.Namespace) -> int:
    plan = Plan.load(arguments.state) or _plan(arguments)
    plan.save(arguments.state)
    cluster = NativeCluster(arguments.state.resolve(), plan)
    cluster.start()
    _print_endpoints(cluster, plan)
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    base = arguments.base_port
    if base is None:
        plan = replace(Plan(), kafka_ports=Plan.kafka_ports[: arguments.brokers])
    else:
        plan = Plan(
            kafka_ports=tuple(range(base, base + arguments.brokers)),
            cassandra_port=base + 4,
            storage_port=base + 5,
            zone_ports=(base + 8, base + 9, base + 10),
            gateway_ports=(base + 12, base + 14),
            auditor_port=base + 16,
        )
    gateways = () if arguments.services_only else plan.gateway_ports
    return replace(plan, cassandra_nodes=arguments.nodes, gateway_ports=gateways)


def _down(arguments: argparse.Namespace) -> int:
    if plan := Plan.load(arguments.state):
        NativeCluster(arguments.state.resolve(), plan).stop()
    return 0


def _status(arguments: argparse.Namespace) -> int:
    plan = Plan.load(arguments.state)
    if plan is None:
        print(f"nothing was started in {arguments.state}")
        return 1
    cluster = NativeCluster(arguments.state.resolve(), plan)
    ready = {process: process.is_ready() for process in cluster.processes}
    for process, is_ready in ready.items():
        state = f"process {process.pid}" if process.pid else "not running"
        print(f"{process.name:14}{state:18}{'ready' if is_ready else 'not ready'}")
    return 0 if all(ready.values()) else 1


def _environment(arguments: argparse.Namespace) -> int:
    """What makes tests use the running services instead of starting their own."""
    plan = Plan.load(arguments.state)
    if plan is None:
        print(f"nothing was started in {arguments.state}", file=sys.stderr)
        return 1
    cluster = NativeCluster(arguments.state.resolve(), plan)
    zone = cluster.zones.zones[0]
    endpoints = ",".join(zone.endpoint for zone in cluster.zones.zones)
    print(f"export STRANDLINE_TEST_KAFKA={cluster.kafka.bootstrap_servers}")
    print(
        f"export STRANDLINE_TEST_CASSANDRA={','.join(cluster.cassandra.contact_points)}:{plan.cassandra_port}"
    )
    print(f"export STRANDLINE_TEST_ZONES={endpoints}")
    print(f"export STRANDLINE_TEST_ZONE_KEYS={zone.access_key}:{zone.secret_key}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    """Everything that must be downloaded or built, so that nothing later needs the network."""
    for service in ("kafka", "cassandra"):
        class_path(service)
    find_minio()
    find_toxiproxy()
    return 0


def _print_endpoints(cluster: NativeCluster, plan: Plan) -> None:
    print(f"Kafka      {cluster.kafka.bootstrap_servers}")
    print(f"Cassandra  {', '.join(cluster.cassandra.contact_points)}, port {cluster.cassandra.port}")
    for zone in cluster.zones.zones:
        print(f"zone       {zone.name} {zone.endpoint} {zone.access_key} {zone.secret_key}")
    for gateway, port in zip(cluster.store.gateways, plan.gateway_ports, strict=True):
        print(f"{gateway.name:11}http://127.0.0.1:{port}  (API: {port + 1})")
    if cluster.store.gateways:
        print(f"For AWS's command line: strandline credentials --config {cluster.store.config}")


_COMMANDS = {"up": _up, "down": _down, "status": _status, "environment": _environment, "fetch": _fetch}

if __name__ == "__main__":
    sys.exit(main())

"""The command line of the benchmark: `python -m bench [compare|growth] …`."""

import argparse
import functools
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench import compare, growth, machine, report, servers, workloads, wrk
from compose.native.minio import find_minio

STORES = ("strandline", "strandline-nosync", "minio")


def main() -> int:
    """Run what the arguments ask for; one clear line and exit 1 for what cannot be done."""
    options = _parse()
    if not shutil.which("wrk"):
        return _fail("wrk is not installed (Debian and Ubuntu: apt-get install wrk)")
    options.dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.dir.resolve()))
    started: list[servers.Server] = []
    try:
        if options.what == "growth":
            server = servers.strandline(folder, options.workers)
            started.append(server)
            _growth(server, folder / server.name, options)
        else:
            for store in options.stores:
                server = _server(store, folder, options.workers)
                server.start()
                started.append(server)
                server.pause()
            _compare(started, options)
    except (servers.Unavailable, wrk.WrongAnswer, RuntimeError, OSError) as error:
        return _fail(str(error))
    finally:
        for server in started:
            server.stop()
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _compare(started: list[servers.Server], options: argparse.Namespace) -> None:
    plan = compare.Plan(
        options.rounds, options.seconds, options.connections, 0.2 if options.quick else 1.0, options.auth
    )
    measured = []
    for name in options.workloads:
        # The store without fdatasync of large objects differs from the other only where those are written.
        apt = [one for one in started if one.name != "strandline-nosync" or name == "put8m"]
        measured += compare.compare(apt, functools.partial(_workload, name), plan)
    print("\n" + report.table(measured))
    memory = {one.name: one.resident_bytes() for one in started}
    content: dict[str, object] = {
        "plan": vars(plan),
        "results": [row.as_dict() for row in measured],
        "resident_bytes": memory,
    }
    _save("compare", options, content)


def _growth(server: servers.Server, data: Path, options: argparse.Namespace) -> None:
    sizes = (growth.FEW, options.keys)
    print(f"\nkeys {sizes[0]:,} and {sizes[1]:,}; mean milliseconds of a request")
    growth.fill(server, data, sizes)
    began = time.monotonic()
    server.start()
    started = time.monotonic() - began
    few, many = growth.measure(
        server, sizes, options.auth, options.connections, options.seconds, options.rounds
    )
    stored = {
        part: sum(file.stat().st_blocks * 512 for file in (data / part).rglob("*"))
        for part in ("index", "log")
    }
    resident = server.resident_bytes()
    print(f"GET {few.get_ms:.3f} → {many.get_ms:.3f} ({many.get_ms / few.get_ms:.2f}×)")
    print(f"LIST {few.list_ms:.2f} → {many.list_ms:.2f} ({many.list_ms / few.list_ms:.2f}×)")
    print(f"delimiter listing over {many.keys:,} keys: {many.delimiter_ms:.2f} ms")
    print(f"started in {started:.1f} s; resident {resident / 1024**2:,.0f} MiB")
    print(f"index {stored['index'] / 1024**2:,.0f} MiB, log {stored['log'] / 1024**2:,.0f} MiB")
    content: dict[str, object] = {
        "few": few.as_dict(),
        "many": many.as_dict(),
        "start_seconds": round(started, 2),
        "resident_bytes": resident,
        "stored_bytes": stored,
    }
    _save("growth", options, content)


def _save(kind: str, options: argparse.Namespace, content: dict[str, object]) -> None:
    minio = find_minio() if "minio" in options.stores else None
    about = machine.describe(minio)
    about["filesystem"] = machine.filesystem_of(options.dir)
    about["load_average_at_end"] = machine.load_average()
    about["workers"] = options.workers
    print(f"\nsaved: {report.save(kind, about, content, options.output)}")


def _server(store: str, folder: Path, workers: int) -> servers.Server:
    if store == "minio":
        return servers.minio(folder)
    return servers.strandline(folder, workers, large_sync=store == "strandline")


def _workload(name: str) -> workloads.Workload:
    return next(one for one in workloads.all_workloads() if one.name == name)


def _parse() -> argparse.Namespace:
    names = [one.name for one in workloads.all_workloads()]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("compare", "growth"), default="compare")
    parser.add_argument("--workloads", type=_choice(names), default=names, help=f"of {','.join(names)}")
    parser.add_argument("--stores", type=_choice(STORES), help=f"of {','.join(STORES)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per workload (default 3)")
    parser.add_argument("--seconds", type=float, default=4, help="length of a run (default 4)")
    parser.add_argument("--connections", type=int, default=16, help="concurrent clients (default 16)")
    parser.add_argument("--workers", type=int, default=0, help="Strandline's --workers (default: its own)")
    parser.add_argument(
        "--auth", choices=("presigned", "header"), help="signature style (default: presigned; growth: header)"
    )
    parser.add_argument("--keys", type=int, default=1_000_000, help="growth: keys in the large bucket")
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it works")
    parser.add_argument("--dir", type=Path, default=servers.ROOT / ".cache/bench", help="where the data goes")
    parser.add_argument("--output", type=Path, help="where the JSON goes (default: bench/results/)")
    parser.add_argument("--keep", action="store_true", help="keep data and logs of the servers")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if options.auth is None:
        options.auth = "header" if options.what == "growth" else "presigned"
    if options.stores is None:
        options.stores = ["strandline"] if options.what == "growth" else list(STORES)
    if options.what == "growth" and options.stores != ["strandline"]:
        parser.error("growth is measured of strandline alone")
    if options.connections < 2 or options.rounds < 1 or options.seconds < 1 or options.keys <= growth.FEW:
        parser.error(f"at least 2 connections, 1 round, 1 second and more than {growth.FEW} keys")
    return options


def _choice(allowed: "list[str] | tuple[str, ...]"):  # type: ignore[no-untyped-def]
    """A comma-separated list of allowed names."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if wrong := [name for name in chosen if name not in allowed]:
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: not among {', '.join(allowed)}")
        return chosen

    return parse


def _fail(message: str) -> int:
    print(f"bench: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

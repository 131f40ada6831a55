"""Results as a table for people and as JSON for keeping."""

import json
import re
from pathlib import Path

from bench.compare import Measured

RESULTS = Path(__file__).with_name("results")
BASELINE = "minio"


def table(measured: list[Measured]) -> str:
    """One line per workload and store, in Markdown; ratios are to MinIO's median."""
    base = {row.workload: row.rate for row in measured if row.store == BASELINE}
    lines = [
        "| workload | store | median | ratio to MinIO | p50 ms | p99 ms | slowest to fastest round |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in measured:
        rates = sorted(sample.rate * row.per_request for sample in row.samples)
        known = base.get(row.workload)
        ratio = f"{row.rate / known:.2f}" if known else "–"
        lines.append(
            f"| {row.title} | {row.store} | {row.rate:,.0f} {row.unit} | {ratio} "
            f"| {row.median(lambda sample: sample.p50_us) / 1000:.2f} "
            f"| {row.median(lambda sample: sample.p99_us) / 1000:.2f} | {rates[0]:,.0f} to {rates[-1]:,.0f} |"
        )
    return "\n".join(lines)


def save(kind: str, machine: dict[str, object], content: dict[str, object], target: Path | None) -> Path:
    """Write the results under bench/results/ (or to `target`); returns where."""
    if target is None:
        name = re.sub(r"[^a-z0-9]+", "-", f"{machine['processor']}-{machine['cores']}-cores".lower()).strip(
            "-"
        )
        stamp = str(machine["date"]).replace(":", "").replace("-", "")
        target = RESULTS / f"{kind}-{name}-{stamp}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"kind": kind, "machine": machine, **content}, indent=1) + "\n")
    return target

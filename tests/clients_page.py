"""docs/clients.md, written from the run of the tests that drive other people's clients (`make clients`)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

HEAD = """# Clients

Software that other people wrote for S3, run against `strandline serve`: each moves data of its own and checks
what comes back. `make clients` made this page on {day}, from the tests marked `client` in `tests/s3`.

| Client | Version | What was done | Result |
|---|---|---|---|
"""


def note(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep with the report of a test what the page says of its client."""
    marker = item.get_closest_marker("client")
    if marker is not None:
        report.user_properties.append(("client", marker.args))


def write(path: Path, reports: Iterable[pytest.TestReport]) -> None:
    """Write the page. A test counts by its call, or by its setup where that skipped or failed."""
    rows = {}
    for report in reports:
        told = dict(report.user_properties)
        if "client" in told and (report.when == "call" or not report.passed):
            name, did = told["client"]
            rows[name] = f"| {name} | {told.get('version', '')} | {did} | {_result(report)} |\n"
    day = datetime.now(UTC).date().isoformat()
    path.write_text(HEAD.format(day=day) + "".join(rows[name] for name in sorted(rows, key=str.lower)))


def _result(report: pytest.TestReport) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return f"not run: {reason.removeprefix('Skipped: ')}"
    return "passed" if report.passed else "**failed**"

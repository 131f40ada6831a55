"""Rules for all tests."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from hypothesis import settings

from compose.native import ports
from tests import clients_page

# A law holds or it does not: how long an example took on a busy machine says nothing of it.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

pytest_plugins = ["tests.cluster.services", "tests.shared_server"]

NOT_INSTALLED = "is not installed"


def pytest_configure() -> None:
    """A server that is stopped finds its ports free when it starts again, whatever runs beside it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        ports.SHARE = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mode",
        choices=("embedded", "cluster"),
        default="embedded",
        help="what the S3 tests run against: a data folder (default), or Kafka, Cassandra and zones",
    )

    parser.addoption("--clients-page", type=Path, help="write what the tests of clients found to this page")


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    page: Path | None = config.getoption("clients_page")
    if page is not None:
        kinds = ("passed", "failed", "skipped", "error")
        clients_page.write(page, [one for kind in kinds for one in terminalreporter.getreports(kind)])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration a test that lacks its client or tool fails: a skip would go unnoticed."""
    report = yield
    clients_page.note(item, report)
    if report.skipped and os.environ.get("CI") == "true" and NOT_INSTALLED in str(report.longrepr):
        report.outcome = "failed"
    return report

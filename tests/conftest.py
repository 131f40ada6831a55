"""Rules for all tests."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

# A law holds or it does not: how long an example took on a busy machine says nothing of it.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

pytest_plugins = ["tests.cluster.services"]

NOT_INSTALLED = "is not installed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mode",
        choices=("embedded", "cluster"),
        default="embedded",
        help="what the S3 tests run against: a data folder (default), or Kafka, Cassandra and zones",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In continuous integration a test that lacks its client or tool fails: a skip would go unnoticed."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and NOT_INSTALLED in str(report.longrepr):
        report.outcome = "failed"
    return report

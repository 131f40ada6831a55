"""One server process for all S3 tests, and clients for it.

With `--mode cluster` it is a store in a cluster (tests/cluster/server.py), on services as
tests/cluster/services.py finds them; what is about a data folder (marked `embedded`) is left out.

To run them against another endpoint, set STRANDLINE_S3_ENDPOINT, STRANDLINE_S3_ACCESS_KEY and
STRANDLINE_S3_SECRET_KEY; tests of what only Strandline promises are then left out.
"""

import http.client
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from tests.s3.deviations import rule_against_minio
from tests.s3.raw import Raw
from tests.s3.stock import Stock
from tests.server import ACCESS_KEY, SECRET_KEY, Server

REGION = "us-east-1"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Store:
    """What is under test. `server` is None for an endpoint given from outside."""

    endpoint: str
    access_key: str
    secret_key: str
    server: Server | None

    def client(self, **config: Any) -> Any:
        """A boto3 client: path style, no retries, so that each test sees the first answer."""
        settings = {
            "s3": {"addressing_style": "path"},
            "retries": {"total_max_attempts": 1},
            "signature_version": "s3v4",
            "read_timeout": 60,
        }
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(**(settings | config)),
        )

    def environment(self) -> dict[str, str]:
        """For command line clients."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def _expect_of_minio(items: list[pytest.Item]) -> None:
    """Against MinIO, tests of rules that it breaks are expected to fail, the rule being the reason."""
    endpoint = os.environ.get("STRANDLINE_S3_ENDPOINT")
    if not endpoint or not is_minio(endpoint):
        return
    for item in items:
        rule = rule_against_minio(f"{item.path.name}::{item.name}")
        if rule is not None and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xfail(reason=rule, strict=False))


def is_minio(endpoint: str) -> bool:
    """Whether the endpoint says that it is MinIO."""
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)
    try:
        connection.request("HEAD", "/")
        return (connection.getresponse().getheader("Server") or "").startswith("MinIO")
    finally:
        connection.close()


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """No credentials, certificates or proxies of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.hookimpl(tryfirst=True)  # before `-m cluster` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a cluster these are tests of the cluster; what is only about a data folder is left out."""
    _expect_of_minio(items)
    if config.getoption("mode") != "cluster":
        return
    left_out = [item for item in items if item.get_closest_marker("embedded")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if endpoint := os.environ.get("STRANDLINE_S3_ENDPOINT"):
        keys = os.environ["STRANDLINE_S3_ACCESS_KEY"], os.environ["STRANDLINE_S3_SECRET_KEY"]
        yield Store(endpoint, *keys, None)
        return
    server: Server = request.getfixturevalue("shared_server")
    yield Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server)


@pytest.fixture
def server(store: Store) -> Server:
    """The server's process, for tests of what only Strandline promises."""
    if store.server is None:
        pytest.skip("the endpoint was given from outside")
    return store.server


@pytest.fixture(scope="session")
def s3(store: Store) -> Iterator[Any]:
    client = store.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def lax(store: Store) -> Iterator[Any]:
    """A client that sends what the service model forbids, for the server to refuse."""
    client = store.client(parameter_validation=False)
    yield client
    client.close()


@pytest.fixture
def raw(store: Store) -> Iterator[Raw]:
    """Requests that no SDK would send."""
    with Raw(store.endpoint, store.access_key, store.secret_key) as sender:
        yield sender


def new_bucket(s3: Any, **more: Any) -> str:
    """Make a bucket; its name."""
    name = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name, **more)
    return name


@pytest.fixture(scope="session")
def buckets(s3: Any) -> Iterator[Stock]:
    stock = Stock(lambda: new_bucket(s3))
    yield stock
    stock.close()


@pytest.fixture
def bucket(buckets: Stock) -> str:
    """A new, empty bucket."""
    return buckets.take()


@pytest.fixture(scope="session")
def versioned_buckets(s3: Any) -> Iterator[Stock]:
    def make() -> str:
        name = new_bucket(s3)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    stock = Stock(make)
    yield stock
    stock.close()


@pytest.fixture
def versioned(versioned_buckets: Stock) -> str:
    """A new bucket with versioning enabled."""
    return versioned_buckets.take()


@pytest.fixture(scope="session")
def open_buckets(s3: Any) -> Iterator[Stock]:
    def make() -> str:
        name = new_bucket(s3, ObjectOwnership="ObjectWriter")
        s3.delete_public_access_block(Bucket=name)
        return name

    stock = Stock(make)
    yield stock
    stock.close()


@pytest.fixture
def open_bucket(open_buckets: Stock) -> str:
    """A new bucket that may be opened to everybody, and whose ACLs count."""
    return open_buckets.take()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> Iterator[None]:
    """Show what the server wrote during a test that failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    found = getattr(item, "funcargs", {}).get("store")
    if report.failed and isinstance(found, Store) and found.server is not None:
        report.sections.append(("end of the server's log", found.server.log_tail(3000)))

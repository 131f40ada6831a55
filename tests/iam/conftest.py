"""A server of two workers, and boto3 clients of IAM, STS and S3 for any credentials.

With `--mode cluster` the files in BOTH_MODES run, too: against two gateways and the auditor of a cluster.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from tests.iam.accounts import Account, new_account
from tests.iam.kms_keys import Keys as KmsKeys
from tests.server import ACCESS_KEY, SECRET_KEY, Server

if TYPE_CHECKING:
    from tests.cluster.server import ClusterServer

REGION = "us-east-1"
HERE = Path(__file__).parent
BOTH_MODES = ("test_audit_events.py", "test_gateways.py", "test_story.py")
Keys = tuple[str, ...]  # access key, secret, and a session token if any


class Site:
    """The server, and who may do what on it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.root: Keys = (ACCESS_KEY, SECRET_KEY)

    def client(self, service: str, keys: Keys, **more: Any) -> Any:
        """A client with one attempt, so that each test sees the first answer. more: of its configuration."""
        port = self.server.port if service == "s3" else self.server.api_port
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=REGION,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2] if len(keys) > 2 else None,
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                signature_version="s3v4" if service == "s3" else "v4",
                **more,
            ),
        )


@pytest.hookimpl(tryfirst=True)  # before `-m cluster` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a cluster these are tests of the cluster."""
    for item in items if config.getoption("mode") == "cluster" else ():
        if item.path.parent == HERE and item.path.name in BOTH_MODES:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def gateways(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Site]]:
    """Two of the same store. Those of a data folder are two workers behind one port, and any of them may
    answer."""
    folder = tmp_path_factory.mktemp("iam")
    if request.config.getoption("mode") == "embedded":
        server = Server(folder / "data", folder / "log", "--workers", "2")
        server.start()
        try:
            yield [Site(server)] * 2
        finally:
            assert server.stop() == 0
        return
    first: ClusterServer = request.getfixturevalue("shared_server")
    second = Server(folder / "data-2", folder / "log-2", STRANDLINE_CONFIG=str(first.config))
    first.start_auditor()
    second.start()
    try:
        yield [Site(first), Site(second)]
        assert second.stop() == 0, second.log_tail()
    finally:
        second.kill()


@pytest.fixture(scope="session")
def site(gateways: list[Site]) -> Site:
    return gateways[0]


@pytest.fixture(scope="session")
def iam(site: Site) -> Any:
    """IAM as the root of the operator's account."""
    return site.client("iam", site.root)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"one-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def main(site: Site) -> Account:
    """An account."""
    return new_account(site, "main")


@pytest.fixture(scope="session")
def alt(site: Site) -> Account:
    """Another."""
    return new_account(site, "alt")


@pytest.fixture(scope="module")
def keys(site: Site) -> KmsKeys:
    """Keys of the operator's account, and a bucket."""
    return KmsKeys(site)


@pytest.fixture(scope="module")
def root(site: Site) -> str:
    """The ARN of the operator's root."""
    return str(site.client("sts", site.root).get_caller_identity()["Arn"])

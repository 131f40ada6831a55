"""One server for all attacks: with websites, and with a proxy at 127.0.0.2 that is trusted (a client at
127.0.0.1 is not)."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.attacks.wire import PROXY
from tests.iam.accounts import Account, new_account
from tests.iam.conftest import Site
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server, free_port


class Target(Site):
    """The server, with the port of its websites."""

    def __init__(self, server: Server, website_port: int) -> None:
        super().__init__(server)
        self.website_port = website_port


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("attacked")
    website = free_port()
    server = Server(
        folder / "data", folder / "log", "--website-listen", f"127.0.0.1:{website}",
        "--website-domains", "example.org", "--trusted-proxies", PROXY, "--access-log-seconds", "1",
    )  # fmt: skip
    server.start()
    try:
        yield Target(server, website)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def s3(site: Target) -> Any:
    """The root of the operator's account, who owns what is attacked."""
    return site.client("s3", site.root)


@pytest.fixture(scope="session")
def iam(site: Target) -> Any:
    return site.client("iam", site.root)


@pytest.fixture(scope="session")
def alt(site: Target) -> Account:
    """Another account."""
    return new_account(site, "alt")


@pytest.fixture
def raw(site: Target) -> Iterator[Raw]:
    """Requests signed by the operator, byte for byte."""
    with Raw(site.server.endpoint, ACCESS_KEY, SECRET_KEY) as sender:
        yield sender


@pytest.fixture
def bucket(s3: Any) -> str:
    """A private bucket with the object `key`."""
    name = f"attacked-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="key", Body=b"secret")
    return name


@pytest.fixture
def public(s3: Any, bucket: str) -> str:
    """A bucket where everybody may read what is under public/."""
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/public/*",
    }  # fmt: skip
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    s3.put_object(Bucket=bucket, Key="public/page", Body=b"shown")
    return bucket

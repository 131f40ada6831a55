"""A client of S3 Control, which puts the account's number before the host's name."""

import socket
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.iam.conftest import REGION, Keys, Site


def local_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every name below localhost resolve, as many systems do."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, *more: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def control(site: Site, keys: Keys) -> Any:
    return boto3.client(
        "s3control", endpoint_url=f"http://localhost:{site.server.api_port}", region_name=REGION,
        aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
        aws_session_token=keys[2] if len(keys) > 2 else None,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )  # fmt: skip

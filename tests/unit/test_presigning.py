"""Presigned URLs as we make them are those that botocore makes."""

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from access.identity import Credential, Principal
from access.presigning import presigned_target

NOW = 1_780_000_000
SIGNER = Credential("AKIDEXAMPLE", "secret/with+signs=", Principal("owner", "root", "AKIDEXAMPLE"))


@pytest.mark.parametrize("key", ["k", "a b/ü+%2F&=?#~", "../x//y", "100%"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("token", ["", "token/+="])
def test_the_same_as_botocore(key: str, method: str, token: str) -> None:
    target = presigned_target(
        SIGNER, token, method, "s3.example.org:9000", f"/bucket/{key}", {"x-strandline-link": "ab"},
        "us-east-1", NOW, 600,
    )  # fmt: skip
    path, _, query = target.partition("?")
    request = AWSRequest(method, f"http://s3.example.org:9000{path}?x-strandline-link=ab")
    moment = datetime.fromtimestamp(NOW, UTC)
    credentials = Credentials(SIGNER.access_key, SIGNER.secret_key, token or None)
    with patch("botocore.auth.get_current_datetime", return_value=moment):
        S3SigV4QueryAuth(credentials, "s3", "us-east-1", 600).add_auth(request)
    assert sorted(query.split("&")) == sorted(urlsplit(request.url).query.split("&"))
    assert unquote(path) == f"/bucket/{key}"

"""Access keys and temporary credentials on the S3 port: they count at once, and stop at once."""

import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.iam.conftest import Keys, Site
from tests.iam.test_iam import refused

WITHIN = 1.0  # seconds until a change counts everywhere


def keys_of(answer: dict[str, Any]) -> Keys:
    told = answer["Credentials"]
    return told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"]


def test_caller_identity(site: Site, iam: Any, name: str) -> None:
    root = site.client("sts", site.root).get_caller_identity()
    assert root["Arn"] == f"arn:aws:iam::{root['Account']}:root"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = site.client("sts", (key["AccessKeyId"], key["SecretAccessKey"])).get_caller_identity()
    assert user["Arn"] == f"arn:aws:iam::{root['Account']}:user/{name}"


def test_session_of_root(site: Site, name: str) -> None:
    sts = site.client("sts", site.root)
    answer = sts.get_session_token()
    keys = keys_of(answer)
    assert keys[0].startswith("ASIA")
    assert 3500 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 3601
    s3 = site.client("s3", keys)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"hello")
    link = s3.generate_presigned_url("get_object", {"Bucket": name, "Key": "k"})
    for _ in range(2):
        with urllib.request.urlopen(link) as found:
            assert found.read() == b"hello"
    form = s3.generate_presigned_post(name, "posted")
    assert "x-amz-security-token" in form["fields"]
    assert site.client("sts", keys).get_caller_identity()["Arn"].endswith(":root")
    assert refused(site.client("sts", keys).get_session_token) == ("AccessDenied", 403)
    assert refused(site.client("iam", keys).list_users) == ("AccessDenied", 403)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda access, secret, token: (access, secret), "InvalidAccessKeyId"),
        (lambda access, secret, token: (access, secret, token[:-8] + "AAAAAAA="), "InvalidToken"),
        (lambda access, secret, token: (access, secret, "nonsense"), "InvalidToken"),
        (lambda access, secret, token: ("ASIAOTHER", secret, token), "InvalidToken"),
        (lambda access, secret, token: (access, "another secret", token), "SignatureDoesNotMatch"),
    ],
)
def test_forged(site: Site, change: Any, code: str) -> None:
    keys = keys_of(site.client("sts", site.root).get_session_token())
    assert refused(site.client("s3", change(*keys)).list_buckets)[0] == code


def test_token_beside_a_lasting_key(site: Site) -> None:
    token = keys_of(site.client("sts", site.root).get_session_token())[2]
    assert refused(site.client("s3", (*site.root, token)).list_buckets) == ("InvalidToken", 400)


def test_key_that_is_switched_off_is_refused_everywhere(site: Site, iam: Any, name: str) -> None:
    """Of root's second key, on connections to both workers, with its sessions and presigned links."""
    key = iam.create_access_key()["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    session = keys_of(site.client("sts", keys).get_session_token())
    clients = [site.client("s3", keys) for _ in range(8)] + [site.client("s3", session) for _ in range(8)]
    clients[0].create_bucket(Bucket=name)
    clients[0].put_object(Bucket=name, Key="k", Body=b"hello")
    link = clients[0].generate_presigned_url("get_object", {"Bucket": name, "Key": "k"})
    urllib.request.urlopen(link).close()
    for client in clients:
        client.list_buckets()
    iam.update_access_key(AccessKeyId=keys[0], Status="Inactive")
    began = time.monotonic()
    for client in clients:
        assert refused(client.list_buckets) == ("InvalidAccessKeyId", 403)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(link)
    assert caught.value.code == 403
    assert time.monotonic() - began < WITHIN * len(clients)
    iam.update_access_key(AccessKeyId=keys[0], Status="Active")
    for client in clients:
        client.list_buckets()
    iam.delete_access_key(AccessKeyId=keys[0])
    for client in clients:
        assert refused(client.list_buckets) == ("InvalidAccessKeyId", 403)


def test_users_have_no_rights_of_their_own(site: Site, iam: Any, name: str) -> None:
    site.client("s3", site.root).create_bucket(Bucket=name)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    s3 = site.client("s3", (key["AccessKeyId"], key["SecretAccessKey"]))
    assert refused(s3.list_objects_v2, Bucket=name) == ("AccessDenied", 403)
    assert refused(s3.create_bucket, Bucket=f"{name}-2") == ("AccessDenied", 403)

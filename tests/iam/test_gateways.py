"""IAM and temporary credentials on one gateway count on every other one in time."""

import json
import threading
import time

from botocore.exceptions import ClientError

from tests.iam.conftest import Site
from tests.iam.test_command_line import create, told
from tests.iam.test_iam import TRUST, refused
from tests.iam.test_sessions import keys_of

WITHIN = 1.0  # seconds after a change was asked for, until it counts on every gateway


def test_a_key_counts_and_stops_everywhere(gateways: list[Site]) -> None:
    iam = gateways[0].client("iam", gateways[0].root)
    key = iam.create_access_key()["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    session = keys_of(gateways[1].client("sts", keys).get_session_token())
    clients = [site.client("s3", one) for site in gateways for one in (keys, session)]
    for client in clients:
        client.list_buckets()
    iam.update_access_key(AccessKeyId=keys[0], Status="Inactive")
    for client in clients:
        assert refused(client.list_buckets) == ("InvalidAccessKeyId", 403)
    iam.delete_access_key(AccessKeyId=keys[0])


def test_how_long_a_key_still_counts(gateways: list[Site]) -> None:
    """Asked on the other gateway all the time while the key is switched off by a third party."""
    iam = gateways[0].client("iam", gateways[0].root)
    key = iam.create_access_key()["AccessKey"]
    s3 = gateways[1].client("s3", (key["AccessKeyId"], key["SecretAccessKey"]))
    s3.list_buckets()
    began = time.monotonic()
    switching = threading.Thread(
        target=iam.update_access_key, kwargs={"AccessKeyId": key["AccessKeyId"], "Status": "Inactive"}
    )
    switching.start()
    while True:
        try:
            s3.list_buckets()
        except ClientError as error:
            refusal = error.response["Error"]["Code"]
            break
        assert time.monotonic() - began < 10 * WITHIN
    took = time.monotonic() - began
    switching.join()
    iam.delete_access_key(AccessKeyId=key["AccessKeyId"])
    assert refusal == "InvalidAccessKeyId"
    assert took < 2 * WITHIN, f"{took:.3f} s, of which the change itself takes a part"


def test_accounts_and_users(gateways: list[Site], name: str) -> None:
    server = gateways[0].server
    made = create(server, name)
    keys = (made["AccessKey"]["AccessKeyId"], made["AccessKey"]["SecretAccessKey"])
    iam = gateways[1].client("iam", keys)
    iam.create_user(UserName="alice")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    mine = gateways[0].client("iam", keys)
    assert [user["UserName"] for user in mine.list_users()["Users"]] == ["alice"]
    assert mine.get_role(RoleName="reader")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    for site, where in zip(gateways, ("here", "there"), strict=True):
        bucket = f"{where}-{made['Account']['Id']}"
        site.client("s3", keys).create_bucket(Bucket=bucket)
        found = [one["Name"] for one in site.client("s3", keys).list_buckets()["Buckets"]]
        assert bucket in found
    assert "EntityAlreadyExists" in create(server, name, code=1)
    told(server, "account", "suspend", "--id", made["Account"]["Id"])
    assert refused(gateways[1].client("s3", keys).list_buckets) == ("InvalidAccessKeyId", 403)

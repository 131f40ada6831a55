"""`strandline account …` and its siblings: before the first start, and while a server runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.iam.accounts import create, told
from tests.iam.conftest import Site
from tests.iam.test_iam import READ, refused
from tests.server import Server


def test_accounts_before_the_first_start(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", "2")
    given = create(server, "main", "--access-key", "MAINKEY123", "--secret-key", "main-secret-0123456789")
    made = create(server, "alt")
    assert given["AccessKey"]["SecretAccessKey"] == "main-secret-0123456789"
    assert "EntityAlreadyExists" in create(server, "alt", code=1)
    server.start()
    try:
        site = Site(server)
        alt = (made["AccessKey"]["AccessKeyId"], made["AccessKey"]["SecretAccessKey"])
        for keys, told_of in ((("MAINKEY123", "main-secret-0123456789"), given), (alt, made)):
            account = told_of["Account"]
            s3 = site.client("s3", keys)
            assert s3.list_buckets()["Owner"]["ID"] == account["CanonicalId"]
            bucket = f"of-{account['Id']}"
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
            assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"mine"
            assert site.client("sts", keys).get_caller_identity()["Account"] == account["Id"]
        stranger = site.client("s3", alt)
        theirs = f"of-{given['Account']['Id']}"
        assert refused(stranger.get_object, Bucket=theirs, Key="k") == ("AccessDenied", 403)
        assert refused(stranger.put_object, Bucket=theirs, Key="k", Body=b"") == ("AccessDenied", 403)
        source = {"Bucket": theirs, "Key": "k"}
        mine = f"of-{made['Account']['Id']}"
        assert refused(stranger.copy_object, Bucket=mine, Key="c", CopySource=source) == ("AccessDenied", 403)
        assert [one["Name"] for one in stranger.list_buckets()["Buckets"]] == [mine]
    finally:
        assert server.stop() == 0
    assert b"main-secret-0123456789" not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


def test_on_a_running_server(site: Site, name: str, tmp_path: Path) -> None:
    server = site.server
    made = create(server, name)
    number = made["Account"]["Id"]
    keys = (made["AccessKey"]["AccessKeyId"], made["AccessKey"]["SecretAccessKey"])
    assert number in [one["Id"] for one in told(server, "account", "list")["Accounts"]]
    s3 = site.client("s3", keys)
    assert s3.list_buckets()["Buckets"] == []
    told(server, "account", "suspend", "--id", number)
    assert refused(s3.list_buckets) == ("InvalidAccessKeyId", 403)
    told(server, "account", "resume", "--id", number)
    s3.create_bucket(Bucket=name)
    assert "DeleteConflict" in told(server, "account", "delete", "--id", number, code=1)
    s3.delete_bucket(Bucket=name)

    of = ("--account", number)
    told(server, "user", "create", "--name", "alice", *of)
    key = told(server, "key", "create", "--user", "alice", *of)["AccessKey"]
    assert told(server, "key", "list", "--user", "alice", *of)["AccessKeyMetadata"][0]["Status"] == "Active"
    document = tmp_path / "policy.json"
    document.write_text(READ)
    policy = told(server, "policy", "create", "--name", "read", "--document", str(document), *of)["Policy"]
    told(server, "group", "create", "--name", "readers", *of)
    told(server, "group", "add", "--name", "readers", "--user", "alice", *of)
    told(server, "policy", "attach-group", "--arn", policy["Arn"], "--group", "readers", *of)
    iam = site.client("iam", keys)
    assert (
        iam.list_attached_group_policies(GroupName="readers")["AttachedPolicies"][0]["PolicyName"] == "read"
    )
    assert iam.list_users()["Users"][0]["UserName"] == "alice"
    assert "DeleteConflict" in told(server, "account", "delete", "--id", number, code=1)

    told(server, "policy", "detach-group", "--arn", policy["Arn"], "--group", "readers", *of)
    told(server, "policy", "delete", "--arn", policy["Arn"], *of)
    told(server, "group", "remove", "--name", "readers", "--user", "alice", *of)
    told(server, "group", "delete", "--name", "readers", *of)
    told(server, "key", "delete", "--access-key", key["AccessKeyId"], "--user", "alice", *of)
    told(server, "user", "delete", "--name", "alice", *of)
    told(server, "account", "delete", "--id", number)
    assert refused(s3.list_buckets) == ("InvalidAccessKeyId", 403)


def test_only_the_operator_makes_accounts(site: Site, name: str) -> None:
    made = create(site.server, name)
    iam = site.client("iam", (made["AccessKey"]["AccessKeyId"], made["AccessKey"]["SecretAccessKey"]))
    operator = site.client("sts", site.root).get_caller_identity()["Account"]

    def add_account(params: dict[str, Any], **_: Any) -> None:
        params["body"]["AccountId"] = operator

    iam.meta.events.register("before-call.iam.ListUsers", add_account)
    assert refused(iam.list_users) == ("AccessDenied", 403)


@pytest.mark.parametrize("words", [("account", "create", "--name", "x", "--email", "nowhere")])
def test_bad_input(site: Site, words: tuple[str, ...]) -> None:
    assert "ValidationError" in told(site.server, *words, code=1)

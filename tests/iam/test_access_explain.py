"""`strandline access explain`, the action ExplainAccess and POST /access/explain: who decided, and why."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.iam.accounts import Account, told
from tests.iam.conftest import REGION, Keys, Site
from tests.iam.test_iam import READ_ONLY, TRUST, refused
from tests.iam.test_permissions import DENIED, User, allow, document
from tests.server import ACCESS_KEY, ROOT, SECRET_KEY, Server, clean_environment

Json = dict[str, Any]


def explain(site: Site, principal: str, action: str, resource: str, *context: str, **more: Any) -> Json:
    words = ["--principal", principal, "--action", action, "--resource", resource]
    for entry in context:
        words += ["--context", entry]
    found: Json = told(site.server, "access", "explain", *words, **more)
    return found


def printed(server: Server, *words: str) -> str:
    """What the command prints for people."""
    command = [sys.executable, "-m", "strandline", "access", "explain", *words]
    environment = clean_environment(
        STRANDLINE_ROOT_ACCESS_KEY=ACCESS_KEY, STRANDLINE_ROOT_SECRET_KEY=SECRET_KEY,
        STRANDLINE_API_LISTEN=f"127.0.0.1:{server.api_port}", **server.configuration,
    )  # fmt: skip
    ended = subprocess.run(
        [*command, "--data-dir", str(server.data_dir)], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    return ended.stdout


def sent(request: urllib.request.Request) -> tuple[int, Json]:
    """Status and JSON of the answer."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def asked(
    site: Site, keys: Keys, principal: str, name: str, resource: str, account: str = ""
) -> tuple[int, Json]:
    """Status and answer of ExplainAccess to whoever has the keys."""
    url = f"http://127.0.0.1:{site.server.api_port}/"
    body = urlencode({
        "Action": "ExplainAccess", "PrincipalArn": principal, "ActionName": name, "ResourceArn": resource,
        "AccountId": account,
    })  # fmt: skip
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials(*keys), "iam", REGION).add_auth(request)
    return sent(urllib.request.Request(url, body.encode(), dict(request.headers)))


def explained(site: Site, keys: Keys, principal: str, name: str, resource: str, account: str = "") -> Json:
    status, answer = asked(site, keys, principal, name, resource, account)
    assert status == 200, answer
    found: Json = answer["ExplainAccessResponse"]["ExplainAccessResult"]
    return found


def code(site: Site, keys: Keys, principal: str, name: str, resource: str) -> tuple[str, int]:
    status, answer = asked(site, keys, principal, name, resource)
    return answer["Error"]["Code"], status


def rest(site: Site, keys: Keys, body: Json) -> tuple[int, Json]:
    words = [sys.executable, "-m", "strandline", "token", "--data-dir", str(site.server.data_dir)]
    environment = clean_environment(
        STRANDLINE_ROOT_ACCESS_KEY=keys[0], STRANDLINE_ROOT_SECRET_KEY=keys[1], **site.server.configuration
    )
    token = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    request = urllib.request.Request(
        f"http://127.0.0.1:{site.server.api_port}/access/explain", json.dumps(body).encode(),
        {"authorization": f"Bearer {token.stdout.strip()}"},
    )  # fmt: skip
    return sent(request)


@pytest.fixture
def bucket(site: Site, name: str) -> str:
    """One of the operator's, with an object "key"."""
    s3 = site.client("s3", site.root)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="key", Body=b"bytes")
    return name


# --- the command ---------------------------------------------------------------------------------------
def test_the_command_says_who_decided_and_why(site: Site, iam: Any, bucket: str) -> None:
    one = User(site, iam, allow("s3:Get*") | {"Sid": "Reads"}, PermissionsBoundary=READ_ONLY)
    resource = f"arn:aws:s3:::{bucket}/key"
    found = explain(site, one.arn, "s3:GetObject", resource)
    statement = {
        "Effect": "Allow", "Kind": "identity-based policy", "Policy": f"policy own of user {one.name}",
        "Statement": 1, "Sid": "Reads",
    }  # fmt: skip
    assert (found["Decision"], found["DecidedBy"]) == ("allowed", [statement])
    assert found["PermissionsBoundary"] == {"Policy": READ_ONLY, "Allows": True}
    assert found["Bucket"]["ObjectOwnership"] == "BucketOwnerEnforced"
    one.s3.get_object(Bucket=bucket, Key="key")

    denial = allow("s3:GetObject", resource, "Deny") | {"Principal": {"AWS": one.arn}, "Sid": "NotAnn"}
    site.client("s3", site.root).put_bucket_policy(Bucket=bucket, Policy=document(denial))
    found = explain(site, one.name, "s3:getobject", resource)
    assert (found["Decision"], found["Principal"], found["Action"]) == (
        "explicitDeny", one.arn, "s3:GetObject",
    )  # fmt: skip
    assert found["DecidedBy"] == [{
        "Effect": "Deny", "Kind": "resource-based policy", "Policy": f"the policy of bucket {bucket}",
        "Statement": 1, "Sid": "NotAnn",
    }]  # fmt: skip
    assert statement in found["Statements"]
    assert refused(one.s3.get_object, Bucket=bucket, Key="key") == DENIED

    words = printed(
        site.server, "--principal", one.name, "--action", "s3:GetObject", "--resource", resource
    ).splitlines()
    assert words == [
        f"denied, by a statement: s3:GetObject on {resource}",
        f"  for       {one.arn}",
        "  why       A statement denies it.",
        f"  decided   by statement 1 (NotAnn) of the policy of bucket {bucket}, a resource-based policy",
        f"  boundary  {READ_ONLY} allows it",
        f"  also      allow: statement 1 (Reads) of policy own of user {one.name}, an identity-based policy",
        f"  also      allow: statement 1 of {READ_ONLY}, a permissions boundary",
        f"  bucket    {bucket} of account {one.arn.split(':')[4]}: a policy, BucketOwnerEnforced, "
        "IgnorePublicAcls, RestrictPublicBuckets",
    ]


def test_nothing_allows_it_and_what_is_missing(site: Site, iam: Any, bucket: str) -> None:
    own = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", StringLike={"s3:prefix": ["a/*", "b/*"]})
    one = User(site, iam, own, allow("iam:*"))
    resource = f"arn:aws:s3:::{bucket}"
    found = explain(site, one.arn, "s3:ListBucket", resource)
    assert (found["Decision"], found["DecidedBy"]) == ("implicitDeny", [])
    assert found["Reason"] == "No policy of the caller's own allows it."
    assert found["MissingContextValues"] == ["s3:prefix"]
    found = explain(site, one.arn, "s3:ListBucket", resource, "s3:prefix=a/x")
    assert (found["Decision"], found["MissingContextValues"]) == ("allowed", [])
    one.s3.list_objects_v2(Bucket=bucket, Prefix="a/x")
    words = printed(site.server, "--principal", one.arn, "--action", "s3:ListBucket", "--resource", resource)
    assert words.startswith(f"not allowed: s3:ListBucket on {resource}\n")
    assert "  missing   s3:prefix: give it with --context s3:prefix=VALUE\n" in words


def test_whoever_can_call(site: Site, iam: Any, main: Account, bucket: str, name: str) -> None:
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("s3:GetObject")))
    resource = f"arn:aws:s3:::{bucket}/key"
    number = role.split(":")[4]
    session = f"arn:aws:sts::{number}:assumed-role/{name}/monday"
    for principal, decision in (
        (role, "allowed"), (session, "allowed"), (name, "allowed"), ("anonymous", "implicitDeny"),
        ("root", "allowed"),
        (f"arn:aws:iam::{number}:root", "allowed"), (f"arn:aws:iam::{main.id}:root", "implicitDeny"),
    ):  # fmt: skip
        number = main.id if main.id in principal else ""
        found = explained(site, site.root, principal, "s3:GetObject", resource, number)
        assert found["Decision"] == decision, principal
    group = iam.create_group(GroupName=name)["Group"]["Arn"]
    for principal, expected in (
        (group, "InvalidInput"),
        (f"{role}-not", "NoSuchEntity"),
        ("nobody", "NoSuchEntity"),
    ):
        assert code(site, site.root, principal, "s3:GetObject", resource)[0] == expected
    assert code(site, site.root, role, "ec2:RunInstances", resource)[0] == "InvalidInput"
    said = printed(site.server, "--principal", "root", "--action", "s3:GetObject", "--resource", resource)
    assert said.startswith("allowed: ")
    words = ("--principal", role, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::nothing/x")
    assert "NoSuchBucket" in told(site.server, "access", "explain", *words, code=1)


def test_iam_and_sts(site: Site, iam: Any, name: str) -> None:
    other = User(site, iam, Tags=[{"Key": "team", "Value": "sea"}])
    trusted = User(site, iam, allow("sts:AssumeRole"))
    one = User(site, iam, allow("iam:GetUser", StringEquals={"iam:ResourceTag/team": "sea"}))
    trust = document({"Effect": "Allow", "Principal": {"AWS": trusted.arn}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    assert explained(site, site.root, one.arn, "iam:GetUser", other.arn)["Decision"] == "allowed"
    one.iam.get_user(UserName=other.name)
    assert explained(site, site.root, one.arn, "iam:GetUser", one.arn)["Decision"] == "implicitDeny"
    assert refused(one.iam.get_user) == DENIED
    for who, decision in ((trusted, "allowed"), (one, "implicitDeny")):
        assert explained(site, site.root, who.arn, "sts:AssumeRole", role)["Decision"] == decision
    trusted.sts.assume_role(RoleArn=role, RoleSessionName="now")
    assert refused(one.sts.assume_role, RoleArn=role, RoleSessionName="now") == DENIED
    found = explained(site, site.root, trusted.arn, "sts:AssumeRole", role)
    assert found["DecidedBy"][0]["Policy"] == f"the trust policy of role {name}"
    assert (
        explained(site, site.root, one.arn, "sts:GetCallerIdentity", "*")["Reason"]
        == "It needs no permission."
    )


def test_without_a_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log")
    told(server, "user", "create", "--name", "alice")
    words = ("--principal", "alice", "--action", "s3:ListAllMyBuckets", "--resource", "*")
    assert told(server, "access", "explain", *words)["Decision"] == "implicitDeny"


def test_bad_context(site: Site) -> None:
    asked = ("--principal", "a", "--action", "s3:GetObject", "--resource", "*")
    asked += ("--context", f"aws:k={'a' * 13_000}")
    told(site.server, "user", "create", "--name", "a")
    assert "at most 50" in told(site.server, "access", "explain", *asked, code=1)
    words = ("--principal", "a", "--action", "s3:GetObject", "--resource", "*", "--context", "novalue")
    assert "is not KEY=VALUE" in told(site.server, "access", "explain", *words, code=2)


# --- who may know --------------------------------------------------------------------------------------
def test_it_is_decided_like_any_action(site: Site, iam: Any, bucket: str) -> None:
    other = User(site, iam)
    one = User(site, iam, allow("iam:ExplainAccess", other.arn), allow("iam:Get*"))
    resource = f"arn:aws:s3:::{bucket}/key"
    assert explained(site, one.keys, other.arn, "s3:GetObject", resource)["Decision"] == "implicitDeny"
    assert explained(site, one.keys, other.name, "s3:GetObject", resource)["Decision"] == "implicitDeny"
    for principal in (one.arn, one.name, "anonymous", f"{other.arn}-not"):
        assert code(site, one.keys, principal, "s3:GetObject", resource) == DENIED  # fmt: skip


def test_what_another_account_has_set_is_not_told(site: Site, main: Account, alt: Account, name: str) -> None:
    main.s3.create_bucket(Bucket=name)
    main.s3.put_object(Bucket=name, Key="key", Body=b"")
    eve = User(site, alt.iam, allow("s3:*") | {"Sid": "Own"})
    resource = f"arn:aws:s3:::{name}/key"
    open_to = allow("s3:GetObject", resource) | {"Principal": {"AWS": eve.arn}, "Sid": "Secret"}
    main.s3.put_bucket_policy(Bucket=name, Policy=document(open_to))
    found = explained(site, alt.keys, eve.arn, "s3:GetObject", resource)
    assert (found["Decision"], [one["Sid"] for one in found["DecidedBy"]]) == ("allowed", ["Own"])
    assert "Secret" not in json.dumps(found)
    assert "Bucket" not in found
    told_all = explain(site, eve.arn, "s3:GetObject", resource)  # as the operator
    assert [one["Sid"] for one in told_all["DecidedBy"]] == ["Secret", "Own"]
    denied = open_to | {"Effect": "Deny"}
    main.s3.put_bucket_policy(Bucket=name, Policy=document(denied))
    found = explained(site, alt.keys, eve.arn, "s3:GetObject", resource)
    assert (found["Decision"], found["DecidedBy"]) == ("implicitDeny", [])
    assert "Secret" not in json.dumps(found)
    # Nor is anything of another account's people.
    assert code(site, main.keys, eve.arn, "s3:GetObject", resource) == ("NoSuchEntity", 404)  # fmt: skip


def test_what_another_account_has_made_is_not_told(
    site: Site, main: Account, alt: Account, name: str
) -> None:
    """Not even by statements of the asker's own, which would apply to tags of one kind and not of another."""
    tags = [{"Key": "team", "Value": "sea"}]
    user = User(site, main.iam, Tags=tags)
    trust = document({"Effect": "Allow", "Principal": {"AWS": main.id}, "Action": "sts:AssumeRole"})
    role = main.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags)["Role"]["Arn"]
    for effect in ("Allow", "Deny"):
        eve, mallory = (
            User(site, alt.iam, allow("*", "*", effect, StringLike={"iam:ResourceTag/team": value}))
            for value in ("s*", "x*")
        )
        for action, resource in (("iam:GetUser", user.arn), ("sts:AssumeRole", role)):
            told = [
                explained(site, alt.keys, one.arn, action, resource) | {"Principal": ""}
                for one in (eve, mallory)
            ]
            assert told[0] == told[1]
            assert (told[0]["Decision"], told[0]["Statements"]) == ("implicitDeny", [])


# --- the REST API --------------------------------------------------------------------------------------
def test_over_rest(site: Site, iam: Any, bucket: str) -> None:
    resource = f"arn:aws:s3:::{bucket}/key"
    one = User(site, iam, allow("s3:Get*", IpAddress={"aws:SourceIp": "10.0.0.0/8"}))
    asked: Json = {"principal": one.arn, "action": "s3:GetObject", "resource": resource}
    status, found = rest(site, site.root, asked)
    assert (status, found["decision"], found["missing_context_values"]) == (
        200,
        "implicitDeny",
        ["aws:SourceIp"],
    )
    for given in ("10.1.2.3", ["10.1.2.3"]):
        status, found = rest(site, site.root, asked | {"context": {"aws:SourceIp": given}})
        assert (status, found["decision"]) == (200, "allowed")
    assert found["decided_by"] == [{
        "effect": "Allow", "kind": "identity-based policy", "policy": f"policy own of user {one.name}",
        "statement": 1, "sid": None,
    }]  # fmt: skip
    assert found["bucket"]["restrict_public_buckets"] is True
    assert (found["acl"], found["permissions_boundary"]) == (None, None)
    status, problem = rest(site, site.root, asked | {"principal": "nobody"})
    assert (status, problem["code"]) == (404, "NoSuchEntity")
    status, problem = rest(site, site.root, asked | {"colour": "red"})
    assert (status, problem["code"]) == (400, "InvalidArgument")
    status, problem = rest(site, one.keys, asked)
    assert (status, problem["code"]) == (403, "AccessDenied")
    assert "iam:ExplainAccess" in problem["detail"]

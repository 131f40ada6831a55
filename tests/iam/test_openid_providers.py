"""OpenID Connect providers with boto3: how they are made, shown, changed and removed."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.test_iam import refused
from tests.iam.test_permissions import DENIED, User, allow

PRINT = "ab" * 20
NOT_THERE = ("NoSuchEntity", 404)
INVALID = ("ValidationError", 400)


@pytest.fixture
def host() -> str:
    return f"{uuid.uuid4().hex[:12]}.example.com"


@pytest.fixture
def arn(main: Account, host: str) -> Iterator[str]:
    """A provider with a client id and a thumbprint."""
    made = main.iam.create_open_id_connect_provider(
        Url=f"https://{host}/Realm", ClientIDList=["app"], ThumbprintList=[PRINT]
    )
    yield made["OpenIDConnectProviderArn"]
    main.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=made["OpenIDConnectProviderArn"])


def test_made_and_shown(main: Account, arn: str, host: str) -> None:
    assert arn == f"arn:aws:iam::{main.id}:oidc-provider/{host}/Realm"
    shown = main.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert shown["Url"] == f"{host}/Realm"
    assert (shown["ClientIDList"], shown["ThumbprintList"], shown["Tags"]) == (["app"], [PRINT], [])
    assert shown["CreateDate"].year >= 2026
    listed = main.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert {"Arn": arn} in listed


def test_once_in_an_account(main: Account, alt: Account, arn: str, host: str) -> None:
    again = {"Url": f"https://{host}/realm", "ClientIDList": ["app"]}
    taken = refused(main.iam.create_open_id_connect_provider, **again)
    assert taken == ("EntityAlreadyExists", 409)
    theirs = alt.iam.create_open_id_connect_provider(**again)["OpenIDConnectProviderArn"]
    alt.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=theirs)
    assert refused(alt.iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == NOT_THERE


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com", "https://", "id.example.com", "https://id.example.com?a=b",
        "https://id.example.com#f", "https://user@id.example.com", "ftp://id.example.com",
        "https://id.example.com:x", "https://id .example.com", "https://127.0.0.1:8443", "https://localhost",
        "http://127.0.0.1:8080", "https://[::1]", "https://" + "a" * 250,
    ],
)  # fmt: skip
def test_urls_that_are_refused(main: Account, url: str) -> None:
    """Those of this machine, too: the setting oidc_loopback_issuers is off."""
    assert refused(main.iam.create_open_id_connect_provider, Url=url, ClientIDList=["app"]) == INVALID


def test_limits(main: Account, host: str) -> None:
    create = main.iam.create_open_id_connect_provider
    url = f"https://{host}"
    many = [f"{number:040x}" for number in range(6)]
    assert refused(create, Url=url, ThumbprintList=many) == ("InvalidInput", 400)
    assert refused(create, Url=url, ThumbprintList=["z" * 40]) == INVALID
    ids = [f"app-{number}" for number in range(101)]
    assert refused(create, Url=url, ClientIDList=ids) == ("LimitExceeded", 409)
    assert refused(create, Url=url, ClientIDList=["a" * 256]) == INVALID
    assert refused(create, Url=url, IdentityCenterInstanceArn="arn:aws:sso:::instance/x") == INVALID
    arn = create(Url=url, ClientIDList=ids[:100])["OpenIDConnectProviderArn"]
    add = main.iam.add_client_id_to_open_id_connect_provider
    assert refused(add, OpenIDConnectProviderArn=arn, ClientID="one-more") == ("LimitExceeded", 409)
    main.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_changed(main: Account, arn: str) -> None:
    named = {"OpenIDConnectProviderArn": arn}
    for _ in range(2):  # again does no harm
        main.iam.add_client_id_to_open_id_connect_provider(**named, ClientID="other")
    main.iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="app")
    main.iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="never-there")
    main.iam.update_open_id_connect_provider_thumbprint(**named, ThumbprintList=["cd" * 20])
    shown = main.iam.get_open_id_connect_provider(**named)
    assert (shown["ClientIDList"], shown["ThumbprintList"]) == (["other"], ["cd" * 20])


def test_tags(main: Account, host: str) -> None:
    tags = [{"Key": "team", "Value": "sea"}]
    made = main.iam.create_open_id_connect_provider(Url=f"https://{host}", Tags=tags)
    assert made["Tags"] == tags
    named = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
    main.iam.tag_open_id_connect_provider(**named, Tags=[{"Key": "cost", "Value": "7"}])
    main.iam.untag_open_id_connect_provider(**named, TagKeys=["team"])
    assert main.iam.list_open_id_connect_provider_tags(**named)["Tags"] == [{"Key": "cost", "Value": "7"}]
    assert main.iam.get_open_id_connect_provider(**named)["Tags"] == [{"Key": "cost", "Value": "7"}]
    main.iam.delete_open_id_connect_provider(**named)


def test_removed(main: Account, arn: str) -> None:
    named = {"OpenIDConnectProviderArn": arn}
    for _ in range(2):
        main.iam.delete_open_id_connect_provider(**named)
    assert refused(main.iam.get_open_id_connect_provider, **named) == NOT_THERE
    add = main.iam.add_client_id_to_open_id_connect_provider
    assert refused(add, **named, ClientID="app") == NOT_THERE
    update = main.iam.update_open_id_connect_provider_thumbprint
    assert refused(update, **named, ThumbprintList=[PRINT]) == NOT_THERE


def test_permissions_name_the_provider(site: Site, main: Account, arn: str) -> None:
    reads = User(site, main.iam, allow("iam:GetOpenIDConnectProvider", arn))
    named: dict[str, Any] = {"OpenIDConnectProviderArn": arn}
    reads.iam.get_open_id_connect_provider(**named)
    assert refused(reads.iam.delete_open_id_connect_provider, **named) == DENIED
    assert refused(reads.iam.list_open_id_connect_providers) == DENIED
    team = json.dumps("sea")
    makes = User(site, main.iam, allow("iam:CreateOpenIDConnectProvider", arn))
    create = makes.iam.create_open_id_connect_provider
    url = "https://" + arn.partition("oidc-provider/")[2]
    assert refused(create, Url=url) == ("EntityAlreadyExists", 409)
    assert refused(create, Url=f"{url}2") == DENIED
    assert refused(create, Url=url, Tags=[{"Key": "team", "Value": team}]) == DENIED

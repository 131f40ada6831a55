"""Links over REST: for one use, for some addresses, revoked one by one; on every gateway, over a restart."""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from access.identity import ANONYMOUS, Credential
from access.tokens import issue_token
from tests.attacks.wire import lines, sent, statuses
from tests.s3.links import Json, Links, refusal, use
from tests.server import ACCESS_KEY, SECRET_KEY, Server

MIB = 1024 * 1024


@pytest.fixture
def links(server: Server) -> Links:
    return Links(server, f"links-{uuid.uuid4().hex[:12]}")


class User:
    """A user who may do that with every object."""

    def __init__(self, links: Links, *actions: str) -> None:
        self.iam, self.name = links.client("iam"), f"u-{uuid.uuid4().hex[:12]}"
        self.id = self.iam.create_user(UserName=self.name)["User"]["UserId"]
        if actions:
            self.allow(*actions)
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.keys = (key["AccessKeyId"], key["SecretAccessKey"])

    def allow(self, *actions: str) -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=policy)

    def forbid(self) -> None:
        self.iam.delete_user_policy(UserName=self.name, PolicyName="own")

    def switch(self, status: str) -> None:
        self.iam.update_access_key(UserName=self.name, AccessKeyId=self.keys[0], Status=status)


# --- making and using ----------------------------------------------------------------------------------
def test_a_link_reads_one_object_and_nothing_else(links: Links) -> None:
    made = links.make(expires_in=60)
    assert made["url"].startswith(f"{links.server.endpoint}/{links.bucket}/k?")
    assert (made["method"], made["one_use"], made["source"], made["used_at"]) == ("GET", False, [], None)
    assert [use(made) for _ in range(3)] == [(200, b"v")] * 3
    assert use(made, headers={"Range": "bytes=0-0"}) == (206, b"v")
    for changed in (
        ("/k?", "/other?"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("x-strandline-link", "y"),
    ):
        assert use(made | {"url": made["url"].replace(*changed)})[0] == 403
    assert use(made, method="PUT", body=b"x")[0] == 403
    assert use(made, method="DELETE")[0] == 403
    assert use(made | {"url": made["url"] + "&versionId=null"})[0] == 403


def test_a_link_writes_one_object(links: Links) -> None:
    made = links.make("new key/ü+%", method="PUT")
    assert use(made, b"stored", {"Content-Type": "text/plain"})[0] == 200
    found = links.s3.get_object(Bucket=links.bucket, Key="new key/ü+%")
    assert (found["Body"].read(), found["ContentType"]) == (b"stored", "text/plain")
    assert use(made, method="GET")[0] == 403
    copy = {"x-amz-copy-source": f"/{links.bucket}/k"}
    assert use(made, b"", copy)[0] == 403  # x-amz- headers are not signed


def test_a_link_ends(links: Links) -> None:
    made = links.make(expires_in=1)
    limit = time.monotonic() + 20
    while (answer := use(made))[0] == 200:
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert refusal(answer) == "Request has expired"
    assert links.ask("GET")[1]["links"] == []


def bearer_token(links: Links, lifetime: int) -> str:
    """The operator's, for so many seconds."""
    owner = links.s3.list_buckets()["Owner"]["ID"]
    credential = Credential(ACCESS_KEY, SECRET_KEY, ANONYMOUS._replace(id=owner))
    return issue_token(credential, time.time(), lifetime)


def test_a_link_by_bearer_token_and_by_session(links: Links) -> None:
    root = links.client("sts").get_caller_identity()["Account"]
    status, made = links.ask("POST", body={"key": "k"}, token=bearer_token(links, 3600))
    assert (status, made["access_key"], made["made_by"]) == (201, ACCESS_KEY, root)
    assert use(made) == (200, b"v")
    told = links.client("sts").get_session_token()["Credentials"]
    keys = (told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
    assert use(links.make(keys=keys, one_use=True)) == (200, b"v")


def test_a_link_ends_with_the_token_or_session_that_made_it(links: Links) -> None:
    token = bearer_token(links, 600)
    for asked, lasts in ((60, 60), (86_400, 600)):
        status, made = links.ask("POST", body={"key": "k", "expires_in": asked}, token=token)
        assert status == 201
        told = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created"])
        assert lasts - 10 <= told.total_seconds() <= lasts
        assert f"X-Amz-Expires={told.total_seconds():.0f}&" in made["url"]
    session = links.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    keys = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert (
        datetime.fromisoformat(links.make(keys=keys, expires_in=3600)["expires_at"]) <= session["Expiration"]
    )


def test_another_endpoint(links: Links) -> None:
    made = links.make(endpoint=f"http://localhost:{links.server.port}/")
    assert made["url"].startswith(f"http://localhost:{links.server.port}/{links.bucket}/k?")
    assert use(made) == (200, b"v")
    assert links.make(endpoint="https://s3.example.org:443")["url"].startswith("https://s3.example.org/")
    assert links.make(endpoint="http://[::1]")["url"].startswith("http://[::1]/")


# --- rights --------------------------------------------------------------------------------------------
def test_it_has_the_rights_of_its_signer_when_it_is_used(links: Links) -> None:
    user = User(links, "s3:GetObject")
    made = links.make(keys=user.keys)
    assert made["made_by"] == user.id
    assert use(made) == (200, b"v")
    user.forbid()
    assert "no identity-based policy" in refusal(use(made))
    user.allow("s3:*")
    assert use(made) == (200, b"v")
    user.switch("Inactive")
    status, body = use(made)
    assert (status, b"<Code>InvalidAccessKeyId</Code>" in body) == (403, True)
    user.switch("Active")
    assert use(made) == (200, b"v")


def test_only_who_may_do_it_makes_a_link(links: Links) -> None:
    user = User(links, "s3:GetObject")
    status, told = links.ask("POST", body={"key": "k", "method": "PUT"}, keys=user.keys)
    assert (status, told["code"]) == (403, "AccessDenied")
    assert links.ask("POST", body={"key": "k"}, keys=User(links).keys)[0] == 403
    assert links.ask("GET")[1]["links"] == []


def test_who_sees_and_revokes_a_link(links: Links) -> None:
    maker, other = User(links, "s3:GetObject"), User(links, "s3:GetObject")
    made = links.make(keys=maker.keys)
    place = f"/{made['link_id']}"
    assert links.ask("GET", place, keys=maker.keys)[1] == {k: v for k, v in made.items() if k != "url"}
    assert [links.ask(method, place, keys=other.keys)[0] for method in ("GET", "DELETE")] == [403, 403]
    assert links.ask("GET", "", keys=other.keys)[0] == 403
    assert links.ask("GET", "/none", keys=other.keys)[0] == 403  # it may not even know
    assert use(made) == (200, b"v")
    assert links.ask("DELETE", place, keys=maker.keys) == (204, {})
    assert refusal(use(made)) == "The link was revoked, or there never was one."
    status, told = links.ask("DELETE", place)
    assert (status, told["code"], told["detail"]) == (
        404, "NoSuchLink", f"bucket {links.bucket} has no link {made['link_id']!r}",
    )  # fmt: skip
    second = links.make(keys=maker.keys)
    assert links.ask("DELETE", f"/{second['link_id']}") == (204, {})  # the bucket's owner
    assert use(second)[0] == 403


def test_a_link_s_record_serves_no_other_request(links: Links) -> None:
    """The parameter in somebody's own presigned URL: nobody uses another's link up by its id."""
    made = links.make(one_use=True)
    user = User(links, "s3:GetObject")

    def with_id(request: Any, **_: Any) -> None:
        request.url += f"?x-strandline-link={made['link_id']}"

    s3 = links.client("s3", user.keys)
    s3.meta.events.register("before-sign.s3.GetObject", with_id)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": links.bucket, "Key": "k"})
    assert "x-strandline-link" in url
    assert refusal(use({"method": "GET", "url": url})) == "The link is for another request."
    assert use(made) == (200, b"v")


# --- one use -------------------------------------------------------------------------------------------
def test_one_of_many_readers_gets_through(links: Links) -> None:
    for _ in range(5):
        made = links.make(one_use=True)
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _, link=made: use(link), range(16)))
        assert sorted(status for status, _ in answers) == [200] + [403] * 15
        used = links.shown(made)["used_at"]
        assert used is not None
        for answer in answers:
            if answer[0] == 403:
                assert refusal(answer).startswith("The link is for one use, and was used at 20")


def test_one_of_many_writers_gets_through(links: Links) -> None:
    made = links.make("w", method="PUT", one_use=True)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: use(made, b"%d" % n), range(16)))
    assert sorted(status for status, _ in answers) == [200] + [403] * 15
    winner = [n for n, (status, _) in enumerate(answers) if status == 200]
    assert links.s3.get_object(Bucket=links.bucket, Key="w")["Body"].read() == b"%d" % winner[0]


def test_a_large_object_is_read_once_and_whole(links: Links) -> None:
    content = bytes(range(256)) * (12 * 1024)
    links.s3.put_object(Bucket=links.bucket, Key="large", Body=content)
    made = links.make("large", one_use=True)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: use(made), range(4)))
    assert sorted(status for status, _ in answers) == [200, 403, 403, 403]
    assert [body for status, body in answers if status == 200] == [content]
    empty = links.make("nothing", method="PUT", one_use=True)
    assert use(empty, b"")[0] == 200
    again = links.make("nothing", one_use=True)
    assert [use(again)[0] for _ in range(2)] == [200, 403]


def test_what_is_refused_does_not_use_a_link_up(links: Links) -> None:
    reader = links.make("later", one_use=True)
    assert use(reader)[0] == 404
    writer = links.make("later", method="PUT", one_use=True)
    assert use(writer, b"x", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})[0] == 400
    assert use(writer, b"x", {"If-Match": '"none"'})[0] == 404
    assert use(writer, b"x", method="GET")[0] == 403
    assert links.shown(writer)["used_at"] is None
    assert use(writer, b"there now")[0] == 200
    assert use(writer, b"again")[0] == 403
    for headers in ({"Range": "bytes=100-"}, {"If-Match": '"none"'}, {"If-None-Match": "*"}):
        assert use(reader, headers=headers)[0] in (304, 412, 416)
    assert use(reader, headers={"Range": "bytes=0-4"}) == (206, b"there")
    assert use(reader)[0] == 403


def test_an_upload_that_breaks_off_does_not_use_a_link_up(links: Links) -> None:
    made = links.make("broken", method="PUT", one_use=True)
    url = urlsplit(made["url"])
    head = lines("PUT", f"{url.path}?{url.query}", {"Host": url.netloc, "Content-Length": str(MIB)})
    assert 200 not in statuses(sent(links.server.port, head, bytes(MIB // 2)))
    limit = time.monotonic() + 30
    while links.shown(made)["used_at"] is not None:
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert use(made, b"whole")[0] == 200


def test_a_link_that_is_revoked_while_it_is_used_up_stays_revoked(links: Links) -> None:
    made = links.make(one_use=True)
    assert links.ask("DELETE", f"/{made['link_id']}")[0] == 204
    assert refusal(use(made)) == "The link was revoked, or there never was one."
    assert links.ask("GET", f"/{made['link_id']}")[0] == 404


# --- source ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "status"),
    [(["127.0.0.1"], 200), (["10.0.0.0/8", "127.0.0.0/30"], 200), (["127.0.0.2/31"], 403), (["::1"], 403)],
)
def test_a_link_for_some_addresses(links: Links, source: list[str], status: int) -> None:
    made = links.make(source=source)
    assert made["source"] == source
    answer = use(made)
    assert answer[0] == status
    if status == 403:
        assert refusal(answer) == "The link may not be used from the address 127.0.0.1."


def test_nobody_writes_itself_another_address(links: Links) -> None:
    made = links.make(source=["203.0.113.7"], one_use=True)
    assert use(made, headers={"X-Forwarded-For": "203.0.113.7"})[0] == 403
    assert links.shown(made)["used_at"] is None


# --- input -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "key"),
        ({"key": ""}, "key"),
        ({"key": "k" * 1025}, "key"),
        ({"key": "k", "method": "DELETE"}, "'GET' or 'PUT'"),
        ({"key": "k", "expires_in": 0}, "greater than or equal to 1"),
        ({"key": "k", "expires_in": 604_801}, "less than or equal to 604800"),
        ({"key": "k", "one_use": "yes"}, "boolean"),
        ({"key": "k", "source": ["10.0.0.1/8"]}, "'10.0.0.1/8' is neither an address nor a CIDR block"),
        ({"key": "k", "source": ["here"]}, "'here' is neither"),
        ({"key": "k", "source": ["10.0.0.1"] * 33}, "at most 32"),
        ({"key": "k", "endpoint": "ftp://s3"}, "'ftp://s3' is not a URL"),
        ({"key": "k", "endpoint": "https://a@b"}, "'https://a@b' is not a URL"),
        ({"key": "k", "endpoint": "http://h:99999"}, "is not a URL"),
        ({"key": "k", "endpoint": "http://h/path"}, "is not a URL"),
        ({"key": "k", "endpoint": "http://h\r\nx: y"}, "is not a URL"),
        ({"key": "k", "onetime": True}, "onetime"),
    ],
)
def test_links_that_make_no_sense(links: Links, wanted: Json, says: str) -> None:
    status, told = links.ask("POST", body=wanted)
    assert status == 400
    assert says in told["detail"]


def test_links_of_a_bucket_that_is_not_there(links: Links) -> None:
    links.bucket = "no-such-bucket-here"
    assert links.ask("POST", body={"key": "k"})[1]["code"] == "NoSuchBucket"
    assert links.ask("GET")[1]["code"] == "NoSuchBucket"
    assert links.ask("DELETE", "/x")[1]["code"] == "NoSuchBucket"


def test_pages_of_links(links: Links) -> None:
    made = sorted(links.make(one_use=True)["link_id"] for _ in range(5))
    found, more = [], ""
    while True:
        status, page = links.ask("GET", f"?limit=2{more}")
        assert status == 200
        found += [link["link_id"] for link in page["links"]]
        assert "url" not in page["links"][0]
        if page["continuation"] is None:
            break
        more = f"&continuation={page['continuation']}"
    assert found == made


@pytest.mark.embedded
def test_links_survive_a_crash(tmp_path: Any) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", "2")
    server.start()
    try:
        links = Links(server, "crashed")
        used, fresh, bound = (links.make(one_use=True), links.make(one_use=True), links.make(source=["::1"]))
        assert use(used) == (200, b"v")
        server.kill()
        server.start()
        assert refusal(use(used)).startswith("The link is for one use")
        assert refusal(use(bound)).startswith("The link may not be used from")
        assert [use(fresh)[0] for _ in range(4)] == [200, 403, 403, 403]
    finally:
        server.kill()

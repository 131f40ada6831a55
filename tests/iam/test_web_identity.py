"""AssumeRoleWithWebIdentity against a real issuer on loopback: what a token gives, and attacks with them."""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.certificates import Certificates, make_certificates
from tests.iam.accounts import Account, new_account
from tests.iam.conftest import REGION, Site
from tests.iam.issuer import CLIENT, DISCOVERY, KEYS, SUBJECT, Issuer, jwt, new_key, public_jwk
from tests.iam.test_assume_role import EVERYTHING
from tests.iam.test_iam import READ, refused
from tests.iam.test_permissions import DENIED, allow, document
from tests.iam.test_sessions import keys_of
from tests.server import Server

INVALID = ("InvalidIdentityToken", 400)
ASSUME = "sts:AssumeRoleWithWebIdentity"
SOON = 20.0  # seconds within which keys are fetched anew, with the pause between two fetches
Json = dict[str, Any]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Site]:
    """A server that takes issuers on this machine. It has one worker, whose fetches can be counted."""
    folder = tmp_path_factory.mktemp("web-identity")
    server = Server(
        folder / "data", folder / "log", STRANDLINE_OIDC_LOOPBACK_ISSUERS="true",
        STRANDLINE_OIDC_CA=str(certificates.ca),
    )  # fmt: skip
    server.start()
    try:
        yield Site(server)
    finally:
        assert server.stop() == 0


@pytest.fixture(scope="module")
def main(site: Site) -> Account:
    return new_account(site, "main")


@pytest.fixture(scope="module")
def alt(site: Site) -> Account:
    return new_account(site, "alt")


@contextlib.contextmanager
def trusted(account: Account, *clients: str, **how: Any) -> Iterator[Issuer]:
    """A new issuer that is a provider of the account."""
    issuer = Issuer(**how)
    named = provided(account, issuer, *clients)
    try:
        yield issuer
    finally:
        issuer.close()
        account.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=named)


def provided(account: Account, issuer: Issuer, *clients: str) -> str:
    made = account.iam.create_open_id_connect_provider(
        Url=issuer.url, ClientIDList=list(clients or (CLIENT,))
    )
    arn: str = made["OpenIDConnectProviderArn"]
    assert arn == provider(account, issuer)
    return arn


@pytest.fixture(scope="module")
def issuer(main: Account) -> Iterator[Issuer]:
    with trusted(main) as found:
        yield found


def provider(account: Account, issuer: Issuer) -> str:
    return f"arn:aws:iam::{account.id}:oidc-provider/{issuer.name}"


def trust(named: Any, *actions: str, effect: str = "Allow", **condition: Any) -> Json:
    made = {"Effect": effect, "Principal": named, "Action": list(actions or (ASSUME,))}
    return made | ({"Condition": condition} if condition else {})


class Role:
    """A new role that web identities of the issuer may assume, unless told otherwise."""

    def __init__(
        self, site: Site, account: Account, *statements: Json, policy: str = EVERYTHING, **fields: Any
    ) -> None:
        self.name = f"w-{uuid.uuid4().hex[:12]}"
        made = account.iam.create_role(
            RoleName=self.name, AssumeRolePolicyDocument=document(*statements), **fields
        )["Role"]
        self.arn, self.id = made["Arn"], made["RoleId"]
        account.iam.put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=policy)
        self._sts = boto3.client(
            "sts",
            endpoint_url=f"http://127.0.0.1:{site.server.api_port}",
            region_name=REGION,
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )

    def assumed(self, token: str, name: str = "job-7", **more: Any) -> Any:
        return self._sts.assume_role_with_web_identity(
            RoleArn=self.arn, RoleSessionName=name, WebIdentityToken=token, **more
        )

    def refused(self, token: str, **more: Any) -> tuple[str, int]:
        return self.refusal(token, **more)[:2]

    def refusal(self, token: str, **more: Any) -> tuple[str, int, str]:
        """Code, status and message."""
        with pytest.raises(ClientError) as caught:
            self.assumed(token, **more)
        error = caught.value.response
        status = error["ResponseMetadata"]["HTTPStatusCode"]
        return error["Error"]["Code"], status, error["Error"]["Message"]


@pytest.fixture(scope="module")
def role(site: Site, main: Account, issuer: Issuer) -> Role:
    return Role(site, main, trust({"Federated": provider(main, issuer)}))


def until(holds: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + SOON
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


def taken(role: Role, token: str) -> bool:
    with contextlib.suppress(ClientError):
        role.assumed(token)
        return True
    return False


# --- what a token gives --------------------------------------------------------------------------------
def test_credentials_of_the_role(site: Site, main: Account, issuer: Issuer, role: Role) -> None:
    answer = role.assumed(issuer.token(), DurationSeconds=900)
    arn = f"arn:aws:sts::{main.id}:assumed-role/{role.name}/job-7"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role.id}:job-7", "Arn": arn}
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert (answer["Provider"], answer["Audience"]) == (issuer.url, CLIENT)
    assert 800 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 901
    keys = keys_of(answer)
    assert site.client("sts", keys).get_caller_identity()["Arn"] == arn
    bucket = f"web-{uuid.uuid4().hex[:12]}"
    s3 = site.client("s3", keys)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert main.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_boto3_finds_the_token_by_itself(
    site: Site, issuer: Issuer, role: Role, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pod of Kubernetes: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE."""
    file = tmp_path / "token"
    file.write_text(issuer.token())
    monkeypatch.setenv("AWS_ROLE_ARN", role.arn)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{site.server.api_port}")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    session = boto3.Session(region_name=REGION)
    s3 = session.client("s3", endpoint_url=site.server.endpoint)
    s3.list_buckets()
    assert session.get_credentials().method == "assume-role-with-web-identity"


@pytest.mark.parametrize(
    "algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_algorithms(site: Site, main: Account, algorithm: str) -> None:
    with trusted(main) as issuer:
        key = new_key(algorithm)
        issuer.published = [public_jwk(key, "k", alg=algorithm), public_jwk(new_key(), "other")]
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        role.assumed(issuer.signed(issuer.claims(), key, "k", algorithm))
        other = issuer.signed(issuer.claims(), new_key(algorithm), "k", algorithm)
        assert role.refused(other) == INVALID


def test_issuers_with_a_path_and_a_slash(site: Site, main: Account) -> None:
    with trusted(main, path="/realms/One/") as issuer:
        told = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}keys"}
        issuer.answers[DISCOVERY.removeprefix("/")] = 200, {}, json.dumps(told).encode()
        issuer.answers["keys"] = 200, {}, json.dumps({"keys": issuer.published}).encode()
        condition = {f"{issuer.name}:sub": SUBJECT}
        role = Role(site, main, trust({"Federated": provider(main, issuer)}, StringEquals=condition))
        role.assumed(issuer.token())
        role.assumed(issuer.token(iss=issuer.name))  # without the scheme, as Google's once were
        assert role.refused(issuer.token(iss=issuer.url.rstrip("/"))) == INVALID
        assert role.refused(issuer.token(iss=issuer.url.lower())) == INVALID


def test_https_with_an_authority_of_the_setting(
    site: Site, main: Account, certificates: Certificates, tmp_path: Any
) -> None:
    with trusted(main, certificates=certificates) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        role.assumed(issuer.token())
    with trusted(main, certificates=make_certificates(tmp_path)) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        assert role.refused(issuer.token()) == INVALID
        assert issuer.asked == []


# --- what the role's trust policy says -------------------------------------------------------------------
def test_conditions_on_claims(site: Site, main: Account, issuer: Issuer) -> None:
    named, name = {"Federated": provider(main, issuer)}, issuer.name
    by_subject = Role(site, main, trust(named, StringLike={f"{name}:sub": "repo:strandline/*"}))
    by_subject.assumed(issuer.token())
    assert by_subject.refused(issuer.token(sub="repo:somebody/else:ref:x")) == DENIED
    by_audience = Role(site, main, trust(named, StringEquals={f"{name}:aud": "another"}))
    assert by_audience.refused(issuer.token()) == DENIED
    both = {f"{name}:aud": CLIENT, f"{name}:sub": SUBJECT}
    Role(site, main, trust(named, StringEquals=both)).assumed(issuer.token())
    by_method = Role(
        site, main, trust(named, **{"ForAnyValue:StringEquals": {f"{name}:amr": ["mfa", "hwk"]}})
    )
    by_method.assumed(issuer.token(amr=["pwd", "mfa"]))
    assert by_method.refused(issuer.token(amr=["pwd"])) == DENIED
    assert by_method.refused(issuer.token()) == DENIED
    others = Role(site, main, trust(named, StringEquals={f"other.{name}:sub": SUBJECT}))
    assert others.refused(issuer.token()) == DENIED


def test_the_trust_policy_must_name_the_provider(
    site: Site, main: Account, alt: Account, issuer: Issuer
) -> None:
    named = {"Federated": provider(main, issuer)}
    for principal in ("*", {"AWS": "*"}, {"AWS": main.id}, {"Federated": "other.example.com"}):
        assert Role(site, main, trust(principal)).refused(issuer.token()) == DENIED
    assert Role(site, main, trust(named, "sts:AssumeRole")).refused(issuer.token()) == DENIED
    for denied in ("*", named):
        denying = trust(denied, effect="Deny")
        assert Role(site, main, trust(named), denying).refused(issuer.token()) == DENIED
    excepted = {"Effect": "Deny", "NotPrincipal": named, "Action": ASSUME}
    Role(site, main, trust(named), excepted).assumed(issuer.token())
    but = {"Effect": "Allow", "NotPrincipal": {"AWS": alt.id}, "Action": ASSUME}
    assert Role(site, main, but).refused(issuer.token()) == DENIED


def test_only_providers_of_the_role_s_account(
    site: Site, main: Account, alt: Account, issuer: Issuer
) -> None:
    theirs = Role(site, alt, trust({"Federated": provider(main, issuer)}))
    code, status, message = theirs.refusal(issuer.token())
    assert (code, status) == INVALID
    assert message == f"No OpenIDConnect provider found in your account for {issuer.url}"


def test_what_is_not_there(site: Site, main: Account, issuer: Issuer, role: Role) -> None:
    """Whether there is such a role is told to nobody without a good token."""
    absent = Role(site, main, trust({"Federated": provider(main, issuer)}))
    main.iam.delete_role_policy(RoleName=absent.name, PolicyName="own")
    main.iam.delete_role(RoleName=absent.name)
    code, status, message = absent.refusal(issuer.token())
    assert (code, status, message) == (*DENIED, f"Not authorized to perform {ASSUME}")
    assert absent.refused(issuer.token(aud="another")) == INVALID
    absent.arn = "arn:aws:iam::999999999999:role/r"
    assert absent.refused(issuer.token()) == INVALID


def test_session_policy_and_duration(site: Site, main: Account, issuer: Issuer, role: Role) -> None:
    answer = role.assumed(issuer.token(), Policy=READ)
    assert answer["PackedPolicySize"] > 0
    s3 = site.client("s3", keys_of(answer))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.create_bucket(Bucket="never-made")
    wrong = ("ValidationError", 400)
    assert role.refused(issuer.token(), DurationSeconds=3601) == wrong
    assert role.refused(issuer.token(), name="no/slash") == wrong
    assert role.refused(issuer.token(), ProviderId="graph.facebook.com") == wrong
    long = Role(site, main, trust({"Federated": provider(main, issuer)}), MaxSessionDuration=43200)
    answer = long.assumed(issuer.token(), DurationSeconds=43200)
    assert answer["Credentials"]["Expiration"].timestamp() - time.time() > 43000


def test_tags_and_source_identity_of_the_token(site: Site, main: Account, issuer: Issuer) -> None:
    named = {"Federated": provider(main, issuer)}
    tags = {"principal_tags": {"team": ["sea"]}, "transitive_tag_keys": ["team"]}
    tagged = issuer.token(**{"https://aws.amazon.com/tags": tags})
    known = issuer.token(**{"https://aws.amazon.com/source_identity": "ann"})
    plain = Role(site, main, trust(named))
    assert plain.refused(tagged) == DENIED
    assert plain.refused(known) == DENIED
    own = document(
        allow("iam:ListUsers", StringEquals={"aws:PrincipalTag/team": "sea"}),
        allow("iam:ListRoles", StringEquals={"aws:SourceIdentity": "ann"}),
    )
    open_to = trust(named, ASSUME, "sts:TagSession", "sts:SetSourceIdentity")
    role = Role(site, main, open_to, policy=own)
    site.client("iam", keys_of(role.assumed(tagged))).list_users()
    answer = role.assumed(known)
    assert answer["SourceIdentity"] == "ann"
    site.client("iam", keys_of(answer)).list_roles()
    narrow = trust(named, ASSUME, "sts:TagSession", StringEquals={"aws:RequestTag/team": "land"})
    assert Role(site, main, narrow).refused(tagged) == DENIED
    bad = {"principal_tags": {"team": ["sea", "land"]}}
    rejected = role.refused(issuer.token(**{"https://aws.amazon.com/tags": bad}))
    assert rejected == ("IDPRejectedClaim", 403)


def test_the_authorized_party_goes_before_the_audience(site: Site, main: Account, issuer: Issuer) -> None:
    name = issuer.name
    both = {f"{name}:aud": CLIENT, f"{name}:oaud": "backend"}
    role = Role(site, main, trust({"Federated": provider(main, issuer)}, StringEquals=both))
    assert role.assumed(issuer.token(azp=CLIENT, aud="backend"))["Audience"] == CLIENT
    assert role.refused(issuer.token(azp="another", aud=CLIENT)) == INVALID
    assert role.refused(issuer.token(aud=["x", CLIENT])) == DENIED  # no azp: no oaud


def test_the_role_s_policies_may_ask_who_it_is(site: Site, main: Account, issuer: Issuer) -> None:
    """For whom a session is can be asked in the policies of the role, too, also by variables."""
    bucket, name = f"web-{uuid.uuid4().hex[:12]}", issuer.name
    main.s3.create_bucket(Bucket=bucket)
    own = document(
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/${{{name}:sub}}/*"),
        allow("iam:ListUsers", StringEquals={"aws:FederatedProvider": provider(main, issuer)}),
        allow("iam:ListRoles", **{"ForAnyValue:StringEquals": {f"{name}:amr": "mfa"}}),
    )
    role = Role(site, main, trust({"Federated": provider(main, issuer)}), policy=own)
    keys = keys_of(role.assumed(issuer.token(sub="ann-7", amr=["pwd", "mfa"])))
    s3, iam = site.client("s3", keys), site.client("iam", keys)
    s3.put_object(Bucket=bucket, Key="ann-7/k", Body=b"x")
    assert refused(s3.put_object, Bucket=bucket, Key="bob-8/k", Body=b"x") == DENIED
    iam.list_users()
    iam.list_roles()
    keys = keys_of(role.assumed(issuer.token(sub="ann-7")))
    assert refused(site.client("iam", keys).list_roles) == DENIED


# --- attacks ---------------------------------------------------------------------------------------------
def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_attack_algorithm_none(issuer: Issuer, role: Role) -> None:
    for name in ("none", "None", "NONE", "nOnE", ""):
        head = encoded({"alg": name, "kid": issuer.kid})
        payload = encoded(issuer.claims())
        assert role.refused(f"{head}.{payload}.") == INVALID
        assert role.refused(f"{head}.{payload}.{encoded(b'x')}") == INVALID
    signature = issuer.token().rpartition(".")[2]
    assert role.refused(f"{encoded({'kid': 'x'})}.{encoded(issuer.claims())}.{signature}") == INVALID


def test_attack_public_key_as_secret(issuer: Issuer, role: Role) -> None:
    """HMAC with what everybody can fetch: the key's PEM, DER, modulus, and the JWK's text."""
    public = issuer.key.public_key()
    spki = PublicFormat.SubjectPublicKeyInfo
    secrets = [
        public.public_bytes(Encoding.PEM, spki), public.public_bytes(Encoding.DER, spki),
        issuer.published[0]["n"].encode(), json.dumps(issuer.published[0]).encode(),
    ]  # fmt: skip
    for secret in secrets:
        for bits in (256, 384, 512):
            head = encoded({"alg": f"HS{bits}", "typ": "JWT", "kid": issuer.kid})
            text = f"{head}.{encoded(issuer.claims())}"
            mac = hmac.new(secret, text.encode(), getattr(hashlib, f"sha{bits}")).digest()
            assert role.refused(f"{text}.{encoded(mac)}") == INVALID


def test_attack_a_published_secret(site: Site, main: Account) -> None:
    """An issuer that publishes a shared secret is not followed into using it."""
    with trusted(main) as issuer:
        issuer.published = [{"kty": "oct", "kid": "first", "alg": "HS256", "k": encoded(b"s" * 32)}]
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(issuer.claims())}"
        mac = hmac.new(b"s" * 32, text.encode(), hashlib.sha256).digest()
        assert role.refused(f"{text}.{encoded(mac)}") == INVALID
        assert issuer.asked == []


def test_attack_key_in_the_token(issuer: Issuer, role: Role) -> None:
    """A key, or where to find one, that the token itself brings is not used."""
    own = new_key()
    elsewhere = Issuer()
    try:
        elsewhere.published = [public_jwk(own, issuer.kid)]
        for head in ({"jwk": public_jwk(own, issuer.kid)}, {"jku": elsewhere.url + KEYS}, {"x5u": "x"}):
            assert role.refused(issuer.signed(issuer.claims(), own, **head)) == INVALID
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


def test_attack_another_issuer_s_token(site: Site, main: Account, issuer: Issuer, role: Role) -> None:
    with trusted(main) as other:
        assert other.kid == issuer.kid
        assert role.refused(other.token(iss=issuer.url)) == INVALID
        assert (
            role.refused(other.token()) == DENIED
        )  # a good token, of a provider that the role does not trust
    stranger = Issuer()
    try:
        assert role.refused(stranger.token()) == INVALID
        assert stranger.asked == []  # nobody is asked who is no provider
    finally:
        stranger.close()


def test_attack_another_audience(issuer: Issuer, role: Role) -> None:
    for audience in ("another", ["another", "third"], [], CLIENT.upper()):
        code, status, message = role.refusal(issuer.token(aud=audience))
        assert (code, status, message) == (*INVALID, "Incorrect token audience")
    assert role.refused(issuer.token(aud=None)) == INVALID
    assert role.refused(issuer.token(aud={"a": CLIENT})) == ("IDPRejectedClaim", 403)


def test_attack_expired(issuer: Issuer, role: Role) -> None:
    now = int(time.time())
    code, status, message = role.refusal(issuer.token(iat=now - 900, exp=now - 300))
    assert (code, status) == ("ExpiredTokenException", 400)
    assert message.startswith("Token expired: current date/time ")
    assert message.endswith(f" must be before the expiration date/time {now - 300}")
    role.assumed(issuer.token(iat=now - 900, exp=now - 5))  # clocks differ by seconds
    for missing in ("exp", "iat", "sub"):
        assert role.refused(issuer.token(**{missing: None})) == INVALID


def test_attack_not_yet_valid(issuer: Issuer, role: Role) -> None:
    now = int(time.time())
    assert role.refused(issuer.token(nbf=now + 300)) == ("IDPRejectedClaim", 403)
    assert role.refused(issuer.token(iat=now + 300, exp=now + 900)) == ("IDPRejectedClaim", 403)
    role.assumed(issuer.token(nbf=now + 5))


def test_attack_tampered(issuer: Issuer, role: Role) -> None:
    head, payload, signature = issuer.token().split(".")
    changed = encoded(issuer.claims(sub="repo:somebody/else"))
    assert role.refused(f"{head}.{changed}.{signature}") == INVALID
    other = encoded({"alg": "RS512", "kid": issuer.kid})
    assert role.refused(f"{other}.{payload}.{signature}") == INVALID
    assert role.refused(f"{head}.{payload}.{signature[:-8]}AAAAAAAA") == INVALID
    assert role.refused(f"{head}.{payload}.") == INVALID
    for text in (f"{head}.{payload}", "a.b.c", "....", f"{head}.{encoded([1])}.{signature}", "é" * 9):
        assert role.refused(text) == INVALID
    deep = base64.urlsafe_b64encode(b"[" * 9000).decode()
    assert role.refused(f"{deep}.{payload}.{signature}") == INVALID
    critical = encoded({"alg": "RS256", "kid": issuer.kid, "crit": ["x"], "x": 1})
    assert role.refused(f"{critical}.{payload}.{signature}") == INVALID


@pytest.mark.parametrize("text", [b"a\xed\xa0\x80", rb"a\ud800"], ids=["bytes", "escaped"])
def test_attack_a_subject_that_nobody_can_write_down(issuer: Issuer, role: Role, text: bytes) -> None:
    payload = json.dumps(issuer.claims(sub="SUBJECT")).encode().replace(b"SUBJECT", text)
    token = jwt.api_jws.encode(payload, issuer.key, "RS256", {"kid": issuer.kid})
    code, status, message = role.refusal(token)
    assert (code, status) == INVALID
    assert "is not a valid JWT" in message


def test_attack_unknown_key(site: Site, main: Account) -> None:
    """Names of keys that nobody has do not make the server ask the issuer again and again."""
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        role.assumed(issuer.token())
        began = time.monotonic()
        for number in range(40):
            forged = issuer.signed(issuer.claims(), new_key("ES256"), f"unknown-{number}", "ES256")
            assert role.refused(forged) == INVALID
        pauses = int((time.monotonic() - began) / 5.0)
        assert issuer.asked.count(KEYS) <= 1 + 1 + pauses
        role.assumed(issuer.token())


def test_a_token_without_a_key_s_name(site: Site, main: Account) -> None:
    """It is taken where there is one key only."""
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        nameless = issuer.signed(issuer.claims(), kid=None)
        role.assumed(nameless)
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        issuer.published = [*issuer.published, public_jwk(new_key(), "second")]
        assert role.refused(issuer.signed(issuer.claims(), kid=None)) == INVALID


def test_key_rotated_while_running(site: Site, main: Account) -> None:
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        before = issuer.token()
        role.assumed(before)
        issuer.rotate()
        until(lambda: taken(role, issuer.token()), "the new key is not taken")
        assert role.refused(before) == INVALID  # its key is withdrawn, and the fetch has told so


def test_issuer_down(site: Site, main: Account) -> None:
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        issuer.close()
        code, status, message = role.refusal(issuer.token())
        assert (code, status) == ("IDPCommunicationError", 400)
        assert str(issuer.port) not in message
        issuer.answers[KEYS] = 503, {}, b""
        issuer.start()
        until(lambda: KEYS in issuer.asked or taken(role, issuer.token()), "nobody asks the issuer again")
        assert role.refused(issuer.token()) == ("IDPCommunicationError", 400)
        del issuer.answers[KEYS]
        until(lambda: taken(role, issuer.token()), "the issuer is back, and its tokens are not taken")
        issuer.close()
        role.assumed(issuer.token())  # its keys are known


def test_an_issuer_that_does_not_answer_holds_up_nobody(site: Site, main: Account, issuer: Issuer) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        mute = Issuer()
        mute.close()
        mute.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        mute.name = mute.url.partition("://")[2]
        arn = provided(main, mute)
        waiting = Role(site, main, trust({"Federated": arn}))
        found: list[tuple[str, int]] = []
        thread = threading.Thread(target=lambda: found.append(waiting.refused(mute.token())))
        thread.start()
        held, _ = silent.accept()
        began = time.monotonic()
        main.s3.list_buckets()
        Role(site, main, trust({"Federated": provider(main, issuer)})).assumed(issuer.token())
        assert time.monotonic() - began < 4
        thread.join(30)
        held.close()
        assert found == [("IDPCommunicationError", 400)]
    finally:
        silent.close()


def test_silent_issuers_of_one_account_keep_no_other_from_its_own(
    site: Site, main: Account, alt: Account
) -> None:
    """More of them than are asked at once."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, contextlib.ExitStack() as stack:
        mute = Issuer()
        mute.close()
        threads = []
        for number in range(12):
            mute.url = f"http://127.0.0.1:{silent.getsockname()[1]}/{number}"
            mute.name = mute.url.partition("://")[2]
            waiting = Role(site, alt, trust({"Federated": provided(alt, mute)}))
            threads.append(threading.Thread(target=waiting.refused, args=(mute.token(),)))
        issuer = stack.enter_context(trusted(main))  # nobody knows its keys yet
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        for thread in threads:
            thread.start()
        silent.accept()[0].close()
        began = time.monotonic()
        role.assumed(issuer.token())
        assert time.monotonic() - began < 4
        for thread in threads:
            thread.join(30)


OVERSIZED = b'{"keys": [' + b" " * 200_000 + b"]}"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param(KEYS, (200, {}, OVERSIZED), id="oversized-keys"),
        pytest.param(KEYS, (200, {"X-Long": "x" * 60_000}, OVERSIZED), id="oversized-headers"),
        pytest.param(KEYS, (302, {"Location": "/moved"}, b""), id="redirecting-keys"),
        pytest.param(DISCOVERY, (301, {"Location": "/moved"}, b""), id="redirecting-discovery"),
        pytest.param(KEYS, (101, {"Upgrade": "x", "Connection": "Upgrade"}, b""), id="another-protocol"),
        pytest.param(DISCOVERY, (200, {}, b"<html>"), id="no-json"),
        pytest.param(DISCOVERY, (200, {}, b"[" * 100_000), id="deep-json"),
        pytest.param(DISCOVERY, (200, {}, b'{"issuer": "https://other.example"}'), id="no-keys-named"),
        pytest.param(KEYS, (200, {}, b'{"keys": {}}'), id="no-list"),
        pytest.param(KEYS, (404, {}, b""), id="no-such-document"),
        pytest.param(KEYS, (200, {}, json.dumps({"keys": [{}] * 101}).encode()), id="too-many-keys"),
    ],
)
def test_attack_issuer_that_misbehaves(
    site: Site, main: Account, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    with trusted(main) as issuer:
        issuer.answers[path] = answer
        issuer.answers["/moved"] = 200, {}, json.dumps({"keys": issuer.published}).encode()
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        code, status, message = role.refusal(issuer.token())
        assert (code, status) == INVALID
        assert message.startswith("Couldn't retrieve verification key from your identity provider")
        assert "/moved" not in issuer.asked


@pytest.mark.parametrize(
    "where", ["http://192.0.2.1/keys", "https://169.254.169.254/keys", "file:///etc/passwd"]
)
def test_attack_keys_that_are_elsewhere(site: Site, main: Account, where: str) -> None:
    """An issuer cannot send the server to places that are not taken for an issuer."""
    with trusted(main) as issuer:
        issuer.answers[DISCOVERY] = 200, {}, json.dumps({"issuer": issuer.url, "jwks_uri": where}).encode()
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        assert role.refused(issuer.token()) == INVALID


def test_attack_discovery_of_another_issuer(site: Site, main: Account, issuer: Issuer) -> None:
    with trusted(main) as other:
        told = json.dumps({"issuer": issuer.url, "jwks_uri": issuer.url + KEYS}).encode()
        other.answers[DISCOVERY] = 200, {}, told
        role = Role(site, main, trust({"Federated": provider(main, other)}))
        assert role.refused(issuer.signed(other.claims())) == INVALID


def test_attack_weak_key(site: Site, main: Account) -> None:
    with trusted(main) as issuer:
        weak = rsa.generate_private_key(65537, 1024)
        issuer.published = [public_jwk(weak, "weak")]
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        with pytest.warns(match="RSA key is 1024 bits"):
            token = issuer.signed(issuer.claims(), weak, "weak")
        assert role.refused(token) == INVALID


def test_a_provider_that_is_removed_vouches_for_nobody(site: Site, main: Account) -> None:
    with trusted(main) as issuer:
        role = Role(site, main, trust({"Federated": provider(main, issuer)}))
        role.assumed(issuer.token())
        named = {"OpenIDConnectProviderArn": provider(main, issuer)}
        main.iam.remove_client_id_from_open_id_connect_provider(**named, ClientID=CLIENT)
        assert role.refused(issuer.token()) == INVALID
        main.iam.add_client_id_to_open_id_connect_provider(**named, ClientID=CLIENT)
        role.assumed(issuer.token())
        main.iam.delete_open_id_connect_provider(**named)
        assert role.refused(issuer.token()) == INVALID


def test_nothing_else_goes_unsigned(site: Site, issuer: Issuer, role: Role) -> None:
    with pytest.raises(ClientError) as caught:
        role._sts.get_caller_identity()
    assert caught.value.response["Error"]["Code"] == "MissingAuthenticationToken"
    body = urlencode({
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role.arn,
        "RoleSessionName": "s1", "WebIdentityToken": issuer.token(),
    })  # fmt: skip
    assert posted(site, body, *site.root) == 200  # signed, it is the same action
    assert (
        posted(site, body, site.root[0], "wrong") == 403
    )  # a signature that does not hold is not passed over


def posted(site: Site, body: str, access_key: str, secret_key: str) -> int:
    """The status of a request to STS that is signed with those."""
    url = f"http://127.0.0.1:{site.server.api_port}/"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", url, headers=form, data=body)
    SigV4Auth(Credentials(access_key, secret_key), "sts", REGION).add_auth(request)
    try:
        made = urllib.request.Request(url, body.encode(), dict(request.headers))
        with urllib.request.urlopen(made, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_recorded_without_the_token(site: Site, main: Account, issuer: Issuer, role: Role) -> None:
    name = f"recorded-{uuid.uuid4().hex[:8]}"
    good, bad = issuer.token(), issuer.token(aud="another")
    role.assumed(good, name)
    assert role.refused(bad) == INVALID

    def recorded() -> list[Json]:
        lines = [line for file in audit(site) for line in file.read_text().splitlines()]
        records = [json.loads(line) for line in lines if "AssumeRoleWithWebIdentity" in line]
        return records if any(one.get("errorCode") == "InvalidIdentityToken" for one in records[-1:]) else []

    records = until(recorded, "the request is not in the audit trail")
    assert {f"sts:{one['eventName']}" for one in records} == {ASSUME}
    vouched = f"{provider(main, issuer)}:{CLIENT}:{SUBJECT}"
    named = {"type": "WebIdentityUser", "principalId": vouched}
    assert any(one["userIdentity"] == named and "errorCode" not in one for one in records)
    for token in (good, bad):
        for part in token.split(".")[1:]:
            written = [*audit(site), site.server.log]
            assert not [file for file in written if part in file.read_text(errors="replace")]


def audit(site: Site) -> list[Any]:
    return sorted(path for path in (site.server.data_dir / "audit").rglob("*") if path.is_file())

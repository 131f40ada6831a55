"""Issuers of tokens: which URLs are taken, what is read of what they publish, how often they are asked."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from access.openid.fetching import Fetcher, Unusable
from access.openid.issuer_keys import FRESH_SECONDS, PAUSE_SECONDS, IssuerKeys
from access.openid.key_sets import ALGORITHMS, PublicKey, keys_of, keys_url
from access.openid.slots import AT_ONCE, OF_ONE_ACCOUNT, Slot, Slots
from access.openid.tokens import read, verify
from access.openid.urls import discovery_url, is_issuer, may_connect, place_of
from gateway.iam.answers import error_of
from schemas.errors import (
    ConfigurationError,
    InvalidIdentityToken,
    IssuerUnreachable,
    NotImplementedOperation,
)

ISSUER = "https://id.example.com/realm"
ACCOUNT, OTHER = "111111111111", "222222222222"


@pytest.mark.parametrize(
    ("url", "off", "on"),
    [
        ("https://id.example.com", True, True), ("https://id.example.com:8443/a/b/", True, True),
        ("https://10.1.2.3", True, True), ("http://id.example.com", False, False),
        ("http://10.1.2.3", False, False), ("http://127.0.0.1:8080/x", False, True),
        ("https://127.0.0.1", False, True), ("http://[::1]:80", False, True),
        ("http://localhost:1", False, True), ("http://a.localhost", False, True),
        ("http://localhost.example.com", False, False), ("http://127.0.0.1@example.com", False, False),
        ("https://a@example.com", False, False), ("https://example.com/?q", False, False),
        ("https://example.com/#f", False, False), ("https://example.com\\@x", False, False),
        ("https://", False, False), ("https://exa mple.com", False, False), ("HTTPS://x.example", True, True),
        ("https://example.com:99999", False, False), ("https://example.com:0", False, False),
        ("gopher://127.0.0.1", False, False), ("https://exämple.com", False, False),
        ("https://a..example", False, False), (f"https://{'a' * 64}.example", False, False),
        (f"https://{'a' * 63}.example", True, True), ("https://example.com.", False, False),
        ("https://example.com/\r\nHost: x", False, False), ("https://" + "a" * 300, False, False),
    ],
)  # fmt: skip
def test_urls_of_issuers(url: str, off: bool, on: bool) -> None:
    """off, on: the setting oidc_loopback_issuers."""
    assert (is_issuer(url, False), is_issuer(url, True)) == (off, on)


@pytest.mark.parametrize(
    ("address", "https", "http"),
    [
        ("203.0.113.7", True, False), ("10.0.0.1", True, False), ("2001:db8::1", True, False),
        ("fd00::1", True, False), ("127.0.0.1", False, False), ("::1", False, False),
        ("::ffff:127.0.0.1", False, False), ("169.254.169.254", False, False), ("fe80::1%eth0", False, False),
        ("::ffff:169.254.169.254", False, False), ("64:ff9b::a9fe:a9fe", False, False),
        ("0.0.0.0", False, False), ("::", False, False), ("224.0.0.1", False, False), 
        ("ff02::1", False, False),
        ("255.255.255.255", False, False),
    ],
)  # fmt: skip
def test_addresses_that_names_may_lead_to(address: str, https: bool, http: bool) -> None:
    assert may_connect(address, "https", False) is https
    assert may_connect(address, "http", False) is http


def test_loopback_where_the_operator_allows_it() -> None:
    for address in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert may_connect(address, "http", True)
        assert may_connect(address, "https", True)
    assert not may_connect("169.254.169.254", "https", True)
    assert not may_connect("10.0.0.1", "http", True)


def test_places() -> None:
    place = place_of("https://id.example.com:8443/keys?v=2", False)
    assert place == ("https", "id.example.com", 8443, "id.example.com:8443", "/keys?v=2")
    for url in ("https://id.example.com", "https://id.example.com/"):
        assert discovery_url(url) == "https://id.example.com/.well-known/openid-configuration"
        found = place_of(url, False)
        assert found is not None
        assert (found.port, found.target) == (443, "/")


def test_a_name_that_leads_to_this_machine_is_not_connected_to() -> None:
    """As when the owner of a domain points it there after it was taken."""
    with pytest.raises(Unusable, match="leads to no address"):
        asyncio.run(fetched("https://2130706433/keys"))
    with pytest.raises(Unusable, match="is not taken"):
        asyncio.run(fetched("http://127.0.0.1/keys"))


async def fetched(url: str) -> bytes:
    async with Slots().claim(ACCOUNT) as slot:
        return await Fetcher().get(url, slot)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotImplementedOperation) as caught:
        read("a.b.c")
    shape, message = error_of(caught.value)
    assert (shape.code, shape.status) == ("NotImplemented", 501)
    assert message.endswith("it needs the packages of strandline[oidc].")


def test_a_file_of_authorities_that_is_none(tmp_path: Path) -> None:
    for content in (None, "", "no certificate"):
        file = tmp_path / f"ca-{content}"
        if content is not None:
            file.write_text(content)
        with pytest.raises(ConfigurationError, match="oidc_ca"):
            Fetcher(ca=file)


SURROGATE = b"a\xed\xa0\x80"


@pytest.mark.parametrize("text", [SURROGATE, rb"a\ud800", rb"a\udc00"], ids=["bytes", "high", "low"])
@pytest.mark.parametrize(
    "claim",
    [
        b'"sub": "%s"', b'"sub": "s", "amr": ["%s"]', b'"sub": "s", "amr": "%s"',
        b'"sub": "s", "https://aws.amazon.com/tags": {"principal_tags": {"team": ["%s"]}}',
        b'"sub": "s", "https://aws.amazon.com/tags": {"principal_tags": {"%s": ["x"]}}',
    ],
)  # fmt: skip
def test_a_signed_token_of_what_has_no_utf_8_is_malformed(claim: bytes, text: bytes) -> None:
    assert signed_and_read(claim % b"caf\xc3\xa9")["iss"] == ISSUER
    with pytest.raises(InvalidIdentityToken, match="is not a valid JWT"):
        signed_and_read(claim % text)


def signed_and_read(claim: bytes) -> dict[str, Any]:
    """What is taken of a token that a key of the issuer signed, whatever its bytes are."""
    jwt = pytest.importorskip("jwt")
    own, now = generate_private_key(SECP256R1()), int(time.time())
    usual = json.dumps({"iss": ISSUER, "aud": "app", "iat": now, "exp": now + 600}).encode()
    token = jwt.api_jws.encode(usual[:-1] + b", " + claim + b"}", own, "ES256")
    public = jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True)
    return verify(token, read(token), msgspec.convert(public, PublicKey))


# --- what they publish -----------------------------------------------------------------------------------
RSA = {"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}
EC = {"kty": "EC", "kid": "e", "crv": "P-256", "x": "AA", "y": "AA"}


def kids(*keys: Any) -> list[str]:
    return [key.kid for key in keys_of(json.dumps({"keys": keys}).encode())]


def test_keys_of_other_kinds_are_passed_over() -> None:
    assert kids(RSA, EC) == ["r", "e"]
    other = [
        {"kty": "oct", "kid": "o", "k": "AAAA"}, {**RSA, "use": "enc"}, {**RSA, "key_ops": ["sign"]},
        {**EC, "crv": "secp256k1"}, {"kid": "x"}, 7, {**RSA, "kid": 7}, {**RSA, "n": "A" * 2000},
        {**RSA, "e": "A" * 100}, {"kty": "AKP", "kid": "a"},
    ]  # fmt: skip
    assert kids(*other, {**RSA, "use": "sig", "key_ops": ["verify"], "x5c": ["a"]}) == ["r"]


def test_a_key_goes_with_its_own_algorithms_only() -> None:
    rsa, ec = msgspec.convert(RSA, PublicKey), msgspec.convert(EC, PublicKey)
    assert {name for name in ALGORITHMS if rsa.fits(name)} == {
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    }  # fmt: skip
    assert {name for name in ALGORITHMS if ec.fits(name)} == {"ES256"}
    bound = msgspec.convert({**RSA, "alg": "RS512"}, PublicKey)
    assert {name for name in ALGORITHMS if bound.fits(name)} == {"RS512"}
    assert not any(key.fits(name) for key in (rsa, ec) for name in ("none", "HS256", "", "ES256K"))
    assert rsa.jwk() == {"kty": "RSA", "n": "AQAB", "e": "AQAB"}


def test_a_private_key_that_is_published_is_used_as_a_public_one() -> None:
    (key,) = keys_of(json.dumps({"keys": [{**EC, "d": "AA"}]}).encode())
    assert "d" not in key.jwk()


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": 1}', b"\xff", b"[" * 5000, b'{"issuer": 1, "jwks_uri": "x"}']
)
def test_documents_that_are_none(document: bytes) -> None:
    with pytest.raises(Unusable):
        keys_of(document)
    with pytest.raises(Unusable):
        keys_url(document, ISSUER)


def test_a_document_of_another_issuer() -> None:
    for told in (ISSUER, f"{ISSUER}/"):
        document = json.dumps({"issuer": told, "jwks_uri": "https://keys.example.com"}).encode()
        assert keys_url(document, ISSUER) == "https://keys.example.com"
    with pytest.raises(Unusable, match="of the issuer 'https://other"):
        keys_url(b'{"issuer": "https://other.example", "jwks_uri": "https://keys.example.com"}', ISSUER)


# --- how often they are asked ----------------------------------------------------------------------------
class Scripted(Fetcher):
    """Tells what it is told to, and counts the fetches of keys."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[Any] = [RSA]
        self.failure: Exception | None = None
        self.count = 0

    async def get(self, url: str, slot: Slot) -> bytes:
        if url.endswith("openid-configuration"):
            self.count += 1
            await asyncio.sleep(0)
            if self.failure is not None:
                raise self.failure
            return json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.example.com"}).encode()
        return json.dumps({"keys": self.keys}).encode()


class Setting:
    """Keys of the scripted issuer, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.fetcher = Scripted()
        self.issuers = IssuerKeys(self.fetcher, lambda: self.now)

    async def find(self, kid: str = "r", algorithm: str = "RS256") -> str:
        return (await self.issuers.find(ACCOUNT, ISSUER, kid, algorithm)).kid


def test_keys_are_kept_and_asked_for_anew_when_old() -> None:
    async def scene() -> None:
        setting = Setting()
        for _ in range(3):
            assert await setting.find() == "r"
        assert setting.fetcher.count == 1
        setting.now += FRESH_SECONDS
        setting.fetcher.keys = [EC]
        with pytest.raises(InvalidIdentityToken):
            await setting.find()  # the key that was withdrawn
        assert setting.fetcher.count == 2

    asyncio.run(scene())


def test_old_keys_are_not_used_while_the_issuer_is_down() -> None:
    async def scene() -> None:
        setting = Setting()
        await setting.find()
        setting.fetcher.failure = IssuerUnreachable("down")
        setting.now += FRESH_SECONDS - 1
        with pytest.raises(IssuerUnreachable):
            await setting.find("new")
        assert await setting.find() == "r"  # they are good for a second yet
        setting.now += 1 + PAUSE_SECONDS
        with pytest.raises(IssuerUnreachable):
            await setting.find()

    asyncio.run(scene())


def test_an_issuer_is_asked_once_in_a_pause_whatever_is_asked_for() -> None:
    async def scene() -> None:
        setting = Setting()
        wanted = [setting.find(f"unknown-{number}") for number in range(50)]
        found = await asyncio.gather(*wanted, return_exceptions=True)
        assert all(isinstance(one, InvalidIdentityToken) for one in found)
        assert setting.fetcher.count == 1
        setting.now += PAUSE_SECONDS
        setting.fetcher.keys = [RSA, {**RSA, "kid": "unknown-1"}]
        assert await setting.find("unknown-1") == "unknown-1"
        assert setting.fetcher.count == 2

    asyncio.run(scene())


def test_a_client_that_goes_away_does_not_end_the_fetch() -> None:
    async def scene() -> None:
        setting = Setting()
        gone = asyncio.create_task(setting.find())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(setting.find())
        await asyncio.sleep(0)
        gone.cancel()
        assert await waiting == "r"
        assert setting.fetcher.count == 1

    asyncio.run(scene())


def test_without_a_name_there_must_be_no_choice() -> None:
    async def scene() -> None:
        setting = Setting()
        setting.fetcher.keys = [RSA, EC]
        assert await setting.find("") == "r"  # the only one for that algorithm
        setting.now += FRESH_SECONDS
        setting.fetcher.keys = [RSA, {**RSA, "kid": "second"}]
        with pytest.raises(InvalidIdentityToken):
            await setting.find("")

    asyncio.run(scene())


# --- how many at once ------------------------------------------------------------------------------------
class Tarpit(Scripted):
    """Scripted, but issuers in the domain tarpit.example take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held = 0
        self.let_go = asyncio.Event()

    async def get(self, url: str, slot: Slot) -> bytes:
        if ".tarpit.example" in url:
            self.held += 1
            await self.let_go.wait()
            raise IssuerUnreachable("late")
        return await super().get(url, slot)


def test_slow_issuers_of_one_account_hold_up_no_other() -> None:
    async def scene() -> None:
        fetcher = Tarpit()
        issuers = IssuerKeys(fetcher)
        slow = [
            asyncio.create_task(issuers.find(OTHER, f"https://{number}.tarpit.example", "r", "RS256"))
            for number in range(2 * AT_ONCE)
        ]
        await until(lambda: fetcher.held == OF_ONE_ACCOUNT)
        await until(lambda: sum(task.done() for task in slow) == 2 * AT_ONCE - OF_ONE_ACCOUNT)
        with pytest.raises(IssuerUnreachable, match="have yet to answer"):
            await issuers.find(OTHER, ISSUER, "r", "RS256")
        # Nor does the refusal make the issuer that both trust one that was asked just now.
        assert (await issuers.find(ACCOUNT, ISSUER, "r", "RS256")).kid == "r"
        assert (await issuers.find(OTHER, ISSUER, "r", "RS256")).kid == "r"  # it is known
        fetcher.let_go.set()
        found = await asyncio.gather(*slow, return_exceptions=True)
        assert all(isinstance(one, IssuerUnreachable) for one in found)
        with pytest.raises(IssuerUnreachable):
            await issuers.find(OTHER, "https://x.tarpit.example", "r", "RS256")
        assert fetcher.held == OF_ONE_ACCOUNT + 1  # its slots are free again

    asyncio.run(scene())


def test_where_several_accounts_take_all_slots_others_wait_for_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        fetcher = Tarpit()
        issuers = IssuerKeys(fetcher)
        slow = [
            asyncio.create_task(
                issuers.find(str(number % 5), f"https://{number}.tarpit.example", "r", "RS256")
            )
            for number in range(5 * OF_ONE_ACCOUNT)
        ]
        await until(lambda: fetcher.held == AT_ONCE)
        with monkeypatch.context() as patient:
            patient.setattr("access.openid.slots.WAIT_SECONDS", 0.01)
            for number in range(OF_ONE_ACCOUNT + 1):  # who gave up waiting counts no more
                with pytest.raises(IssuerUnreachable, match="could not be reached"):
                    await issuers.find(OTHER, f"https://{number}.example", "r", "RS256")
        waiting = asyncio.create_task(issuers.find(ACCOUNT, ISSUER, "r", "RS256"))
        assert await asyncio.wait([waiting], timeout=0.05) == (set(), {waiting})
        assert fetcher.held == AT_ONCE
        fetcher.let_go.set()
        assert (await waiting).kid == "r"
        await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(scene())


def test_a_slot_is_held_until_the_look_up_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the threads of others are not taken for it."""
    let_go, threads = threading.Event(), []

    def slow(*_arguments: Any, **_options: Any) -> Any:
        threads.append(threading.current_thread().name)
        assert let_go.wait(30)
        raise socket.gaierror("no such name")

    async def scene() -> None:
        issuers = IssuerKeys(Fetcher())
        wanted = [
            issuers.find(OTHER, f"https://{number}.example", "r", "RS256") for number in range(OF_ONE_ACCOUNT)
        ]
        found = await asyncio.gather(*wanted, return_exceptions=True)
        assert all(isinstance(one, IssuerUnreachable) for one in found)
        for _ in range(3):
            with pytest.raises(IssuerUnreachable, match="have yet to answer"):
                await issuers.find(OTHER, "https://x.example", "r", "RS256")
        assert len(threads) == OF_ONE_ACCOUNT
        let_go.set()

        async def is_asked() -> bool:
            with pytest.raises(IssuerUnreachable):
                await issuers.find(OTHER, "https://x.example", "r", "RS256")
            return len(threads) > OF_ONE_ACCOUNT

        await until(is_asked)
        assert all(name.startswith("issuer-look-up") for name in threads)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr("access.openid.fetching.SECONDS", 0.05)
    try:
        asyncio.run(scene())
    finally:
        let_go.set()


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    for _ in range(2000):
        found = holds()
        if await found if isinstance(found, Awaitable) else found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never holds")

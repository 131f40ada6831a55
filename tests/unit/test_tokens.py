"""Bearer tokens: made offline, refused when changed, expired or foreign."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.identity import Credential, Principal
from access.session_tokens import not_a_token
from access.tokens import DEFAULT_LIFETIME, MAX_LIFETIME, TokenVerifier, issue_token
from schemas.errors import ConfigurationError, InvalidToken

NOW = 1_700_000_000
ROOT = Credential("operator", "a secret of some length", Principal("a" * 64, "root", "operator"))


class OneIdentity:
    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def credential(self, access_key: str) -> Credential | None:
        return self._credential if access_key == self._credential.access_key else None

    def session(self, access_key: str, token: str) -> Credential | None:
        raise not_a_token(token)


def verifier(now: float = NOW, credential: Credential = ROOT) -> TokenVerifier:
    return TokenVerifier(OneIdentity(credential), clock=lambda: now)


def test_a_token_acts_as_its_principal() -> None:
    token = issue_token(ROOT, NOW)
    assert verifier().verify(token) == Principal("a" * 64, "root", "")
    assert token.isascii()
    assert len(token) < 300


def test_a_token_expires() -> None:
    token = issue_token(ROOT, NOW)
    assert verifier(NOW + DEFAULT_LIFETIME - 1).verify(token).id == ROOT.principal.id
    with pytest.raises(InvalidToken, match="expired"):
        verifier(NOW + DEFAULT_LIFETIME).verify(token)
    with pytest.raises(InvalidToken, match="not valid yet"):
        verifier(NOW - 61).verify(token)


@pytest.mark.parametrize("lifetime", [0, -1, MAX_LIFETIME + 1])
def test_lifetimes_that_are_refused(lifetime: int) -> None:
    with pytest.raises(ConfigurationError, match="604800"):
        issue_token(ROOT, NOW, lifetime)
    assert verifier().verify(issue_token(ROOT, NOW, MAX_LIFETIME))


@given(st.integers(0, 400), st.sampled_from("abcdefABCDEF0123456789-_.=+/ é"))
def test_any_change_is_refused(position: int, other: str) -> None:
    token = issue_token(ROOT, NOW)
    position %= len(token)
    changed = token[:position] + other + token[position + 1 :]
    if changed != token:
        with pytest.raises(InvalidToken):
            verifier().verify(changed)


@given(st.text(max_size=100))
def test_no_text_breaks_the_verifier(text: str) -> None:
    for token in (text, f"slt1.{text}", f"slt1.{text}.{text}"):
        with pytest.raises(InvalidToken):
            verifier().verify(token)


def test_a_token_dies_with_its_secret_or_key_or_owner() -> None:
    token = issue_token(ROOT, NOW)
    for other in (
        ROOT._replace(secret_key="another secret"),
        ROOT._replace(access_key="somebody"),
        ROOT._replace(principal=Principal("b" * 64, "root")),
    ):
        with pytest.raises(InvalidToken):
            verifier(credential=other).verify(token)


def test_padding_and_other_spellings_are_refused() -> None:
    token = issue_token(ROOT, NOW)
    for wrong in (
        token + "=",
        token + ".",
        "slt2" + token[4:],
        token.replace(".", "..", 1),
        token + "\n",
        "",
    ):
        with pytest.raises(InvalidToken):
            verifier().verify(wrong)
    with pytest.raises(InvalidToken):
        verifier().verify("slt1." + "A" * 100_000)


def test_claims_say_what_the_documentation_says() -> None:
    claims = issue_token(ROOT, NOW + 0.5, 60).split(".")[1]
    content = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert content == {"key": "operator", "sub": "a" * 64, "iat": NOW, "exp": NOW + 60}

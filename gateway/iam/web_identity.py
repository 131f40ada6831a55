"""Web identities: whom a token of an OpenID Connect provider is of, as the rest of IAM knows them.

Source: AWS STS API Reference, AssumeRoleWithWebIdentity; IAM User Guide, "Available keys for AWS web identity
federation", "Passing session tags using AssumeRoleWithWebIdentity".
"""

import re
from typing import Any

import msgspec

from gateway.iam.parameters import check_tags
from schemas.errors import IdentityClaimRejected, InvalidIdentityToken, InvalidInput
from schemas.identities import Provider

ASSUME = "AssumeRoleWithWebIdentity"
TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
SUBJECT_LIMIT = 255
VALUES_LIMIT = 100  # of audiences, and of methods of authentication

_is_source_identity = re.compile(r"(?!aws:)[\w+=,.@-]{2,64}", re.ASCII | re.I).fullmatch


class WebIdentity(msgspec.Struct, frozen=True):
    """Whom a token is of, once it has been checked.

    provider  ARN of the provider that vouches for it
    issuer    the token's iss
    audience  the client id that the token was made for
    keys      condition keys, by name in lower case
    tags, transitive, source_identity  what the token wants the session to say
    """

    provider: str
    issuer: str
    subject: str
    audience: str
    keys: dict[str, tuple[str, ...]] = {}
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""

    @property
    def id(self) -> str:
        """As records of requests name it, and CloudTrail does."""
        return f"{self.provider}:{self.audience}:{self.subject}"

    @property
    def actions(self) -> tuple[str, ...]:
        """What the role's trust policy must allow."""
        tagging = ("sts:TagSession",) if self.tags else ()
        naming = ("sts:SetSourceIdentity",) if self.source_identity else ()
        return (f"sts:{ASSUME}", *tagging, *naming)


class _SessionTags(msgspec.Struct):
    """The claim of that name; each tag has one value, which comes in a list."""

    principal_tags: dict[str, str | list[str]] = {}
    transitive_tag_keys: list[str] = []


class _Said(msgspec.Struct):
    """The claims that count. azp: for whom the token was made, where aud is whom it is to be shown to."""

    iss: str
    sub: str
    aud: str | list[str]
    azp: str = ""
    amr: str | list[str] = []
    tags: _SessionTags = msgspec.field(name=TAGS, default_factory=_SessionTags)
    source_identity: str = msgspec.field(name=SOURCE_IDENTITY, default="")


def web_identity(claims: dict[str, Any], provider: Provider, arn: str) -> WebIdentity:
    """Of the claims of a token that is genuine. Raises InvalidIdentityToken, IdentityClaimRejected."""
    try:
        said = msgspec.convert(claims, _Said)
    except msgspec.ValidationError as error:
        raise IdentityClaimRejected(f"A claim of the token is not as it should be: {error}") from None
    if not 1 <= len(said.sub) <= SUBJECT_LIMIT:
        raise IdentityClaimRejected(f"The claim sub must have 1 to {SUBJECT_LIMIT} characters")
    if said.source_identity and not _is_source_identity(said.source_identity):
        raise IdentityClaimRejected(f"{SOURCE_IDENTITY} must have 2 to 64 characters of [\\w+=,.@-]")
    audience = _audience(said, provider)
    tags, transitive = _session_tags(said.tags)
    return WebIdentity(
        arn, said.iss, said.sub, audience, _keys(said, provider.name.lower(), audience), tags, transitive,
        said.source_identity,
    )  # fmt: skip


def _audience(said: _Said, provider: Provider) -> str:
    """The client id that the token is for: azp, or if there is none one of aud."""
    named = [said.azp] if said.azp else _many(said.aud)
    found = next((one for one in named if one in provider.client_ids), None)
    if found is None:
        raise InvalidIdentityToken("Incorrect token audience")
    return found


def _keys(said: _Said, name: str, audience: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {f"{name}:aud": (audience,), f"{name}:sub": (said.sub,)}
    if said.azp:
        found[f"{name}:oaud"] = _many(said.aud)
    if said.amr:
        found[f"{name}:amr"] = _many(said.amr)
    return found


def _session_tags(said: _SessionTags) -> tuple[dict[str, str], tuple[str, ...]]:
    pairs = []
    for name, value in said.principal_tags.items():
        if isinstance(value, list) and len(value) != 1:
            raise IdentityClaimRejected(f"The tag {name!r} of the token must have one value")
        pairs.append((name, value if isinstance(value, str) else value[0]))
    try:
        tags = check_tags(pairs)
    except InvalidInput as error:
        raise IdentityClaimRejected(error.message) from None
    unknown = set(said.transitive_tag_keys) - tags.keys()
    if unknown:
        raise IdentityClaimRejected(f"The transitive tags {sorted(unknown)} are not among the token's tags")
    return tags, tuple(dict.fromkeys(said.transitive_tag_keys))


def _many(value: str | list[str]) -> tuple[str, ...]:
    """Raises IdentityClaimRejected for more values than anybody means."""
    many = (value,) if isinstance(value, str) else tuple(value)
    if len(many) > VALUES_LIMIT:
        raise IdentityClaimRejected(f"{len(many)} values of a claim; at most {VALUES_LIMIT} are read")
    return many

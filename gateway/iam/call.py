"""What an action works on: who asks, what for, and the identities as they are now."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from access.account_identities import AccountIdentities
from access.directory import Directory
from access.identity import Principal
from gateway.iam.parameters import Parameters
from gateway.iam.web_identity import WebIdentity
from gateway.request import Services
from schemas.configurations.documents import encode_document
from schemas.configurations.kinds import Kind
from schemas.errors import AccessDenied, DeleteConflict, NoSuchEntity
from schemas.events import IdentityChange
from schemas.identities import AS_WRITTEN, Group, Role, User, row_name

Result = dict[str, Any]  # names as AWS's; lists are lists of members
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PAGE, PAGE_LIMIT = 100, 1000
OTHER_ACCOUNT = "AccountId"


class Changes(NamedTuple):
    """What an action wants changed, and its answer once that is so.

    concerned  accounts whose state it has relied on, beside those of the changes
    """

    changes: tuple[IdentityChange, ...]
    result: Result
    concerned: tuple[str, ...] = ()


class Configuring(NamedTuple):
    """A configuration of a bucket that an action sets, None to remove it; and its answer once that is so."""

    bucket: str
    kind: Kind[Any]
    document: msgspec.Struct | None
    result: Result


class Reading(NamedTuple):
    """What an action has to read in the store before it can answer."""

    read: Callable[[Services], Awaitable[Result]]


class Via(NamedTuple):
    """How a request came.

    source  the client's address
    agent   what the client calls itself
    """

    source: str = ""
    scheme: str = "http"
    agent: str = ""


DIRECTLY = Via()  # by the operator's command, on the data folder itself


@dataclass(frozen=True, slots=True)
class Call:
    """One call. now: Unix seconds; number: of the account that it is about, nearly always the caller's.

    identity  of AssumeRoleWithWebIdentity: whom the token is of, once it has been checked
    loopback  whether issuers of tokens may be on this machine
    """

    action: str
    parameters: Parameters
    principal: Principal
    directory: Directory
    now: int
    via: Via = DIRECTLY
    identity: WebIdentity | None = None
    loopback: bool = False

    @property
    def number(self) -> str:
        """Raises AccessDenied where somebody else than the operator names an account, NoSuchEntity."""
        named = self.parameters.get(OTHER_ACCOUNT)
        if not named:
            return self.principal.account
        self.require_operator()
        if self.directory.account(named) is None:
            raise NoSuchEntity(f"There is no account {named}.")
        return named

    @property
    def held(self) -> AccountIdentities:
        return self.directory.in_account(self.number)

    def require_operator(self) -> None:
        """Raises AccessDenied unless the root of the store's operator asks."""
        if self.principal.kind != "account" or self.principal.id != self.directory.root.principal.id:
            raise AccessDenied(
                f"User: {self.principal.arn} is not authorized to perform: iam:{self.action}: that is for "
                "the root of the operator's account"
            )

    def set(self, kind: str, name: str, document: msgspec.Struct | None, number: str = "") -> IdentityChange:
        """The change that gives an identity that document; None removes it."""
        stored = None if document is None else encode_document(document)
        row = name if kind in AS_WRITTEN else row_name(name)
        return IdentityChange(number or self.number, kind, row, stored)

    def page(
        self, name: str, items: Iterable[Any], key: Callable[[Any], str], show: Callable[[Any], Any]
    ) -> Result:
        """A page of a list, which is in the order of `key`."""
        after = self.parameters.get("Marker")
        size = self.parameters.number("MaxItems", PAGE, 1, PAGE_LIMIT)
        found = [one for one in items if not after or key(one) > after][: size + 1]
        result: Result = {"IsTruncated": len(found) > size, name: [show(one) for one in found[:size]]}
        if len(found) > size:
            result["Marker"] = key(found[size - 1])
        return result


def new_id(prefix: str, digits: int) -> str:
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(digits))


def moment(seconds: int) -> str:
    """As AWS writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tag_list(tags: dict[str, str]) -> list[Result]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def check_no_policies(identity: User | Group | Role) -> None:
    """Raises DeleteConflict while policies are attached to it, or stand in it."""
    if identity.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if identity.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")

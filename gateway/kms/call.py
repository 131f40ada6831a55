"""What an action of the KMS works on: who asks, and the KMS as its account sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from access.evaluation.decide import Decision
from access.evaluation.policy import Policy
from access.identity import Principal
from access.kms import S3_ALIAS, Kms
from access.kms_grants import of_token
from access.kms_keys import KmsGrant, KmsKey
from gateway.kms_permission import Asked, Through, check_kms, check_kms_account, decide_kms
from gateway.request import Services
from schemas.errors import AccessDenied, KmsValidation

PAGE, PAGE_LIMIT = 100, 1000
TOKENS_LIMIT = 10
Answer = dict[str, Any]
T = TypeVar("T")


class Input(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The parameters of an action. What it does not know is refused, never passed over."""


class KeyInput(Input, frozen=True):
    key_id: str


class TokenInput(Input, frozen=True, kw_only=True):
    """Grant tokens name grants that are to count although they were made just now: here all do at once."""

    grant_tokens: tuple[str, ...] = ()


class PageInput(Input, frozen=True):
    limit: int = PAGE
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action."""

    action: str
    principal: Principal
    services: Services
    through: Through

    @property
    def kms(self) -> Kms:
        return self.services.kms.kms(self.principal.account)

    def key(
        self, name: str, context: Mapping[str, str] = {}, action: str = "",
        asked: Mapping[str, tuple[str, ...]] = {}, grant: KmsGrant | None = None,
    ) -> KmsKey:  # fmt: skip
        """The key that is named, if the caller may do this with it, or the action given. asked: further
        condition keys; grant: the one to be made. Raises KmsNotFound, AccessDenied."""
        key = self._find(name)
        if "alias/" in name:
            asked = {**asked, "kms:requestalias": (name[name.index("alias/") :],)}
        self.check(key, context, action, asked, grant)
        return key

    def _find(self, name: str) -> KmsKey:
        return self.kms.key_of_s3() if name == S3_ALIAS else self.kms.find(name)

    def check(
        self, key: KmsKey, context: Mapping[str, str] = {}, action: str = "",
        asked: Mapping[str, tuple[str, ...]] = {}, grant: KmsGrant | None = None,
    ) -> None:  # fmt: skip
        """Raises AccessDenied."""
        question = Asked(action or self.action, context, asked, grant)
        check_kms(self.services, self.principal, question, self.kms.arn(key), self.through)

    def check_tokens(self, tokens: Sequence[str]) -> None:
        """Whether there are the grants that they name. Raises KmsInvalidGrantToken, KmsValidation."""
        if len(tokens) > TOKENS_LIMIT:
            raise KmsValidation(f"GrantTokens has {len(tokens)}; at most {TOKENS_LIMIT} are allowed.")
        for token in tokens:
            of_token(self.kms.keys, token)

    def decide(self, key: KmsKey, action: str, policy: Policy) -> Decision:
        """Whether the caller could do that with the key if it had that policy."""
        return decide_kms(self.services, self.principal, Asked(action), key, self.through, policy)

    def check_account(
        self, resource: str = "*", action: str = "", asked: Mapping[str, tuple[str, ...]] = {}
    ) -> None:
        """Whether the caller may do this, or the action given, without a key or with an alias.
        Raises AccessDenied."""
        question = Asked(action or self.action, keys=asked)
        check_kms_account(self.services, self.principal, question, self.through, resource)

    def own_key(self, name: str, asked: Mapping[str, tuple[str, ...]] = {}) -> KmsKey:
        """As `key`, to change it: keys that services made for an account stay as they are.
        Raises AccessDenied for those too."""
        key = self._find(name)
        if key.manager != "CUSTOMER" and key.account == self.principal.account:
            raise AccessDenied(f"{self.kms.arn(key)} is managed by the store: it cannot be changed")
        return self.key(name, asked=asked)


def page(
    items: Sequence[T], asked: PageInput, name: str, key: Callable[[T], str], show: Callable[[T], Any]
) -> Answer:
    """A page of a list that is in the order of `key`. Raises KmsValidation."""
    if not 1 <= asked.limit <= PAGE_LIMIT:
        raise KmsValidation(f"Limit is {asked.limit}; it is between 1 and {PAGE_LIMIT}.")
    left = [item for item in items if key(item) > asked.marker]
    shown = left[: asked.limit]
    answer: Answer = {name: [show(item) for item in shown], "Truncated": len(left) > len(shown)}
    if len(left) > len(shown):
        answer["NextMarker"] = key(shown[-1])
    return answer


class Action(NamedTuple):
    """What the port calls. changes: it writes keys; of_account: it is about no key, so the port asks."""

    input: type[Input]
    do: Callable[[Call, Any], Answer]
    changes: bool = False
    of_account: bool = False

"""What an action of the KMS works on: who asks, and the KMS as its account sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from access.identity import Principal
from access.kms import S3_ALIAS, Kms
from access.kms_envelope import KmsEnvelope
from access.kms_keys import KmsKey
from gateway.kms_permission import check_kms
from schemas.errors import AccessDenied, KmsValidation

PAGE, PAGE_LIMIT = 100, 1000
Answer = dict[str, Any]
T = TypeVar("T")


class Input(msgspec.Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """The parameters of an action. What it does not know is refused, never passed over."""


class KeyInput(Input, frozen=True):
    key_id: str


class PageInput(Input, frozen=True):
    limit: int = PAGE
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an action."""

    action: str
    principal: Principal
    envelope: KmsEnvelope

    @property
    def kms(self) -> Kms:
        return self.envelope.kms(self.principal.account)

    def key(self, name: str) -> KmsKey:
        """The key that is named, if the caller may do this with it. Raises KmsNotFound, AccessDenied."""
        key = self.kms.key_of_s3() if name == S3_ALIAS else self.kms.find(name)
        self.check(key)
        return key

    def check(self, key: KmsKey) -> None:
        """Raises AccessDenied."""
        check_kms(self.principal, self.action, self.kms.arn(key), key.account)

    def own_key(self, name: str) -> KmsKey:
        """As `key`, to change it: keys that services made for an account stay as they are.
        Raises AccessDenied for those too."""
        key = self.key(name)
        if key.manager != "CUSTOMER":
            raise AccessDenied(f"{self.kms.arn(key)} is managed by the store: it cannot be changed")
        return key


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
    """What the port calls. `changes`: it writes keys, and is for the root of the account."""

    input: type[Input]
    do: Callable[[Call, Any], Answer]
    changes: bool = False

"""What there is in one account, and what is held of its principals."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from access.arns import same
from schemas.identities import (
    ACCESS_KEY,
    ACCOUNT,
    AS_WRITTEN,
    GROUP,
    POLICY,
    PROVIDER,
    ROLE,
    TYPES,
    USER,
    AccessKey,
    Account,
    Group,
    Policy,
    Provider,
    Role,
    User,
    row_name,
)

NOTHING_ALLOWED = '{"Version":"2012-10-17","Statement":[]}'


class PolicyText(NamedTuple):
    """A policy document. (id, seq) names its text for ever, so what was made of it can be kept under that.

    id   arn of a managed policy, or <unique id of user, group or role>/<name>, or session/<digest>
    seq  the event that set it last; 0 for those that never change
    """

    id: str
    seq: int
    text: str


class Rights(NamedTuple):
    """What is held of a principal, for `access.evaluation` to decide on.

    The same object is given for a principal until something of its account changes.

    identity  its own inline policies, those attached, and those of its groups
    boundary  what it may do at most; None: not limited so
    session   of a session with session policies: what that may do at most; None: not limited so
    tags      aws:PrincipalTag; a session's go before those of user or role
    """

    identity: tuple[PolicyText, ...] = ()
    boundary: PolicyText | None = None
    session: tuple[PolicyText, ...] | None = None
    tags: Mapping[str, str] = {}


NO_RIGHTS = Rights()


class Entry(NamedTuple):
    """An identity and the event that set it."""

    seq: int
    document: Any


class AccountIdentities:
    """What there is in one account. Every dictionary is by the names of rows."""

    __slots__ = ("number", "rights", "seq", "tables")

    def __init__(self, number: str) -> None:
        self.number = number
        self.seq = 0  # of the last change in the account
        self.tables: dict[str, dict[str, Entry]] = {kind: {} for kind in TYPES}
        self.rights: dict[str, Rights] = {}

    def get(self, kind: str, name: str) -> Any:
        """The document of that name (as anybody writes it), or None."""
        entry = self.tables[kind].get(name if kind in AS_WRITTEN else row_name(name))
        return None if entry is None else entry.document

    def all(self, kind: str) -> Iterator[Any]:
        """The documents of a kind in order of their names."""
        table = self.tables[kind]
        return (table[name].document for name in sorted(table))

    @property
    def account(self) -> Account | None:
        return self.get(ACCOUNT, "")  # type: ignore[no-any-return]

    def user(self, name: str) -> User | None:
        return self.get(USER, name)  # type: ignore[no-any-return]

    def group(self, name: str) -> Group | None:
        return self.get(GROUP, name)  # type: ignore[no-any-return]

    def role(self, name: str) -> Role | None:
        return self.get(ROLE, name)  # type: ignore[no-any-return]

    def policy(self, name: str) -> Policy | None:
        return self.get(POLICY, name)  # type: ignore[no-any-return]

    def provider(self, name: str) -> Provider | None:
        return self.get(PROVIDER, name)  # type: ignore[no-any-return]

    def access_key(self, access_key: str) -> AccessKey | None:
        return self.get(ACCESS_KEY, access_key)  # type: ignore[no-any-return]

    def keys_of(self, user: str) -> list[tuple[str, AccessKey]]:
        """The access keys of a user (ROOT: of the account), with their ids, oldest first."""
        table = self.tables[ACCESS_KEY]
        owned = [(name, entry.document) for name, entry in table.items() if same(entry.document.user, user)]
        return sorted(owned, key=lambda one: (one[1].created_at, one[0]))

    def members(self, group: str) -> list[User]:
        """The users in a group, by name."""
        return [user for user in self.all(USER) if any(same(name, group) for name in user.groups)]

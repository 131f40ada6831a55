"""Identities: the documents of accounts, users, groups, roles, access keys, policies, identity providers.

Each is the document of a row (schemas.rows.Identity), JSON as of `schemas.configurations.documents`: fields
may be added with defaults, and none is ever changed. Names are told apart without regard to case, as in IAM,
so rows are named by `row_name`. Times are Unix seconds. Policies are JSON text as the client sent it.
"""

from typing import Literal

import msgspec

from schemas.configurations.public_access_block import PublicAccessBlockConfiguration
from schemas.limits import Limits

# Kinds of rows.
ACCOUNT, USER, GROUP, ROLE = "account", "user", "group", "role"
ACCESS_KEY, POLICY, PROVIDER = "key", "policy", "oidc-provider"
KEY_USE = "key-use"  # of an access key, whose id is the row's name
BLOCK = "public-access-block"  # of the account, under the name ""
LIMITS = "limits"  # of an access key, whose id is the row's name; of the account under the name ""

STORE = ""  # the account of what belongs to no account: that there are accounts, and which
ROOT = ""  # as the owner of an access key: the account itself


def row_name(name: str) -> str:
    """The name of the row of what is called so."""
    return name.lower()


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account.

    canonical_id  64 hex digits: what owns its buckets and objects, what ACLs name
    disabled      nobody of it may do anything
    alias         a name in its own right, "" for none
    """

    canonical_id: str
    name: str
    email: str
    created_at: int
    disabled: bool = False
    alias: str = ""


class AccessKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """An access key; the row's name is the key's id.

    user     whose it is; ROOT: the account's own
    secret   sealed under the key ring (access.secrets)
    """

    user: str
    secret: bytes
    created_at: int
    active: bool = True


class KeyUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """When an access key was used last, as far as it was told: for which service, in which region."""

    used_at: int
    service: str
    region: str


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user. groups: by name, as they are called; attached: ARNs of managed policies; inline: by name."""

    name: str
    unique_id: str
    created_at: int
    path: str = "/"
    groups: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}
    boundary: str = ""
    tags: dict[str, str] = {}


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """A group; who is in it, the users tell."""

    name: str
    unique_id: str
    created_at: int
    path: str = "/"
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """A role. trust: the policy that says who may assume it; max_seconds: how long a session may last."""

    name: str
    unique_id: str
    created_at: int
    trust: str
    path: str = "/"
    description: str = ""
    max_seconds: int = 3600
    attached: tuple[str, ...] = ()
    inline: dict[str, str] = {}
    boundary: str = ""
    tags: dict[str, str] = {}


class PolicyVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a managed policy, "v" and its number."""

    number: int
    document: str
    created_at: int


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """A managed policy. default: the number of the version in force; next_number: of the one to come."""

    name: str
    unique_id: str
    created_at: int
    updated_at: int
    versions: tuple[PolicyVersion, ...]
    default: int = 1
    next_number: int = 2
    path: str = "/"
    description: str = ""
    tags: dict[str, str] = {}

    @property
    def document(self) -> str:
        """The text in force."""
        return next(version.document for version in self.versions if version.number == self.default)


class Provider(msgspec.Struct, frozen=True, omit_defaults=True):
    """An OpenID Connect provider; url: of its issuer, as tokens name it."""

    url: str
    created_at: int
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    tags: dict[str, str] = {}

    @property
    def name(self) -> str:
        """As ARNs and condition keys name it: the URL without its scheme."""
        return self.url.partition("://")[2]


Document = (
    Account
    | AccessKey
    | User
    | Group
    | Role
    | Policy
    | Provider
    | Limits
    | KeyUse
    | PublicAccessBlockConfiguration
)
Kind = Literal[
    "account",
    "key",
    "user",
    "group",
    "role",
    "policy",
    "oidc-provider",
    "limits",
    "key-use",
    "public-access-block",
]

TYPES: dict[str, type[msgspec.Struct]] = {
    ACCOUNT: Account,
    ACCESS_KEY: AccessKey,
    USER: User,
    GROUP: Group,
    ROLE: Role,
    POLICY: Policy,
    PROVIDER: Provider,
    LIMITS: Limits,
    KEY_USE: KeyUse,
    BLOCK: PublicAccessBlockConfiguration,
}
AS_WRITTEN = frozenset({ACCOUNT, ACCESS_KEY, LIMITS, KEY_USE})  # kinds whose rows' names are no `row_name`

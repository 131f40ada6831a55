"""Who may call: principals and the credentials they sign with."""

from typing import Literal, NamedTuple, Protocol

import msgspec

# anonymous: nobody signed; account: the root of an account; user, role: of IAM, a role by its session
PrincipalKind = Literal["anonymous", "account", "user", "role"]


class Session(msgspec.Struct, frozen=True):
    """What a temporary credential says beside whose it is. Times in Unix seconds.

    policies    session policies as JSON text: what the session may do is also allowed by one of these
    policy_arns managed policies for the same
    limited     whether there are any of the two; without, they do not count
    tags        session tags; they go before the tags of user or role
    provider    who vouched for a web identity, and `keys`: the condition keys that its token gave
    parent      the access key that asked for it, "" where none did
    """

    access_key: str
    issued_at: int
    expires_at: int
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""
    provider: str = ""
    keys: dict[str, tuple[str, ...]] = {}
    parent: str = ""

    @property
    def limited(self) -> bool:
        return bool(self.policies or self.policy_arns)


class Principal(NamedTuple):
    """The caller.

    id          the canonical user id of its account (64 hex digits, as AWS's): what owns what it makes,
                what ACLs name; "" for an anonymous caller
    access_key  what signed this request ("" for a bearer token)
    account     the account's number, 12 digits
    arn         arn:aws:iam::<account>:root, …:user/<path><name>, or for a session of a role
                arn:aws:sts::<account>:assumed-role/<role>/<session>
    unique_id   what policies know as aws:userid: the account's number, AIDA… of a user, AROA…:session
    name        the user's name, or the session's
    session     of a temporary credential: what it brings
    """

    id: str
    display_name: str
    access_key: str = ""
    kind: PrincipalKind = "account"
    account: str = ""
    arn: str = ""
    unique_id: str = ""
    name: str = ""
    session: Session | None = None


ANONYMOUS = Principal("", "", kind="anonymous")


class Credential(NamedTuple):
    """An access key, its secret and whose it is."""

    access_key: str
    secret_key: str
    principal: Principal


class Identities(Protocol):
    """Looks up access keys."""

    def credential(self, access_key: str) -> Credential | None:
        """The access key of an account or a user, if it is in use; None for all others."""

    def session(self, access_key: str, token: str) -> Credential | None:
        """The temporary credential of that token; None when whose it was may do nothing any more. Raises
        InvalidToken for one that is not that access key's, ExpiredToken."""

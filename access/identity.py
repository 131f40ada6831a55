"""Who may call: principals and the credentials they sign with."""

from typing import Literal, NamedTuple, Protocol

# anonymous: nobody signed; account: the root of an account; user, role: of IAM, a role by its session
PrincipalKind = Literal["anonymous", "account", "user", "role"]


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
    """

    id: str
    display_name: str
    access_key: str = ""
    kind: PrincipalKind = "account"
    account: str = ""
    arn: str = ""
    unique_id: str = ""
    name: str = ""


ANONYMOUS = Principal("", "", kind="anonymous")


class Credential(NamedTuple):
    """An access key, its secret and whose it is."""

    access_key: str
    secret_key: str
    principal: Principal


class Identities(Protocol):
    """Looks up access keys."""

    def credential(self, access_key: str) -> Credential | None: ...

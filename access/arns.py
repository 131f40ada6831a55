"""ARNs of accounts, users, groups, roles, policies and providers, and the principals that have them."""

from access.identity import Principal
from schemas.identities import Account, Group, Policy, Provider, Role, User, row_name


def account_principal(number: str, account: Account) -> Principal:
    """The root of an account."""
    arn = f"arn:aws:iam::{number}:root"
    return Principal(account.canonical_id, account.name, "", "account", number, arn, number)


def user_principal(number: str, account: Account, user: User) -> Principal:
    """A user of an account."""
    return Principal(
        account.canonical_id,
        account.name,
        "",
        "user",
        number,
        user_arn(number, user),
        user.unique_id,
        user.name,
    )


def role_principal(number: str, account: Account, role: Role, session: str) -> Principal:
    """A session of a role."""
    arn = f"arn:aws:sts::{number}:assumed-role/{role.name}/{session}"
    unique_id = f"{role.unique_id}:{session}"
    return Principal(account.canonical_id, account.name, "", "role", number, arn, unique_id, session)


def user_arn(number: str, user: User) -> str:
    return f"arn:aws:iam::{number}:user{user.path}{user.name}"


def group_arn(number: str, group: Group) -> str:
    return f"arn:aws:iam::{number}:group{group.path}{group.name}"


def role_arn(number: str, role: Role) -> str:
    return f"arn:aws:iam::{number}:role{role.path}{role.name}"


def policy_arn(number: str, policy: Policy) -> str:
    return f"arn:aws:iam::{number}:policy{policy.path}{policy.name}"


def provider_arn(number: str, provider: Provider) -> str:
    return f"arn:aws:iam::{number}:oidc-provider/{provider.name}"


def same(one: str, other: str) -> bool:
    """Whether both are the same name: case does not matter."""
    return row_name(one) == row_name(other)

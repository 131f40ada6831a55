"""What an action is about, as policies name it: the ARN, and what conditions may ask of it.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
Management (IAM)".
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from access.account_identities import NOTHING_ALLOWED, PolicyText
from access.arns import group_arn, policy_arn, provider_arn, role_arn, user_arn
from gateway.iam.call import Call
from gateway.iam.identity_arns import identity_at
from schemas.identities import ROLE, Account, Group, Role, User, row_name

ANY = "*"
TRUST = "trust/"  # how names of the policies begin that say who may assume a role
TRUSTS_NOBODY = PolicyText(f"{TRUST}nobody", 0, NOTHING_ALLOWED)


class Subject(NamedTuple):
    """What is asked for.

    account   the number of the account that it belongs to
    tags      its own
    boundary  the permissions boundary that it has, or is to have
    trust     of a role that is to be assumed: the policy that says by whom
    """

    arn: str
    account: str
    tags: Mapping[str, str] = {}
    boundary: str = ""
    trust: PolicyText | None = None


Subjects = Callable[[Call], Subject]


class Assumed(NamedTuple):
    """A role that is to be assumed, and where. seq: of the event that set it last."""

    number: str
    account: Account
    role: Role
    seq: int


def anything(call: Call) -> Subject:
    """Of actions that are about nothing in particular."""
    return Subject(ANY, call.number)


def listed(kind: str) -> Subjects:
    """Of actions that list what there is of a kind, below a path."""

    def subject(call: Call) -> Subject:
        path = call.parameters.get("PathPrefix") or "/"
        return Subject(f"arn:aws:iam::{call.number}:{kind}{path}", call.number)

    return subject


def listed_policies(call: Call) -> Subject:
    """AWS names no ARN there, but these words."""
    return Subject(f"policy path {call.parameters.get('PathPrefix') or '/'}", call.number)


def new(kind: str, name: str) -> Subjects:
    """Of actions that make one of that kind, which the parameter of that name names."""

    def subject(call: Call) -> Subject:
        path = call.parameters.get("Path") or "/"
        arn = f"arn:aws:iam::{call.number}:{kind}{path}{call.parameters.get(name)}"
        return Subject(arn, call.number, boundary=call.parameters.get("PermissionsBoundary"))

    return subject


def user(call: Call) -> Subject:
    """The user that is named, else the caller."""
    principal = call.principal
    name = call.parameters.get("UserName") or (principal.name if principal.kind == "user" else "")
    found = call.held.user(name)
    if found is None:
        return Subject(f"arn:aws:iam::{call.number}:user/{name}", call.number)
    return Subject(user_arn(call.number, found), call.number, found.tags, found.boundary)


def user_of_key(call: Call) -> Subject:
    """The user whose access key is named; the account's root where it is nobody's."""
    owner = call.directory.owner_of(call.parameters.get("AccessKeyId"))
    found = call.held.user(owner[1]) if owner is not None and owner[0] == call.number else None
    if found is None:
        return Subject(f"arn:aws:iam::{call.number}:root", call.number)
    return Subject(user_arn(call.number, found), call.number, found.tags, found.boundary)


def group(call: Call) -> Subject:
    name = call.parameters.get("GroupName")
    found = call.held.group(name)
    arn = f"arn:aws:iam::{call.number}:group/{name}" if found is None else group_arn(call.number, found)
    return Subject(arn, call.number)


def role(call: Call) -> Subject:
    name = call.parameters.get("RoleName")
    found = call.held.role(name)
    if found is None:
        return Subject(f"arn:aws:iam::{call.number}:role/{name}", call.number)
    return Subject(role_arn(call.number, found), call.number, found.tags, found.boundary)


def policy(call: Call) -> Subject:
    """A managed policy; actions go by its whole ARN, too."""
    arn = call.parameters.get("PolicyArn")
    found = call.held.policy(arn.rpartition("/")[2])
    here = found is not None and policy_arn(call.number, found) == arn
    return Subject(arn, call.number, found.tags if found is not None and here else {})


def provider(call: Call) -> Subject:
    """An OpenID Connect provider, by its ARN."""
    arn = call.parameters.get("OpenIDConnectProviderArn")
    found = call.held.provider(arn.partition(":oidc-provider/")[2])
    here = found is not None and provider_arn(call.number, found) == arn
    return Subject(arn or ANY, call.number, found.tags if found is not None and here else {})


def new_provider(call: Call) -> Subject:
    name = call.parameters.get("Url").partition("://")[2]
    return Subject(f"arn:aws:iam::{call.number}:oidc-provider/{name}", call.number)


def simulated(call: Call) -> Subject:
    """The user, group or role whose policies are to be tried."""
    arn = call.parameters.get("PolicySourceArn")
    found = identity_at(call, arn)
    tags, boundary = getattr(found, "tags", {}), getattr(found, "boundary", "")  # groups have neither
    return Subject(arn or ANY, call.number, tags, boundary)


def bounded(of: Subjects) -> Subjects:
    """With the boundary that the action sets, rather than the one that is there."""

    def subject(call: Call) -> Subject:
        return of(call)._replace(boundary=call.parameters.get("PermissionsBoundary"))

    return subject


def renamed(call: Call, subject: Subject, before: User | Group, kind: str, name: str) -> Subject:
    """What a user or group is to be called: whoever renames it must be allowed to do that to both."""
    path = call.parameters.get("NewPath") or before.path
    called = call.parameters.get(name) or before.name
    return subject._replace(arn=f"arn:aws:iam::{call.number}:{kind}{path}{called}")


def assumed(call: Call) -> Subject:
    """The role that is to be assumed, of whatever account; one that is not there trusts nobody."""
    arn = call.parameters.get("RoleArn")
    found = role_to_assume(call)
    if found is None:
        number = account_of(arn)[0] or call.number
        return Subject(arn or ANY, number, trust=TRUSTS_NOBODY)
    trust = PolicyText(f"{TRUST}{found.role.unique_id}", found.seq, found.role.trust)
    return Subject(arn, found.number, found.role.tags, trust=trust)


def role_to_assume(call: Call) -> Assumed | None:
    """The role that RoleArn names exactly; None where there is none, or its account is closed."""
    arn = call.parameters.get("RoleArn")
    number, resource = account_of(arn)
    account = call.directory.account(number)
    if account is None or account.disabled:
        return None
    entry = call.directory.in_account(number).tables[ROLE].get(row_name(resource.rpartition("/")[2]))
    if entry is None or role_arn(number, entry.document) != arn:
        return None
    return Assumed(number, account, entry.document, entry.seq)


def account_of(arn: str) -> tuple[str, str]:
    """Of a role's ARN the account's number, and what follows it."""
    number, _, resource = arn.removeprefix("arn:aws:iam::").partition(":role/")
    return number, resource

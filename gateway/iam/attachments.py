"""Policies of users, groups and roles: inline ones, managed ones attached, boundaries; and tags."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from access.identity_policy import GROUP_LIMIT, ROLE_LIMIT, USER_LIMIT, check_policy, length
from gateway.iam.call import Call, Changes, Result, tag_list
from gateway.iam.groups import found_group
from gateway.iam.parameters import TAGS_LIMIT, check_tag_keys
from gateway.iam.policies import managed_arn, tagged_policy
from gateway.iam.providers import found_provider
from gateway.iam.roles import found_role
from gateway.iam.users import found_user
from schemas.errors import InvalidInput, LimitExceeded, NoSuchEntity
from schemas.identities import GROUP, POLICY, PROVIDER, ROLE, USER

ATTACHED_LIMIT = 10


class Owner(NamedTuple):
    """A kind of identity that has policies or tags. word: its name in those of actions and parameters;
    limit: characters of its inline policies together."""

    kind: str
    word: str
    find: Callable[[Call], Any]
    limit: int = 0

    def set(self, call: Call, document: Any, **fields: Any) -> Changes:
        changed = msgspec.structs.replace(document, **fields)
        return Changes((call.set(self.kind, document.name, changed),), {})


def _named_user(call: Call) -> Any:
    call.parameters.required("UserName")
    return found_user(call)


USERS = Owner(USER, "User", _named_user, USER_LIMIT)
GROUPS = Owner(GROUP, "Group", found_group, GROUP_LIMIT)
ROLES = Owner(ROLE, "Role", found_role, ROLE_LIMIT)
POLICIES = Owner(POLICY, "Policy", tagged_policy)
PROVIDERS = Owner(PROVIDER, "OpenIDConnectProvider", found_provider)


# --- inline policies -----------------------------------------------------------------------------------
def put_inline(owner: Owner, call: Call) -> Changes:
    document = owner.find(call)
    name = call.parameters.required("PolicyName")
    text = call.parameters.required("PolicyDocument")
    check_policy(text)
    inline = {**document.inline, name: text}
    if sum(map(length, inline.values())) > owner.limit:
        raise LimitExceeded(
            f"Maximum policy size of {owner.limit} bytes exceeded for {owner.word.lower()} {document.name}"
        )
    return owner.set(call, document, inline=inline)


def get_inline(owner: Owner, call: Call) -> Result:
    document = owner.find(call)
    name = _inline_name(owner, call, document)
    return {
        f"{owner.word}Name": document.name,
        "PolicyName": name,
        "PolicyDocument": quote(document.inline[name]),
    }


def list_inline(owner: Owner, call: Call) -> Result:
    document = owner.find(call)
    return call.page("PolicyNames", sorted(document.inline), str, str)


def delete_inline(owner: Owner, call: Call) -> Changes:
    document = owner.find(call)
    name = _inline_name(owner, call, document)
    return owner.set(
        call, document, inline={one: text for one, text in document.inline.items() if one != name}
    )


def _inline_name(owner: Owner, call: Call, document: Any) -> str:
    name = call.parameters.required("PolicyName")
    if name not in document.inline:
        raise NoSuchEntity(f"The {owner.word.lower()} policy with name {name} cannot be found.")
    return name


# --- managed policies ----------------------------------------------------------------------------------
def attach(owner: Owner, call: Call) -> Changes:
    """Nothing changes where it is attached already."""
    document = owner.find(call)
    arn = managed_arn(call, call.parameters.required("PolicyArn"))
    if arn in document.attached:
        return Changes((), {})
    if len(document.attached) >= ATTACHED_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{owner.word}: {ATTACHED_LIMIT}")
    return owner.set(call, document, attached=(*document.attached, arn))


def detach(owner: Owner, call: Call) -> Changes:
    document = owner.find(call)
    arn = call.parameters.required("PolicyArn")
    if arn not in document.attached:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return owner.set(call, document, attached=tuple(one for one in document.attached if one != arn))


def list_attached(owner: Owner, call: Call) -> Result:
    document = owner.find(call)
    prefix = call.parameters.path("PathPrefix")
    return call.page(
        "AttachedPolicies",
        sorted(arn for arn in document.attached if _path_of(arn).startswith(prefix)),
        str,
        lambda arn: {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn},
    )


def _path_of(arn: str) -> str:
    """The path in the ARN of a managed policy."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


# --- boundaries ----------------------------------------------------------------------------------------
def put_boundary(owner: Owner, call: Call) -> Changes:
    document = owner.find(call)
    return owner.set(
        call, document, boundary=managed_arn(call, call.parameters.required("PermissionsBoundary"))
    )


def delete_boundary(owner: Owner, call: Call) -> Changes:
    document = owner.find(call)
    if not document.boundary:
        raise NoSuchEntity(f"{owner.word} {document.name} has no permissions boundary.")
    return owner.set(call, document, boundary="")


# --- tags ----------------------------------------------------------------------------------------------
def tag(owner: Owner, call: Call) -> Changes:
    given = call.parameters.tags()
    document = owner.find(call)
    folded = {name.lower() for name in given}
    kept = {name: value for name, value in document.tags.items() if name.lower() not in folded}
    tags = {**kept, **given}
    if len(tags) > TAGS_LIMIT:
        raise LimitExceeded(f"The number of tags has reached the maximum limit: {TAGS_LIMIT}")
    return owner.set(call, document, tags=tags)


def untag(owner: Owner, call: Call) -> Changes:
    names = {name.lower() for name in check_tag_keys(call.parameters.items("TagKeys"))}
    if not names:
        raise InvalidInput("TagKeys names no tag")
    document = owner.find(call)
    return owner.set(call, document, tags={k: v for k, v in document.tags.items() if k.lower() not in names})


def list_tags(owner: Owner, call: Call) -> Result:
    document = owner.find(call)
    return call.page(
        "Tags", tag_list(dict(sorted(document.tags.items()))), lambda tag: tag["Key"], lambda tag: tag
    )

"""ACLs on the wire: the headers that ask for one, the XML that tells one."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

from access.acl import GRANTS_LIMIT, GROUPS
from access.identity import Principal
from gateway.xml import Element, escape, parse
from schemas.errors import (
    AccessDenied,
    InvalidArgument,
    MalformedACLError,
    MalformedXML,
)
from schemas.rows import Grant, Permission

CANNED_HEADER = "x-amz-acl"
GRANT_HEADERS: dict[str, Permission] = {
    "x-amz-grant-full-control": "FULL_CONTROL",
    "x-amz-grant-read": "READ",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-write-acp": "WRITE_ACP",
}
ACL_HEADERS = frozenset({CANNED_HEADER, *GRANT_HEADERS})

# The canonical id of the account of an e-mail address. A grant is kept under the id, as AWS keeps it.
ByEmail = Callable[[str], str]

_PERMISSIONS: dict[str, Permission] = {name: name for name in get_args(Permission)}
_CANONICAL = re.compile("[0-9a-f]{64}")
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


# --- in ------------------------------------------------------------------------------------------------
def header_grants(headers: Mapping[str, str], by_email: ByEmail) -> tuple[Grant, ...]:
    """The grants of x-amz-grant-… headers. Raises InvalidArgument, and what `by_email` raises."""
    grants = [
        Grant(_header_grantee(item.strip(), name, by_email), permission)
        for name, permission in GRANT_HEADERS.items()
        if name in headers
        for item in headers[name].split(",")
    ]
    return _checked(grants)


def _header_grantee(item: str, header: str, by_email: ByEmail) -> str:
    """`id="…"`, `uri="…"` or `emailAddress="…"`, with the quotation marks or without."""
    kind, equals, value = item.partition("=")
    value = value.strip().strip('"')
    match kind.strip().lower():
        case "id" if equals:
            return _user(value)
        case "uri" if equals:
            return _group(value)
        case "emailaddress" if equals:
            return by_email(value)
        case _:
            raise InvalidArgument("Argument format not recognized", ArgumentName=header, ArgumentValue=item)


def _user(value: str) -> str:
    if not _CANONICAL.fullmatch(value):
        raise InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=value)
    return value


def _group(value: str) -> str:
    if value not in GROUPS:
        raise InvalidArgument("Invalid group uri", ArgumentName="Group/URI", ArgumentValue=value)
    return value


def _checked(grants: list[Grant]) -> tuple[Grant, ...]:
    if len(grants) > GRANTS_LIMIT:
        raise MalformedACLError()
    return tuple(grants)


def read_acl(body: bytes, owner_id: str, by_email: ByEmail) -> tuple[Grant, ...]:
    """The grants of an AccessControlPolicy, whose owner must be `owner_id`: that cannot be changed.

    Raises MalformedACLError, AccessDenied, InvalidArgument, and what `by_email` raises.
    """
    try:
        root = parse(body, "AccessControlPolicy")
        root.only("Owner", "AccessControlList")
        owner, listed = root.one("Owner"), root.one("AccessControlList")
        if owner is None or listed is None or not owner.value("ID"):
            raise MalformedACLError()
        listed.only("Grant")
        grants = _checked([_grant(child, by_email) for child in listed.children])
    except MalformedXML:
        raise MalformedACLError() from None
    if owner.value("ID") != owner_id:
        raise AccessDenied()
    return grants


def _grant(element: Element, by_email: ByEmail) -> Grant:
    element.only("Grantee", "Permission")
    grantee = element.one("Grantee")
    permission = _PERMISSIONS.get((element.value("Permission") or "").strip())
    if grantee is None or permission is None:
        raise MalformedACLError()
    grantee.only("ID", "DisplayName", "URI", "EmailAddress")
    user, group, address = grantee.value("ID"), grantee.value("URI"), grantee.value("EmailAddress")
    if [user, group, address].count(None) != 2:
        raise MalformedACLError()
    if address is not None:
        return Grant(by_email(address.strip()), permission)
    return Grant(_group(group.strip()) if group is not None else _user((user or "").strip()), permission)


# --- out -----------------------------------------------------------------------------------------------
def write_acl(owner_id: str, grants: Sequence[Grant], caller: Principal) -> str:
    """The content of an AccessControlPolicy. Names are shown of the caller only."""
    rows = "".join(
        f'<Grant><Grantee xmlns:xsi="{_XSI}" xsi:type="{_kind(grant)}">{_grantee(grant, caller)}</Grantee>'
        f"<Permission>{grant.permission}</Permission></Grant>"
        for grant in grants
    )
    return f"<Owner>{_person(owner_id, caller)}</Owner><AccessControlList>{rows}</AccessControlList>"


def _kind(grant: Grant) -> str:
    return "Group" if grant.grantee in GROUPS else "CanonicalUser"


def _grantee(grant: Grant, caller: Principal) -> str:
    if grant.grantee in GROUPS:
        return f"<URI>{escape(grant.grantee)}</URI>"
    return _person(grant.grantee, caller)


def _person(user: str, caller: Principal) -> str:
    name = f"<DisplayName>{escape(caller.display_name)}</DisplayName>" if user == caller.id else ""
    return f"<ID>{escape(user)}</ID>{name}"

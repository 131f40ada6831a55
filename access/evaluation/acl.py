"""What an ACL grants to a caller: an ACL names accounts and groups, never users.

Source: Amazon S3 User Guide, "Access control list (ACL) overview".
"""

from collections.abc import Sequence

from access.acl import ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY, PUBLIC
from access.evaluation.principals import Named, Who
from schemas.rows import Grant, Permission

LOG_DELIVERY_SERVICE = "logging.s3.amazonaws.com"


def granted(grants: Sequence[Grant], permission: Permission, who: Who, ignore_public: bool) -> Named:
    """How the grants of a permission (full control is one of each) name the caller. `ignore_public`: those to
    everybody count for nothing."""
    best = Named.NOT
    for grant in grants:
        if grant.permission != permission and grant.permission != "FULL_CONTROL":
            continue
        if ignore_public and grant.grantee in PUBLIC:
            continue
        best = max(best, _named(grant.grantee, who))
    return best


def _named(grantee: str, who: Who) -> Named:
    caller = who.principal
    if grantee == LOG_DELIVERY:
        return Named.ITSELF if who.service == LOG_DELIVERY_SERVICE else Named.NOT
    if grantee == ALL_USERS or (grantee == AUTHENTICATED_USERS and caller.kind != "anonymous"):
        return Named.ROLE if caller.kind == "role" else Named.ITSELF
    if grantee == caller.id and caller.kind != "anonymous":
        return Named.ITSELF if caller.kind == "account" else Named.ACCOUNT
    return Named.NOT

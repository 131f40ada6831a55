"""ACLs: what the canned ones stand for, and which open something to the public.

Source: Amazon S3 User Guide, "Access control list (ACL) overview".
"""

from collections.abc import Sequence

from schemas.rows import Grant, Permission

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = frozenset({ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY})
PUBLIC = frozenset({ALL_USERS, AUTHENTICATED_USERS})

GRANTS_LIMIT = 100

# The account from which EC2 reads bundles of machine images.
_EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"

# Who owns what nobody in particular wrote.
ANONYMOUS_ID = "65a011a29cdf8ec533ec3d1ccaae921c"

# Grantees that are no account of this store.
KNOWN = GROUPS | {_EC2, ANONYMOUS_ID}

PRIVATE = "private"
BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"

_CANNED: dict[str, tuple[tuple[str, Permission], ...]] = {
    PRIVATE: (),
    "public-read": ((ALL_USERS, "READ"),),
    "public-read-write": ((ALL_USERS, "READ"), (ALL_USERS, "WRITE")),
    "authenticated-read": ((AUTHENTICATED_USERS, "READ"),),
    "aws-exec-read": ((_EC2, "READ"),),
}
_OF_BUCKETS: dict[str, tuple[tuple[str, Permission], ...]] = {
    "log-delivery-write": ((LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")),
    # These mean something on objects only, and are ignored on buckets.
    "bucket-owner-read": (),
    BUCKET_OWNER_FULL_CONTROL: (),
}
_TO_BUCKET_OWNER: dict[str, Permission] = {
    "bucket-owner-read": "READ",
    BUCKET_OWNER_FULL_CONTROL: "FULL_CONTROL",
}


def owner_only(owner_id: str) -> tuple[Grant, ...]:
    """The ACL of whatever nobody set one for."""
    return (Grant(owner_id, "FULL_CONTROL"),)


def canned_for_bucket(name: str, owner_id: str) -> tuple[Grant, ...] | None:
    """What a canned ACL means on a bucket; None for a name that is not one."""
    granted = (_CANNED | _OF_BUCKETS).get(name)
    return None if granted is None else owner_only(owner_id) + tuple(Grant(*one) for one in granted)


def canned_for_object(name: str, owner_id: str, bucket_owner_id: str) -> tuple[Grant, ...] | None:
    """What a canned ACL means on an object; None for a name that is not one."""
    if name in _TO_BUCKET_OWNER:
        granted = Grant(bucket_owner_id, _TO_BUCKET_OWNER[name])
        return owner_only(owner_id) if owner_id == bucket_owner_id else (*owner_only(owner_id), granted)
    if name in _CANNED:
        return owner_only(owner_id) + tuple(Grant(*one) for one in _CANNED[name])
    return None


def is_public(acl: Sequence[Grant]) -> bool:
    """Whether it grants anything to everybody, or to everybody with an account anywhere."""
    return any(grant.grantee in PUBLIC for grant in acl)

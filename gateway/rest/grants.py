"""Grants of a bucket: added, removed, and dropped once they have ended. One document holds all of them."""

import time
from collections.abc import Callable

from gateway.rest.call import Call
from gateway.rest.models import GrantRequest
from query.reader import Reader
from schemas.configurations.grants import GRANTS, AccessGrant, AccessGrants
from schemas.errors import InvalidArgument, NoSuchGrant, OperationAborted, TooManyConfigurations
from schemas.identities import ROLE, USER
from schemas.ids import uuid7
from schemas.rows import Bucket

GRANTS_LIMIT = 500  # of a bucket
TRIES = 5  # when others change the bucket's grants at the same moment

Grants = tuple[AccessGrant, ...]


async def grants_in_force(reader: Reader, bucket: Bucket) -> Grants:
    """Those that have not ended, oldest first."""
    held = await reader.configuration(bucket, GRANTS)
    now = _now()
    return () if held is None else tuple(grant for grant in held.grants if not grant.ended(now))


async def add_grant(call: Call, bucket: str, wanted: GrantRequest) -> AccessGrant:
    """Grant it; in force everywhere when this returns. Raises InvalidArgument, TooManyConfigurations."""
    now = _now()
    made = AccessGrant(
        uuid7().hex(),
        _unique_id(call, wanted.user_id),
        tuple(sorted(wanted.permissions, key=["read", "write", "delete"].index)),
        now,
        _end(wanted, now),
    )

    def adding(grants: Grants) -> Grants:
        if len(grants) >= GRANTS_LIMIT:
            raise TooManyConfigurations(
                f"bucket {bucket} has {GRANTS_LIMIT} grants in force, the most it may have"
            )
        return (*grants, made)

    await _change(call, bucket, adding)
    return made


async def remove_grant(call: Call, bucket: str, policy_id: str) -> None:
    """End it at once. Raises NoSuchGrant."""

    def removing(grants: Grants) -> Grants:
        left = tuple(grant for grant in grants if grant.policy_id != policy_id)
        if len(left) == len(grants):
            raise NoSuchGrant(f"bucket {bucket} has no grant {policy_id!r}, or it has ended")
        return left

    await _change(call, bucket, removing)


async def _change(call: Call, bucket: str, change: Callable[[Grants], Grants]) -> None:
    """Set the grants that `change` makes of those in force. Raises OperationAborted when others change
    them all the time."""
    for attempt in range(TRIES):
        row = await call.reader.bucket(bucket)
        grants = change(await grants_in_force(call.reader, row))
        document = AccessGrants(grants) if grants else None
        try:
            await call.producer.configure_bucket(row, GRANTS, document, call.origin, checked=(GRANTS.name,))
        except OperationAborted:
            if attempt == TRIES - 1:
                raise
        else:
            return


def _unique_id(call: Call, user_id: str) -> str:
    """Of the user or role that is named by its unique id or its ARN. Raises InvalidArgument."""
    directory = call.services.identities.directory
    found = directory.at(user_id) if user_id.startswith("arn:") else directory.identified(user_id)
    if found is None or found[1] not in (USER, ROLE):
        raise InvalidArgument(f"the body's user_id: there is no user or role {user_id!r}")
    unique_id: str = found[2].unique_id
    return unique_id


def _end(wanted: GrantRequest, now: int) -> int | None:
    """Unix milliseconds, whole seconds, since policies know no others. Raises InvalidArgument."""
    if wanted.expires_at is None:
        return None
    end = int(wanted.expires_at.timestamp()) * 1000
    if end <= now:
        raise InvalidArgument(f"the body's expires_at: {wanted.expires_at.isoformat()} is not in the future")
    return end


def _now() -> int:
    return int(time.time() * 1000)

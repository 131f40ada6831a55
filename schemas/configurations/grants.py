"""Grants of a bucket: who may read, write or delete in it, and until when."""

from typing import Literal

import msgspec

from schemas.configurations.kinds import Kind

Right = Literal["read", "write", "delete"]


class AccessGrant(msgspec.Struct, frozen=True):
    """What a user or a role may do with the objects of a bucket.

    policy_id    its name
    user_id      the unique id of the user or role; one of the same name made later has another
    permissions  in the order of `Right`, each once
    created_at   Unix milliseconds
    expires_at   Unix milliseconds, whole seconds: from then on it counts for nothing; None: it has no end
    """

    policy_id: str
    user_id: str
    permissions: tuple[Right, ...]
    created_at: int
    expires_at: int | None

    def ended(self, now: int) -> bool:
        """Whether it has ended; `now` in Unix milliseconds."""
        return self.expires_at is not None and self.expires_at <= now


class AccessGrants(msgspec.Struct, frozen=True):
    """All grants of a bucket, oldest first. Those that have ended may still be among them."""

    grants: tuple[AccessGrant, ...]


GRANTS = Kind("grants", AccessGrants)

"""Links of a bucket: presigned URLs of which the bucket keeps a record, so that they can end early."""

from typing import Literal

import msgspec

from schemas.configurations.kinds import Kind

LinkMethod = Literal["GET", "PUT"]


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a link lets its holder do. Its identifier stands in the URL, and is signed with it.

    key         of the object
    access_key  that signed it; it works with the rights which that key has at the moment of use
    made_by     the unique id of whoever made it
    created_at, expires_at, used_at  Unix milliseconds; used_at 0: not used (kept of links for one use only)
    one_use     it lets one request through
    source      CIDR blocks that it may be used from; (): from anywhere
    """

    method: LinkMethod
    key: str
    access_key: str
    made_by: str
    created_at: int
    expires_at: int
    one_use: bool = False
    source: tuple[str, ...] = ()
    used_at: int = 0


LINKS = Kind("link", Link)

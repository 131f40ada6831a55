"""What a new bucket is to have: by its request, else by the setting `new_buckets`.

A choice that differs from AWS's defaults of today is stored with the bucket, so the setting changes no
bucket that is there already.
"""

from collections.abc import Mapping

import msgspec

from access.acl import is_public, owner_only
from gateway.acl_request import header_acl
from gateway.acl_xml import ACL_HEADERS
from gateway.request import Request
from ingest.producer import Producer
from schemas.configurations.acl import ACL, BucketAcl
from schemas.configurations.ownership_controls import ENFORCED, OWNERSHIP_CONTROLS, OwnershipControls
from schemas.configurations.public_access_block import NOTHING_BLOCKED, PUBLIC_ACCESS_BLOCK
from schemas.errors import (
    InvalidArgument,
    InvalidBucketAclWithBlockPublicAccess,
    InvalidBucketAclWithObjectOwnership,
)
from schemas.events import Origin
from schemas.new_buckets import NewBuckets
from schemas.rows import Bucket, Grant

LOCK_HEADER = "x-amz-bucket-object-lock-enabled"
OWNERSHIP_HEADER = "x-amz-object-ownership"
NO_CONTROLS = OwnershipControls(())  # as if they had been deleted: ObjectWriter


def asked_ownership(headers: Mapping[str, str], new_buckets: NewBuckets) -> OwnershipControls:
    """The ownership setting that a new bucket is to have. Raises InvalidArgument."""
    named = headers.get(OWNERSHIP_HEADER)
    if named is None:
        return ENFORCED if new_buckets == "acls-disabled" else NO_CONTROLS
    try:
        return msgspec.convert({"Rule": [{"ObjectOwnership": named}]}, OwnershipControls)
    except msgspec.ValidationError:
        raise InvalidArgument(
            f"Invalid {OWNERSHIP_HEADER} header: {named}",
            ArgumentName=OWNERSHIP_HEADER,
            ArgumentValue=named,
        ) from None


def asked_lock(headers: Mapping[str, str]) -> bool:
    """Whether a new bucket is to have Object Lock. Raises InvalidArgument."""
    text = headers.get(LOCK_HEADER, "false").lower()
    if text not in ("true", "false"):
        raise InvalidArgument(
            f"Invalid {LOCK_HEADER} header: {text}", ArgumentName=LOCK_HEADER, ArgumentValue=text
        )
    return text == "true"


def asked_acl(request: Request, controls: OwnershipControls) -> tuple[Grant, ...] | None:
    """The ACL that a new bucket is to have, None for the owner's alone.

    Raises InvalidBucketAclWithObjectOwnership where ACLs are disabled, and
    InvalidBucketAclWithBlockPublicAccess for a public one where new buckets or the account block those.
    """
    if ACL_HEADERS.isdisjoint(request.headers):
        return None
    owner = request.principal.id
    acl = header_acl(request, owner, owner, of_bucket=True)
    if acl == owner_only(owner):
        return None
    if controls == ENFORCED:
        raise InvalidBucketAclWithObjectOwnership()
    block = request.services.identities.directory.public_block(owner)
    blocked = block is not None and block.document.block_public_acls
    if is_public(acl) and (blocked or request.services.new_buckets == "acls-disabled"):
        raise InvalidBucketAclWithBlockPublicAccess()
    return acl


async def set_access(
    producer: Producer,
    bucket: Bucket,
    new_buckets: NewBuckets,
    controls: OwnershipControls,
    acl: tuple[Grant, ...] | None,
    origin: Origin,
) -> None:
    """Store what differs from today's defaults. The block goes last: cut short, the bucket is closed."""
    if controls != ENFORCED:
        await producer.configure_bucket(bucket, OWNERSHIP_CONTROLS, controls, origin)
    if acl is not None:
        await producer.configure_bucket(bucket, ACL, BucketAcl(acl), origin)
    if new_buckets == "acls-enabled":
        await producer.configure_bucket(bucket, PUBLIC_ACCESS_BLOCK, NOTHING_BLOCKED, origin)

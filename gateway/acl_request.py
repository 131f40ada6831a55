"""Which ACL a request asks for, and whether the bucket's settings let it have one."""

from access.acl import (
    BUCKET_OWNER_FULL_CONTROL,
    KNOWN,
    PRIVATE,
    canned_for_bucket,
    canned_for_object,
    is_public,
    owner_only,
)
from gateway.acl_xml import ACL_HEADERS, CANNED_HEADER, GRANT_HEADERS, ByEmail, header_grants, read_acl
from gateway.body import whole
from gateway.configurations.ownership_controls import object_ownership
from gateway.configurations.public_access_block import public_access_block
from gateway.request import Request
from schemas.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MissingSecurityHeader,
    UnexpectedContent,
    UnresolvableGrantByEmailAddress,
)
from schemas.rows import Bucket, Grant

BODY_LIMIT = 64 * 1024  # bytes of an AccessControlPolicy

# Operations whose ACL headers are about the object that they write.
WRITES = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})

Acl = tuple[Grant, ...]


async def acl_of_write(request: Request) -> Acl | None:
    """The ACL that the headers of a write ask for, None where it is what an object has anyway.

    Raises AccessControlListNotSupported, AccessDenied, InvalidArgument, InvalidRequest,
    UnresolvableGrantByEmailAddress.
    """
    bucket = await request.services.reader.bucket(request.bucket)
    owner = request.owner or bucket.owner_id
    acl = header_acl(request, owner, bucket.owner_id, of_bucket=False)
    await check_acl(request, bucket, acl)
    return None if acl == owner_only(owner) else acl


async def acl_of_request(request: Request, bucket: Bucket, owner_id: str, of_bucket: bool) -> Acl:
    """The ACL that PutBucketAcl or PutObjectAcl brings, in headers or in its body.

    Raises MissingSecurityHeader for none, UnexpectedContent for both; and as acl_of_write.
    """
    body = await whole(request, BODY_LIMIT)
    if ACL_HEADERS.isdisjoint(request.headers):
        if not body:
            raise MissingSecurityHeader(MissingHeaderName=CANNED_HEADER)
        acl = read_acl(body, owner_id, _by_email(request))
    elif body:
        raise UnexpectedContent()
    else:
        acl = header_acl(request, owner_id, bucket.owner_id, of_bucket)
    await check_acl(request, bucket, acl)
    return acl


def header_acl(request: Request, owner_id: str, bucket_owner_id: str, of_bucket: bool) -> Acl:
    """The ACL that headers ask for: a canned one, or grants.

    Raises InvalidArgument, InvalidRequest, UnresolvableGrantByEmailAddress.
    """
    name = request.headers.get(CANNED_HEADER)
    if name is None:
        return header_grants(request.headers, _by_email(request))
    if not GRANT_HEADERS.keys().isdisjoint(request.headers):
        raise InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if of_bucket:
        acl = canned_for_bucket(name, owner_id)
    else:
        acl = canned_for_object(name, owner_id, bucket_owner_id)
    if acl is None:
        raise InvalidArgument("", ArgumentName=CANNED_HEADER, ArgumentValue=name)
    return acl


def _by_email(request: Request) -> ByEmail:
    directory = request.services.identities.directory

    def canonical_id(address: str) -> str:
        number = directory.with_email(address)
        account = None if number is None else directory.account(number)
        if account is None:
            raise UnresolvableGrantByEmailAddress(EmailAddress=address)
        return account.canonical_id

    return canonical_id


async def check_acl(request: Request, bucket: Bucket, acl: Acl) -> None:
    """Where ACLs are disabled, only full control for the bucket's owner may be asked for, which is what there
    is. AWS refuses it under the name "private", which older clients send with every write (rclone 1.60 does):
    here it is taken. Where public ACLs are blocked, none of those. Accounts that are named must exist.

    Raises AccessControlListNotSupported, AccessDenied, InvalidArgument.
    """
    reader = request.services.reader
    if await object_ownership(reader, bucket) == "BucketOwnerEnforced":
        named = request.headers.get(CANNED_HEADER, PRIVATE)
        if acl != owner_only(bucket.owner_id) or named not in (PRIVATE, BUCKET_OWNER_FULL_CONTROL):
            raise AccessControlListNotSupported()
    elif is_public(acl) and (await public_access_block(request.services, bucket)).block_public_acls:
        raise AccessDenied(
            "Access Denied: public access control lists (ACLs) are prevented by the BlockPublicAcls setting "
            "in S3 Block Public Access."
        )
    number_of = request.services.identities.directory.number_of
    for grantee in {grant.grantee for grant in acl} - KNOWN - {bucket.owner_id}:
        if number_of(grantee) is None:
            raise InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=grantee)

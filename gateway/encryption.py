"""Encryption of the versions that a request makes, and the key to those that it reads."""

from access.object_keys import UNPROTECTED, Protection, for_customer, object_key_of
from gateway.encryption_headers import (
    ENCRYPTION_HEADERS,
    Asked,
    encryption_asked,
    require_secure,
    source_key_asked,
)
from gateway.request import Request
from schemas.configurations.encryption import ENCRYPTION
from schemas.errors import AccessDenied, InvalidRequest, NoSuchUpload, WrongCustomerKey
from schemas.rows import Bucket, Encryption, ObjectVersion, Upload

_LOOPBACK = ("127.", "::1", "[::1]")


def note_encryption(request: Request, headers: dict[str, str] | None = None) -> None:
    """Read what the headers (those of the request, unless others are given) say of encryption into the
    request. Raises InvalidArgument, InvalidRequest, InvalidEncryptionAlgorithm, NotImplementedOperation."""
    headers = request.headers if headers is None else headers
    if ENCRYPTION_HEADERS.isdisjoint(headers):
        return
    request.encryption = encryption_asked(headers, request.operation)
    request.source_encryption = source_key_asked(headers, request.operation)
    for asked in (request.encryption, request.source_encryption):
        if asked is not None and asked.customer_key:
            require_secure(_is_secure(request))


def _is_secure(request: Request) -> bool:
    """Whether the request came over TLS, from this machine, or over a network that the settings trust. That a
    client may say so of itself is no harm: it is its own key."""
    return (
        request.scheme == "https"
        or request.source.startswith(_LOOPBACK)
        or request.headers.get("x-forwarded-proto") == "https"
        or request.services.customer_keys_over_http
    )


async def protection_of_write(request: Request, bucket: Bucket) -> Protection:
    """What protects the version that a request makes: as it asks, else as the bucket has it by default.

    Raises AccessDenied for a method that the bucket blocks."""
    asked = request.encryption
    if asked is None and ENCRYPTION.name not in bucket.configurations:
        return UNPROTECTED
    configuration = await request.services.reader.configuration(bucket, ENCRYPTION)
    if asked is None or asked.method != "customer":
        return UNPROTECTED
    if configuration is not None and configuration.blocks("SSE-C"):
        raise AccessDenied(
            "Access Denied: the bucket's encryption configuration blocks server-side encryption with "
            "customer-provided keys (SSE-C)."
        )
    return for_customer(asked.customer_key)


async def unlock(request: Request, version: ObjectVersion) -> ObjectVersion:
    """The version as it can be read, with the key that the request brings, if it has to bring one.

    Raises InvalidRequest for a key that is missing or has no place, WrongCustomerKey, BlobCorrupt."""
    return await unlocked(request, version, request.encryption)


async def unlock_source(request: Request, version: ObjectVersion) -> ObjectVersion:
    """As `unlock`, of the version to be copied."""
    return await unlocked(request, version, request.source_encryption)


async def unlocked(request: Request, version: ObjectVersion, asked: Asked | None) -> ObjectVersion:
    key = read_key(version.attributes.encryption, asked)
    return await request.services.reader.unlock(version, key) if key else version


def read_key(encryption: Encryption | None, asked: Asked | None) -> bytes:
    """The object key of a version, b"" where it has none. Raises as `unlock` does."""
    if asked is not None and asked.customer_key:
        if encryption is None or encryption.kind != "customer":
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
        return object_key_of(encryption, asked.customer_key)
    if encryption is None:
        return b""
    raise InvalidRequest(
        "The object was stored using a form of Server Side Encryption. The correct parameters must be "
        "provided to retrieve the object."
    )


def part_key(upload: Upload, asked: Asked | None) -> bytes:
    """The object key of an upload, for a part of it; b"" where it has none. Raises InvalidRequest, also for
    another customer's key than the upload was created with."""
    encryption = upload.attributes.encryption
    brings_key = asked is not None and bool(asked.customer_key)
    if brings_key != (encryption is not None and encryption.kind == "customer"):
        raise InvalidRequest(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the "
            "appropriate encryption parameters."
        )
    try:
        return read_key(encryption, asked)
    except WrongCustomerKey:
        raise InvalidRequest(
            "The provided encryption parameters did not match the ones used originally."
        ) from None


async def check_upload_key(request: Request, bucket: Bucket) -> None:
    """Hold a key that comes with CompleteMultipartUpload against the upload's. Raises InvalidRequest."""
    if request.encryption is None:
        return
    try:
        upload = await request.services.reader.upload(bucket, request.key, request.query["uploadId"])
    except NoSuchUpload:
        return  # completed before, perhaps: that is for the producer to say
    part_key(upload, request.encryption)


def same_protection(
    source: Encryption | None, source_asked: Asked | None, target: Encryption | None, asked: Asked | None
) -> bool:
    """Whether who can read a copy's source can read the copy, and nobody else: then both may share bytes and
    data keys. Else a copy is encrypted anew, or the key of the one would open the other."""
    if source is None or target is None:
        return source is target
    if source.kind != target.kind or source.key_id != target.key_id:
        return False
    if source.kind != "customer":
        return True
    return source_asked is not None and asked is not None and source_asked.customer_key == asked.customer_key

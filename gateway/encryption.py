"""Encryption of the versions that a request makes, and the key to those that it reads."""

from access.kms_envelope import Place, context_of
from access.object_keys import UNPROTECTED, Protection, for_customer, object_key_of
from gateway.encryption_headers import (
    ENCRYPTION_HEADERS,
    Asked,
    encryption_asked,
    require_secure,
    source_key_asked,
)
from gateway.kms_permission import Asked as AskedOfKms
from gateway.kms_permission import Through, check_kms
from gateway.request import Request
from schemas.configurations.encryption import ENCRYPTION, EncryptionRule
from schemas.errors import AccessDenied, InvalidRequest, NoSuchUpload, WrongCustomerKey
from schemas.rows import Bucket, Encryption, ObjectVersion, Upload

NO_RULE = EncryptionRule()
_LOOPBACK = ("127.", "::1")


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
    """What protects the version that a request makes. Raises what `protection` does."""
    if request.encryption is None and ENCRYPTION.name not in bucket.configurations:
        return UNPROTECTED
    place = Place(request.bucket, request.key)
    return await protection(request, bucket, place, request.encryption)


async def protection(request: Request, bucket: Bucket, place: Place, asked: Asked | None) -> Protection:
    """What protects a new version: what is asked for, else what the bucket has by default.

    Raises AccessDenied for a method that the bucket blocks or a key that the caller may not use, KmsError."""
    kms = request.services.kms
    configuration = await request.services.reader.configuration(bucket, ENCRYPTION)
    if asked is not None and asked.method == "customer":
        if configuration is not None and configuration.blocks("SSE-C"):
            raise AccessDenied(
                "Access Denied: the bucket's encryption configuration blocks server-side encryption with "
                "customer-provided keys (SSE-C)."
            )
        return for_customer(asked.customer_key)
    rule = configuration.rules[0] if configuration is not None and configuration.rules else NO_RULE
    default = rule.apply_server_side_encryption_by_default
    if asked is None or asked.method == "default":
        if default is None or default.sse_algorithm != "aws:kms":
            return UNPROTECTED
        name = default.kms_master_key_id
    elif asked.method == "aws:kms":
        name = asked.kms_key
    else:
        return UNPROTECTED
    bucket_key = asked.bucket_key if asked is not None else None
    if bucket_key is None:
        bucket_key = bool(rule.bucket_key_enabled)
    context = asked.context if asked is not None else {}
    if not request.principal.account:
        raise AccessDenied("Anonymous requests use no key of the KMS.")  # nor is one made for nobody
    key = kms.key_of(request.principal.account, name)
    _check(request, "GenerateDataKey", kms.arn(key), context_of(place, context, bucket_key))
    return kms.protect(key, place, context, bucket_key)


def _check(request: Request, action: str, arn: str, context: dict[str, str]) -> None:
    """Whether the caller may do that with a key of the KMS. Raises AccessDenied, KmsNotFound."""
    through = Through(request.source, request.scheme == "https", "s3")
    asked = AskedOfKms(action, context)
    check_kms(request.services, request.principal, asked, arn, through)


async def unlock(request: Request, version: ObjectVersion) -> ObjectVersion:
    """The version as it can be read, with the key that the request brings, if it has to bring one, or that
    the KMS gives.

    Raises InvalidRequest for a key that is missing or has no place, WrongCustomerKey, BlobCorrupt, KmsError,
    AccessDenied."""
    return await unlocked(request, version, request.encryption, request.bucket)


async def unlock_source(request: Request, version: ObjectVersion, bucket: str) -> ObjectVersion:
    """As `unlock`, of the version to be copied, which is in the bucket of that name."""
    return await unlocked(request, version, request.source_encryption, bucket)


async def unlocked(
    request: Request, version: ObjectVersion, asked: Asked | None, bucket: str
) -> ObjectVersion:
    encryption = version.attributes.encryption
    check_key_given(encryption, asked)
    if encryption is None:
        return version
    key = object_key(request, encryption, asked, Place(bucket, version.key))
    return await request.services.reader.unlock(version, key)


def check_read_key(encryption: Encryption | None, asked: Asked | None) -> None:
    """Whether a request brings the key that a version needs. What tells of a version without its bytes asks
    for no more: a key of the KMS opens bytes only. Raises InvalidRequest, WrongCustomerKey, BlobCorrupt."""
    check_key_given(encryption, asked)
    if encryption is not None and encryption.kind == "customer" and asked is not None:
        object_key_of(encryption, asked.customer_key)


def check_key_given(encryption: Encryption | None, asked: Asked | None) -> None:
    """Whether a customer's key comes where it has to, and nowhere else. Raises InvalidRequest."""
    brings = asked is not None and bool(asked.customer_key)
    needs = encryption is not None and encryption.kind == "customer"
    if brings and not needs:
        raise InvalidRequest("The encryption parameters are not applicable to this object.")
    if needs and not brings:
        raise InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be "
            "provided to retrieve the object."
        )


def object_key(request: Request, encryption: Encryption, asked: Asked | None, place: Place) -> bytes:
    """The object key of a version. Raises WrongCustomerKey, KmsError, AccessDenied, BlobCorrupt."""
    if encryption.kind == "kms":
        context = context_of(place, encryption.context, encryption.bucket_key)
        _check(request, "Decrypt", encryption.key_id, context)
        return request.services.kms.object_key(encryption, place)
    return object_key_of(encryption, asked.customer_key if asked is not None else b"")


def part_key(request: Request, upload: Upload) -> bytes:
    """The object key of an upload, for a part of it; b"" where it has none. Raises InvalidRequest, also for
    another customer's key than the upload was created with; KmsError, AccessDenied."""
    encryption, asked = upload.attributes.encryption, request.encryption
    brings_key = asked is not None and bool(asked.customer_key)
    if brings_key != (encryption is not None and encryption.kind == "customer"):
        raise InvalidRequest(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the "
            "appropriate encryption parameters."
        )
    if encryption is None:
        return b""
    place = Place(request.bucket, request.key)
    try:
        return object_key(request, encryption, asked, place)
    except WrongCustomerKey:
        raise InvalidRequest(
            "The provided encryption parameters did not match the ones used originally."
        ) from None


async def check_upload_key(request: Request, bucket: Bucket) -> None:
    """Hold what CompleteMultipartUpload says of encryption against the upload's. Raises InvalidRequest; for a
    key of the KMS that is not there, KmsNotFound."""
    asked = request.encryption
    if asked is None:
        return
    try:
        upload = await request.services.reader.upload(bucket, request.key, request.query["uploadId"])
    except NoSuchUpload:
        return  # completed before, perhaps: that is for the producer to say
    if asked.method == "customer":
        part_key(request, upload)
    elif not _is_same(request, asked, upload.attributes.encryption):
        raise InvalidRequest("The provided encryption parameters did not match the ones used originally.")


def _is_same(request: Request, asked: Asked, made: Encryption | None) -> bool:
    """Whether the method asked for, and all that is said with it, is what protects the upload already."""
    if made is None:
        return asked.method == "AES256"
    if made.kind != "kms" or asked.method != "aws:kms":
        return False
    kms = request.services.kms
    account = request.principal.account
    return (
        (asked.kms_key is None or kms.arn(kms.key_of(account, asked.kms_key)) == made.key_id)
        and (not asked.context or asked.context == made.context)
        and asked.bucket_key in (None, made.bucket_key)
    )


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

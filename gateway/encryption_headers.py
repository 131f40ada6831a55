"""Server-side encryption in headers: what a request asks for, what an answer tells.

Source: Amazon S3 User Guide, "Using server-side encryption with customer-provided keys (SSE-C)", and the
headers of botocore's model.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from access.customer_key import CUSTOMER_KEY_BYTES
from schemas.errors import (
    InvalidArgument,
    InvalidEncryptionAlgorithm,
    InvalidRequest,
    NotImplementedOperation,
)
from schemas.rows import Encryption

METHOD = "x-amz-server-side-encryption"
KMS_KEY = f"{METHOD}-aws-kms-key-id"
CONTEXT = f"{METHOD}-context"
BUCKET_KEY = f"{METHOD}-bucket-key-enabled"
CUSTOMER = f"{METHOD}-customer"
SOURCE_CUSTOMER = f"x-amz-copy-source-{CUSTOMER.removeprefix('x-amz-')}"

METHOD_HEADERS = frozenset({METHOD, KMS_KEY, CONTEXT, BUCKET_KEY})
ENCRYPTION_HEADERS = METHOD_HEADERS | {
    f"{prefix}-{what}" for prefix in (CUSTOMER, SOURCE_CUSTOMER) for what in ("algorithm", "key", "key-md5")
}

# Which operations take which of them; elsewhere they would be ignored, and S3 refuses that.
MAKES = frozenset({"CopyObject", "CreateMultipartUpload", "PostObject", "PutObject"})
COPIES = frozenset({"CopyObject", "UploadPartCopy"})
# May say again what the upload was created with: minio-go does, to every server but AWS.
REPEATS = frozenset({"CompleteMultipartUpload"})
KEEPS = MAKES | COPIES | {
    "CompleteMultipartUpload", "GetObject", "GetObjectAttributes", "HeadObject", "ListParts",
    "SelectObjectContent", "UploadPart",
}  # fmt: skip

ENCRYPTED = (METHOD, "AES256")


@dataclass(frozen=True, slots=True)
class Asked:
    """The encryption that a request asks for, or the key that it reads with.

    method        customer: with the key that the request brings; default: as the bucket has it
    customer_md5  its MD5 in base64, as the client sent it
    kms_key       the name of a key of the KMS; None: not named
    context       the encryption context for the KMS; context_text: as the client sent it
    bucket_key    whether a key of the bucket is to stand between; None: as the bucket has it
    """

    method: Literal["AES256", "aws:kms", "customer", "default"]
    customer_key: bytes = field(default=b"", repr=False)
    customer_md5: str = ""
    kms_key: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    context_text: str = ""
    bucket_key: bool | None = None


def encryption_asked(headers: MutableMapping[str, str], operation: str) -> Asked | None:
    """What the headers of a request ask for; a customer's key is taken out of them, so that it is nowhere
    else. Raises InvalidArgument, InvalidEncryptionAlgorithm, NotImplementedOperation."""
    customer = customer_asked(headers, CUSTOMER)
    method = _method_asked(headers, operation)
    if customer is None:
        return method
    if operation not in KEEPS:
        raise _unsupported(f"{CUSTOMER}-algorithm")
    if method is not None:
        raise InvalidArgument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption method "
            "specified",
            ArgumentName=METHOD,
            ArgumentValue=headers.get(METHOD, ""),
        )
    return customer


def source_key_asked(headers: MutableMapping[str, str], operation: str) -> Asked | None:
    """The customer's key of the object that is to be copied. Raises as `encryption_asked` does."""
    asked = customer_asked(headers, SOURCE_CUSTOMER)
    if asked is not None and operation not in COPIES:
        raise _unsupported(f"{SOURCE_CUSTOMER}-algorithm")
    return asked


def customer_asked(headers: MutableMapping[str, str], prefix: str) -> Asked | None:
    """The key of the three headers that begin so, None where there is none of them."""
    algorithm, md5 = headers.get(f"{prefix}-algorithm"), headers.get(f"{prefix}-key-md5")
    text = headers.pop(f"{prefix}-key", None)
    if algorithm is None and text is None and md5 is None:
        return None
    provide = "Requests specifying Server Side Encryption with Customer provided keys must provide"
    if algorithm is None:
        raise _invalid(f"{provide} a valid encryption algorithm.", f"{prefix}-algorithm")
    if algorithm != "AES256":
        raise InvalidEncryptionAlgorithm(ArgumentName=f"{prefix}-algorithm", ArgumentValue=algorithm)
    if text is None:
        raise _invalid(f"{provide} an appropriate secret key.", f"{prefix}-key")
    if md5 is None:
        raise _invalid(f"{provide} the client calculated MD5 of the secret key.", f"{prefix}-key-md5")
    try:
        key = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != CUSTOMER_KEY_BYTES:
        raise _invalid("The secret key was invalid for the specified algorithm.", f"{prefix}-key")
    if not hmac.compare_digest(
        binascii.b2a_base64(hashlib.md5(key, usedforsecurity=False).digest(), newline=False), md5.encode()
    ):
        raise _invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
            f"{prefix}-key-md5",
        )
    return Asked("customer", key, md5)


def _method_asked(headers: MutableMapping[str, str], operation: str) -> Asked | None:
    if METHOD_HEADERS.isdisjoint(headers):
        return None
    if operation not in MAKES | REPEATS:
        raise _unsupported(min(METHOD_HEADERS.intersection(headers)))
    method = headers.get(METHOD)
    if method == "aws:kms:dsse":
        raise NotImplementedOperation(
            f"A header you provided implies functionality that is not implemented: {METHOD}: {method}",
            Header=METHOD,
        )
    if method not in (None, "AES256", "aws:kms"):
        raise InvalidArgument(
            "The encryption method specified is not supported", ArgumentName=METHOD, ArgumentValue=method
        )
    bucket_key = _flag(headers, BUCKET_KEY)
    if method == "aws:kms":
        text = headers.get(CONTEXT, "")
        return Asked("aws:kms", b"", "", headers.get(KMS_KEY), _context(text), text, bucket_key)
    if KMS_KEY in headers or CONTEXT in headers:
        raise InvalidArgument(
            f"Server Side Encryption with AWS KMS managed key requires HTTP header {METHOD} : aws:kms",
            ArgumentName=METHOD,
            ArgumentValue=method or "null",
        )
    return Asked("AES256" if method is not None else "default", bucket_key=bucket_key)


def _flag(headers: Mapping[str, str], name: str) -> bool | None:
    text = headers.get(name)
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise InvalidArgument(f"The value of {name} is true or false", ArgumentName=name, ArgumentValue=text)
    return text.lower() == "true"


def _context(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(b64decode(text, validate=True), type=dict[str, str]) if text else {}
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidArgument(
            f"The header '{CONTEXT}' shall be Base64-encoded UTF-8 string holding JSON which represents a "
            "string-string map",
            ArgumentName=CONTEXT,
            ArgumentValue=text,
        ) from None


def _unsupported(header: str) -> InvalidArgument:
    return InvalidArgument(f"{header} header is not supported for this operation.", ArgumentName=header)


def _invalid(message: str, header: str) -> InvalidArgument:
    """Never with the value: it may be, or be close to, a key."""
    return InvalidArgument(message, ArgumentName=header, ArgumentValue="null")


def encryption_headers(encryption: Encryption | None, asked: Asked | None) -> list[tuple[str, str]]:
    """What answers tell of the encryption of a version; of a customer's key, and of an encryption context,
    what the request told."""
    if encryption is None:
        return [ENCRYPTED]
    if encryption.kind == "kms":
        told = [(METHOD, "aws:kms"), (KMS_KEY, encryption.key_id)]
        if encryption.bucket_key:
            told.append((BUCKET_KEY, "true"))
        if asked is not None and asked.context_text:
            told.append((CONTEXT, asked.context_text))
        return told
    md5 = asked.customer_md5 if asked is not None else ""
    return [(f"{CUSTOMER}-algorithm", "AES256"), *([(f"{CUSTOMER}-key-md5", md5)] if md5 else [])]


def require_secure(secure: bool) -> None:
    """Raises InvalidRequest for a customer's key that came in clear over a network."""
    if not secure:
        raise InvalidRequest(
            "Requests specifying Server Side Encryption with Customer provided keys must be made over a "
            "secure connection."
        )

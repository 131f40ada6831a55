"""Condition keys of a request: what policies may ask about it. Looked up one by one, when a policy asks.

Source: Service Authorization Reference, "Condition keys for Amazon S3".
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from access.evaluation.caller import Caller, session_values
from access.signing import ALGORITHM, parse_http_date, parse_long_date
from access.sigv2 import SCHEME as VERSION_2
from gateway.authorization.global_keys import GLOBAL, Values
from gateway.copy_source import parse_copy_source
from gateway.dates import iso_date
from gateway.request import Request
from gateway.tags import tags_of
from schemas.errors import StrandlineError
from schemas.rows import Bucket, ObjectLock, ObjectVersion

_DAY = 86_400_000  # milliseconds

EXISTING_TAG = "s3:existingobjecttag"


class RequestKeys(msgspec.Struct, gc=False):
    """The condition keys of one request, as access.evaluation asks for them.

    owner     the number of the account that owns the bucket, "" where that is not known
    version   the object version that is asked for, where it was looked up
    named     the version that is named, of one object among several; None: as the query says
    tags      that the request's body brings; None: its headers tell
    lock      likewise
    """

    request: Request
    caller: Caller
    bucket: Bucket | None
    owner: str
    version: ObjectVersion | None = None
    named: str | None = None
    tags: dict[str, str] | None = None
    lock: ObjectLock | None = None

    @property
    def source(self) -> str:
        return self.request.source

    @property
    def secure(self) -> bool:
        return self.request.scheme == "https"

    @property
    def region(self) -> str:
        return self.request.services.region

    def __call__(self, key: str) -> Values:
        found = _KEYS.get(key)
        if found is not None:
            value = found(self)
            return None if value is None else (value,) if isinstance(value, str) else value
        if key in HEADERS:
            header = self.request.headers.get(HEADERS[key])
            return None if header is None else (header,)
        tags, _, name = key.partition("/")
        if name and tags in _TAGS:
            tag = _TAGS[tags](self).get(name)
            return None if tag is None else (tag,)
        return session_values(self.caller, key)

    def request_tags(self) -> dict[str, str]:
        if self.tags is not None:
            return self.tags
        try:
            return tags_of(self.request.headers)
        except StrandlineError:
            return {}  # refused for that later


def _query(name: str) -> Callable[[RequestKeys], str | None]:
    return lambda keys: keys.request.query.get(name)


def _existing_tags(keys: RequestKeys) -> dict[str, str]:
    return {} if keys.version is None else keys.version.attributes.tags


# --- of the signature ----------------------------------------------------------------------------------
def _signature(keys: RequestKeys) -> tuple[str, str, int | None]:
    """(version, where it stood, Unix seconds at which it was made) of the signature; "" for none."""
    request = keys.request
    authorization = request.headers.get("authorization", "")
    if authorization.startswith(VERSION_2):
        written = request.headers.get("x-amz-date") or request.headers.get("date", "")
        return "AWS", "REST-HEADER", parse_http_date(written)
    if authorization:
        return ALGORITHM, "REST-HEADER", parse_long_date(request.signing.timestamp)
    if request.operation == "PostObject":
        return ALGORITHM, "POST", None
    if "X-Amz-Signature=" in request.raw_query:
        return ALGORITHM, "REST-QUERY-STRING", parse_long_date(request.signing.timestamp)
    if request.principal.access_key:
        return "AWS", "REST-QUERY-STRING", None
    return "", "", None


def _signature_version(keys: RequestKeys) -> str | None:
    return _signature(keys)[0] or None


def _authentication(keys: RequestKeys) -> str | None:
    return _signature(keys)[1] or None


def _signature_age(keys: RequestKeys) -> str | None:
    made = _signature(keys)[2]
    return None if made is None else str(max(0, int((time.time() - made) * 1000)))


# --- of what is written --------------------------------------------------------------------------------
def _copy_source(keys: RequestKeys) -> str | None:
    header = keys.request.headers.get("x-amz-copy-source")
    if header is None:
        return None
    source = parse_copy_source(header)
    return f"{source.bucket}/{source.key}"


def _storage_class(keys: RequestKeys) -> str | None:
    found = keys.request.headers.get("x-amz-storage-class")
    return found or ("STANDARD" if keys.request.operation in _CREATING else None)


def _retain_until(keys: RequestKeys) -> str | None:
    if keys.lock is not None:
        return iso_date(keys.lock.retain_until) if keys.lock.mode else None
    return keys.request.headers.get("x-amz-object-lock-retain-until-date")


def _remaining_days(keys: RequestKeys) -> str | None:
    until = _retain_until(keys)
    if until is None:
        return None
    try:
        end = datetime.fromisoformat(until)
    except ValueError:
        return None
    end = end.replace(tzinfo=UTC) if end.tzinfo is None else end
    return str(max(0, -int(-((end.timestamp() - time.time()) * 1000) // _DAY)))


def _lock_mode(keys: RequestKeys) -> str | None:
    return keys.lock.mode if keys.lock is not None else keys.request.headers.get("x-amz-object-lock-mode")


def _legal_hold(keys: RequestKeys) -> str | None:
    if keys.lock is None:
        return keys.request.headers.get("x-amz-object-lock-legal-hold")
    return None if keys.lock.legal_hold is None else "ON" if keys.lock.legal_hold else "OFF"


def _tag_keys(keys: RequestKeys) -> Values:
    return tuple(keys.request_tags()) or None


_CREATES = {
    "CompleteMultipartUpload": "true", "CopyObject": "true", "PostObject": "true", "PutObject": "true",
    "CreateMultipartUpload": "false", "UploadPart": "false", "UploadPartCopy": "false",
}  # fmt: skip
_CREATING = frozenset({"CopyObject", "CreateMultipartUpload", "PostObject", "PutObject"})

_KEYS: dict[str, Callable[[RequestKeys], str | Sequence[str] | None]] = {
    **GLOBAL,
    "s3:authtype": _authentication,
    "s3:delimiter": _query("delimiter"),
    "s3:max-keys": _query("max-keys"),
    "s3:object-lock-legal-hold": _legal_hold,
    "s3:object-lock-mode": _lock_mode,
    "s3:object-lock-remaining-retention-days": _remaining_days,
    "s3:object-lock-retain-until-date": _retain_until,
    "s3:objectcreationoperation": lambda keys: _CREATES.get(keys.request.operation),
    "s3:prefix": _query("prefix"),
    "s3:requestobjecttagkeys": _tag_keys,
    "s3:resourceaccount": lambda keys: keys.owner or None,
    "s3:signatureage": _signature_age,
    "s3:signatureversion": _signature_version,
    "s3:versionid": lambda keys: keys.named or keys.request.query.get("versionId"),
    "s3:x-amz-content-sha256": lambda keys: keys.request.signing.payload,
    "s3:x-amz-copy-source": _copy_source,
    "s3:x-amz-storage-class": _storage_class,
}

# Keys that are headers, by the header.
HEADERS: dict[str, str] = {
    "aws:referer": "referer",
    "aws:useragent": "user-agent",
    "s3:if-match": "if-match",
    "s3:if-none-match": "if-none-match",
    **{
        f"s3:{name}": name
        for name in (
            "x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read",
            "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp", "x-amz-metadata-directive",
            "x-amz-object-ownership", "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-server-side-encryption-customer-algorithm", "x-amz-website-redirect-location",
        )
    },
}  # fmt: skip

_TAGS: dict[str, Callable[[RequestKeys], dict[str, str]]] = {
    "aws:principaltag": lambda keys: dict(keys.caller.tags),
    "s3:existingobjecttag": _existing_tags,
    "s3:requestobjecttag": RequestKeys.request_tags,
}


def known_keys() -> tuple[str, ...]:
    """Every condition key that is understood, tags with the ending "/<key>"."""
    return tuple(sorted([*_KEYS, *HEADERS, *(f"{tags}/<key>" for tags in _TAGS)]))

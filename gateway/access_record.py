"""What the access log of a bucket is told of a request, made once its answer has gone out."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from msgspec import structs

from gateway.request import Deleted, Request
from schemas.access_record import AccessRecord
from schemas.rows import Bucket

# Resources as access logs name them, where they are not told by the operation's level. What the User Guide
# and logs of S3 do not show is named by the query parameter that picks the operation.
RESOURCES = {
    "AbortMultipartUpload": "UPLOAD", "CompleteMultipartUpload": "UPLOAD", "CreateMultipartUpload": "UPLOADS",
    "DeleteObjects": "MULTI_OBJECT_DELETE", "ListMultipartUploads": "UPLOADS", "ListParts": "UPLOAD",
    "UploadPart": "PART", "UploadPartCopy": "PART", "RestoreObject": "OBJECT_RESTORE",
    "SelectObjectContent": "OBJECT_SELECT", "ListObjectVersions": "BUCKETVERSIONS",
    "GetBucketLocation": "LOCATION", "GetObjectAttributes": "OBJECT_ATTRIBUTES", "PostObject": "OBJECT",
    "PreflightBucket": "PREFLIGHT", "PreflightObject": "PREFLIGHT",
}  # fmt: skip
ASPECTS = (
    ("PolicyStatus", "BUCKETPOLICY_STATUS"), ("Policy", "BUCKETPOLICY"), ("Logging", "LOGGING_STATUS"),
    ("Acl", "ACL"), ("Versioning", "VERSIONING"), ("Cors", "CORS"), ("Lifecycle", "LIFECYCLE"),
    ("Website", "WEBSITE"), ("Notification", "NOTIFICATION"), ("Replication", "REPLICATION"),
    ("Encryption", "ENCRYPTION"), ("RequestPayment", "REQUEST_PAYMENT"), ("Accelerate", "ACCELERATE"),
    ("Analytics", "ANALYTICS"), ("Metrics", "METRICS"), ("Inventory", "INVENTORY"),
    ("IntelligentTiering", "INTELLIGENT_TIERING"), ("OwnershipControls", "OWNERSHIP_CONTROLS"),
    ("PublicAccessBlock", "PUBLIC_ACCESS_BLOCK"), ("LockConfiguration", "OBJECT_LOCK_CONFIGURATION"),
    ("Retention", "OBJECT_RETENTION"), ("LegalHold", "OBJECT_LEGAL_HOLD"),
    ("ObjectTagging", "OBJECT_TAGGING"), ("Tagging", "TAGGING"),
)  # fmt: skip
COPIES = frozenset({"CopyObject", "UploadPartCopy"})
SECONDS_TO_MILLISECONDS = 1000
# What is refused for its length is logged without its end.
KEY_LIMIT = 1024
LINE_LIMIT = 24 * 1024


def access_record(
    request: Request, bucket: Bucket, headers: Sequence[tuple[str, str]], status: int, error: str, sent: int,
    seconds: float, answered: float, now: float, http_version: str, host_id: str,
) -> AccessRecord:  # fmt: skip
    """The record of a request that was answered with these headers.

    seconds, answered  how long it took, to the end and to the beginning of the answer
    now                Unix time, seconds
    """
    named = dict(headers)
    principal = request.principal
    signature, authentication = _signed(request)
    asked = request.headers
    return AccessRecord(
        bucket.name,
        bucket.owner_id,
        request.services.identities.directory.number_of(bucket.owner_id) or "",
        int((now - seconds) * SECONDS_TO_MILLISECONDS),
        request.source,
        principal.arn if principal.kind in ("user", "role") else principal.id,
        request.request_id.hex().upper(),
        operation_name(request.operation, request.method, request.key),
        request.key[:KEY_LIMIT],
        _request_line(request, http_version),
        status,
        error,
        sent,
        _size(request, named, status),
        int(seconds * SECONDS_TO_MILLISECONDS),
        -1 if request.received else int(answered * SECONDS_TO_MILLISECONDS),
        asked.get("referer", ""),
        asked.get("user-agent", ""),
        request.query.get("versionId") or named.get("x-amz-version-id", ""),
        host_id,
        signature,
        authentication,
        asked.get("host", ""),
    )


def batch_records(record: AccessRecord, deleted: Iterable[Deleted]) -> Iterator[AccessRecord]:
    """One for each object of the DeleteObjects that has that record."""
    for key, version, status, error in deleted:
        yield structs.replace(
            record, operation="BATCH.DELETE.OBJECT", key=key[:KEY_LIMIT], version=version, uri="",
            status=status, error=error, sent=0, size=-1, milliseconds=-1, turn_around=-1,
        )  # fmt: skip


def operation_name(operation: str, method: str, key: str) -> str:
    """REST.METHOD.RESOURCE, COPY being the method of copies."""
    verb = "COPY" if operation in COPIES else method
    resource = RESOURCES.get(operation)
    if resource is None:
        aspects = (name for part, name in ASPECTS if part in operation)
        resource = next(aspects, "OBJECT" if key else "BUCKET")
    return f"REST.{verb}.{resource}"


def _signed(request: Request) -> tuple[str, str]:
    """Signature version and way of authentication; of an unsigned request, nothing."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        return ("SigV4" if authorization.startswith("AWS4-") else "SigV2"), "AuthHeader"
    if "X-Amz-Signature=" in request.raw_query:
        return "SigV4", "QueryString"
    return ("SigV2", "QueryString") if "AWSAccessKeyId=" in request.raw_query else ("", "")


def _request_line(request: Request, http_version: str) -> str:
    """The line as the client sent it, as far as the HTTP server tells: the path comes decoded."""
    query = f"?{request.raw_query}" if request.raw_query else ""
    line = f"{request.method} {quote(request.path[:LINE_LIMIT])}{query}"
    return f"{line[:LINE_LIMIT]} HTTP/{http_version}"


def _size(request: Request, headers: dict[str, str], status: int) -> int:
    """Of the whole object that was read or written."""
    if status >= 300 or not request.key:
        return -1
    if request.operation in ("GetObject", "HeadObject"):
        text = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "")
        return int(text) if text.isdigit() else -1
    return request.received if request.operation in ("PutObject", "UploadPart") else -1

"""The lines of the audit trail: requests in the shape of CloudTrail's events, and facts.

Source: AWS CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity
events" and "CloudTrail userIdentity element". A field that AWS has and a store of one's own cannot know is
left out.
"""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

from processors.request_log import RequestRecord
from schemas.facts import Fact

EVENT_VERSION = "1.11"
LAST_MILLISECOND = 253_402_300_799_000  # of the year 9999
_READS = (
    "Get", "Head", "List", "Select", "Lookup", "Describe", "Decrypt", "Encrypt", "Generate", "Simulate",
)  # fmt: skip
# Of S3, beside everything that names a key: CloudTrail's data events.
_DATA = frozenset(
    {"DeleteObjects", "ListMultipartUploads", "ListObjects", "ListObjectsV2", "ListObjectVersions"}
)


def request_line(request: RequestRecord, region: str) -> dict[str, Any]:
    """The line of a finished request to a store of that region."""
    service, _, name = request.operation.rpartition(":")
    service = service or "s3"  # whose operations are named without it
    data = service == "s3" and bool(request.key or name in _DATA)
    line: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": _identity(request),
        "eventTime": iso(request.time),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": request.source,
        "userAgent": request.agent,
        "requestParameters": _parameters(request),
        "additionalEventData": {
            "httpStatus": request.status,
            "bytesTransferredIn": request.bytes_in,
            "bytesTransferredOut": request.bytes_out,
            "microseconds": round(request.duration * 1e6),
        },
        "requestID": request.request_id,
        "eventID": event_id(request.request_id),
        "readOnly": name.startswith(_READS),
        "resources": _resources(request),
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "eventCategory": "Data" if data else "Management",
    }
    if request.error:
        line["errorCode"] = request.error
    return line


def fact_line(fact: Fact) -> dict[str, Any]:
    """The line of a fact: what became of an event."""
    return {
        "type": fact.type,
        "time": iso(fact.time),
        "seq": fact.seq,
        "bucketId": fact.bucket_id.hex(),
        "key": fact.key,
        "version": fact.version,
        "size": fact.size,
        "etag": fact.etag,
        "outcome": fact.outcome,
        "uploadId": fact.upload_id,
        "principal": fact.origin.actor,
        "source": fact.origin.source,
        "requestId": fact.origin.request_id.hex(),
    }


def lost_line(milliseconds: int, requests: int) -> dict[str, Any]:
    """The line that says how many requests before it could not be kept."""
    return {"type": "lost", "time": iso(milliseconds), "requests": requests}


def iso(milliseconds: int) -> str:
    """Unix milliseconds as 2026-01-02T03:04:05.678Z; such texts sort as the times do."""
    moment = datetime.fromtimestamp(min(milliseconds, LAST_MILLISECOND) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_id(request_id: str) -> str:
    """`uuid.uuid5(uuid.NAMESPACE_OID, request_id)` as text, in a third of the time: each request has one."""
    name = hashlib.sha1(uuid.NAMESPACE_OID.bytes + request_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(name[16], 16) & 3]
    return f"{name[:8]}-{name[8:12]}-5{name[13:16]}-{variant}{name[17:20]}-{name[20:32]}"


def _identity(request: RequestRecord) -> dict[str, str]:
    """Who it was, as far as that is known: of a refused signature only the access key that it named."""
    key = {"accessKeyId": request.access_key} if request.access_key else {}
    if not request.arn and request.unique_id:
        return {"type": "WebIdentityUser", "principalId": request.unique_id}
    if not request.arn:
        return {"type": "AWSAccount", "principalId": "", "accountId": "anonymous", **key}
    _, _, _, _, account, resource = request.arn.split(":", 5)
    who = {"principalId": request.unique_id, "arn": request.arn, "accountId": account, **key}
    kind, _, path = resource.partition("/")
    match kind:
        case "user":
            return {"type": "IAMUser", **who, "userName": path.rpartition("/")[2]}
        case "assumed-role":
            return {"type": "AssumedRole", **who}
        case _:
            return {"type": "Root", **who}


def _parameters(request: RequestRecord) -> dict[str, str]:
    named = {"bucketName": request.bucket, "key": request.key}
    return {name: value for name, value in named.items() if value}


def _resources(request: RequestRecord) -> list[dict[str, str]]:
    if not request.bucket:
        return []
    bucket = f"arn:aws:s3:::{request.bucket}"
    found = [{"type": "AWS::S3::Bucket", "ARN": bucket}]
    if request.key:
        found.insert(0, {"type": "AWS::S3::Object", "ARN": f"{bucket}/{request.key}"})
    return found

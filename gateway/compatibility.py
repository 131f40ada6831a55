"""docs/s3-compatibility.md, written from the operation registry and the tables of refused headers.

`python -m gateway.compatibility [FOLDER]` writes it; a test fails when it is stale.
"""

import sys
from collections.abc import Set
from pathlib import Path

from gateway.handlers import handlers
from gateway.operations import OPERATIONS, UNMODELLED, Operation
from gateway.unbuilt import ALLOWED_VALUES, EXPECTED_OWNER, HARMLESS, REFUSED

PAGE = "s3-compatibility.md"

NOTES: dict[str, str] = {
    "AbortMultipartUpload": "Without x-amz-if-match-initiated-time (directory buckets).",
    "CompleteMultipartUpload": "If-Match and If-None-Match are decided atomically. Headers of encryption may "
    "say again what the upload has.",
    "CopyObject": "By reference within the store. If-Match, If-None-Match and the x-amz-copy-source-if-… "
    "conditions. In x-amz-copy-source a plus is a space, as in AWS: a plus of the key is written %2B.",
    "CreateBucket": "Buckets are private and owned by whoever made them; making one's own bucket again "
    "answers BucketAlreadyOwnedByYou in every region. Tags, object ownership and ACL may come with it. No "
    "directory buckets.",
    "DeleteObject": "If-Match is decided atomically.",
    "GetObject": "Ranges, conditions, partNumber, versionId, response-… overrides.",
    "GetBucketVersioning": "Without MfaDelete.",
    "GetObjectAttributes": "Parts in pages, each with its checksum.",
    "RestoreObject": "An archived object (GLACIER, DEEP_ARCHIVE) lies on the same storage as all others: it "
    "is kept from being read until it is restored, a restore is done once it is answered, and ends at the "
    "midnight UTC after its days. So it is never in progress, and every retrieval tier is as fast.",
    "PutObjectTagging": "At most 10 tags; in place, so a version keeps its id, ETag and date.",
    "HeadObject": "As GetObject.",
    "ListBuckets": "The caller's buckets; prefix, bucket-region and paging.",
    "ListDirectoryBuckets": "The same request as ListBuckets, which answers it.",
    "ListObjects": "NextMarker only with a delimiter, as in S3.",
    "ListObjectsV2": "fetch-owner, start-after, opaque tokens, delimiters of any length, encoding-type.",
    "PutBucketVersioning": "Enabled and Suspended; MfaDelete may only be Disabled. In force for every write "
    "once answered.",
    "PutObject": "If-Match and If-None-Match are decided atomically; every checksum algorithm, in header or "
    "trailer.",
    "WriteGetObjectResponse": "Of Object Lambda; answered as PostObject.",
    "PostObject": "Uploads from HTML forms, by a policy signed with Signature Version 4 or 2. What follows "
    "the file is passed over.",
    "PreflightBucket": "Of browsers, unsigned: by the bucket's CORS configuration.",
    "PreflightObject": "As PreflightBucket.",
    "GetBucketAcl": "The owner alone where ACLs are disabled, as they are in a new bucket.",
    "GetObjectAcl": "The bucket's owner alone where ACLs are disabled, as they are in a new bucket.",
    "PutBucketAcl": "Canned, in headers, as XML. Accounts that it names, by id or e-mail "
    "address, must exist.",
    "PutObjectAcl": "As PutBucketAcl.",
    "GetBucketEncryption": "AES256 unless configured: all data is encrypted under a key of its bucket.",
    "PutBucketAccelerateConfiguration": "Kept and given back. There is no edge network that would speed "
    "anything up.",
    "PutBucketEncryption": "AES256 and aws:kms, for what is written from then on; aws:kms:dsse is refused.",
    "PutBucketLogging": "Logs are delivered in S3's format, every access_log_seconds. TargetGrants are "
    "refused: logs belong to the target bucket's owner.",
    "PutBucketNotificationConfiguration": "Validated, kept and given back; destinations are not asked "
    "whether they exist. **Nothing is sent yet.**",
    "PutBucketRequestPayment": "Others must send x-amz-request-payer then, and anonymous callers are "
    "refused. Nobody is charged for anything.",
    "PutBucketWebsite": "Served on the website port (`website_listen`).",
    "PutBucketAnalyticsConfiguration": "Validated, kept and given back. **Nothing analyses yet.**",
    "PutBucketIntelligentTieringConfiguration": "Validated, kept and given back. **Nothing moves yet.**",
    "PutBucketInventoryConfiguration": "Validated, kept and given back. **Nothing is listed yet.**",
    "PutBucketLifecycleConfiguration": "Validated, kept and given back. **Nothing expires or moves yet.**",
    "PutBucketMetricsConfiguration": "Validated, kept and given back. **Nothing is counted by it yet.**",
    "PutBucketReplication": "Validated, kept and given back; versioning must be enabled, and stays so as "
    "long as there is one. Destinations are not asked whether they exist. **Nothing is replicated yet.**",
    "GetObjectLegalHold": "As GetObjectRetention.",
    "PutObjectLegalHold": "In force once answered.",
    "PutObjectLockConfiguration": "In force for every version made once it is answered; a year is 365 days. "
    "What is put under a lock must come with Content-MD5 or a checksum.",
    "PutObjectRetention": "Decided atomically with deletes. Nobody shortens or ends COMPLIANCE; GOVERNANCE "
    "gives way to x-amz-bypass-governance-retention of callers who may s3:BypassGovernanceRetention.",
    "PutBucketCors": "In force for every request with an Origin once answered, for refused ones too.",
    "GetBucketPolicyStatus": "What the policy would do by AWS's definition of public.",
    "GetPublicAccessBlock": "All four switches are on in a new bucket.",
    "PutBucketOwnershipControls": "BucketOwnerEnforced in a new bucket.",
    "PutBucketPolicy": "Validated as AWS does, and in force when it is answered. The root of the account "
    "that owns the bucket may always read, set and delete it; callers of other accounts get 405.",
    "PutPublicAccessBlock": "BlockPublicPolicy and BlockPublicAcls refuse what would open the bucket; "
    "IgnorePublicAcls and RestrictPublicBuckets close what is open already.",
    "PutBucketTagging": "At most 50 tags.",
}

_HEAD = """# S3 compatibility
<!-- Written by `make docs` from the code; a test fails when it is stale. -->

Strandline speaks the S3 wire protocol of botocore's service model (2006-03-01), path style and virtual-host
style, signed with Signature Version 4 or 2 in the header or in the query. {built} of its {total} operations
are built. The others answer `NotImplemented` (501) with their name; no header or sub-resource that asks for
something is silently ignored.

## Operations

| operation | request | status | notes |
|---|---|---|---|
"""

_HEADERS = """
## Headers that ask for what is not built

These are refused with `NotImplemented` (501), whatever their value:

{refused}

These are accepted with the values named (in any case), which ask for nothing beyond what every bucket and
object has, and refused otherwise:

{allowed}

These are accepted and change nothing, because what they would change cannot be the case:

{harmless}

`{owner}` is checked on every request that names a bucket, against the bucket's owner id.

## Limits

A key has at most 1,024 bytes of UTF-8; apart from that any character goes, and `..` and `//` are only names.
Request headers have at most 8 KiB altogether, user metadata 2 KiB.

## Encryption

Everything is encrypted at rest, so `x-amz-server-side-encryption: AES256` asks for what happens anyway, and
is what answers say. With a customer's key (SSE-C) the key is never kept; the ETag is then no MD5, as on AWS.
Such keys are taken over TLS (a proxy's `x-forwarded-proto: https` counts) and from this machine; over plain
HTTP from elsewhere only with the setting `customer_keys_over_http`. With `aws:kms` a key of the store's own
KMS protects the object, the account's `alias/aws/s3` unless another is named, with encryption contexts and
bucket keys; reading needs the key to be enabled. New buckets do not block SSE-C, unlike
those of AWS since 2026; `BlockedEncryptionTypes` does. `aws:kms:dsse` is refused (501): data has one layer
of encryption.
"""


def page() -> str:
    """The whole page."""
    built = set(handlers())
    rows = [_row(operation, built) for operation in OPERATIONS + UNMODELLED]
    return (
        _HEAD.format(built=sum(one.name in built for one in OPERATIONS), total=len(OPERATIONS))
        + "".join(rows)
        + _HEADERS.format(
            refused="\n".join(f"- `{name}`" for name in sorted(REFUSED)),
            allowed="\n".join(
                f"- `{name}`: {_values(ALLOWED_VALUES[name])}" for name in sorted(ALLOWED_VALUES)
            ),
            harmless="\n".join(f"- `{name}`: {why}" for name, why in sorted(HARMLESS.items())),
            owner=EXPECTED_OWNER,
        )
    )


def _row(operation: Operation, built: Set[str]) -> str:
    name = operation.name
    note = NOTES.get(name, "")
    if operation.shadowed_by and not note:
        note = f"Older name of {operation.shadowed_by}."
    status = "built" if (operation.shadowed_by or name) in built else "planned"
    return f"| {name} | `{_request(operation)}` | {status} | {note} |\n"


def _request(operation: Operation) -> str:
    path = {"service": "/", "bucket": "/bucket", "object": "/bucket/key"}[operation.level]
    query = "&".join(operation.parameters.split())
    header = f" with {operation.header}" if operation.header else ""
    return f"{operation.method} {path}{'?' if query else ''}{query}{header}"


def _values(values: Set[str]) -> str:
    return ", ".join(f"`{value}`" if value else "an empty value" for value in sorted(values))


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    (folder / PAGE).write_text(page(), encoding="utf-8")

"""What each operation needs: which actions, on what. Every operation stands here; a test proves it.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; Amazon S3
User Guide, "Required permissions for Amazon S3 API operations" and "Mapping of ACL permissions and access
policy permissions".
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from schemas.rows import Permission

# account: what is the caller's own account's; each: the objects that the body names, one by one, by its
# handler; form: as the form says, by its handler; open: nothing is needed
On = Literal["account", "bucket", "object", "each", "form", "open"]


class Needs(NamedTuple):
    """actions: all of them, without "s3:"; versioned: those where the request names a version."""

    on: On
    actions: tuple[str, ...] = ()
    versioned: tuple[str, ...] = ()


def _bucket(*actions: str) -> Needs:
    return Needs("bucket", actions)


def _object(*actions: str) -> Needs:
    """Of actions on an object some have a sibling for versions."""
    return Needs("object", actions, tuple(OF_VERSIONS.get(action, action) for action in actions))


OF_VERSIONS = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "GetObjectTorrent": "GetObjectVersionTorrent",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
}

_METADATA = ("CreateBucketMetadataTableConfiguration",)

NEEDS: dict[str, Needs] = {
    "AbortMultipartUpload": _object("AbortMultipartUpload"),
    "CompleteMultipartUpload": _object("PutObject"),
    "CopyObject": _object("PutObject"),
    "CreateBucket": Needs("account", ("CreateBucket",)),
    "CreateBucketMetadataConfiguration": _bucket(*_METADATA),
    "CreateBucketMetadataTableConfiguration": _bucket(*_METADATA),
    "CreateMultipartUpload": _object("PutObject"),
    "CreateSession": _bucket("CreateSession"),
    "DeleteBucket": _bucket("DeleteBucket"),
    "DeleteBucketAnalyticsConfiguration": _bucket("PutAnalyticsConfiguration"),
    "DeleteBucketCors": _bucket("PutBucketCORS"),
    "DeleteBucketEncryption": _bucket("PutEncryptionConfiguration"),
    "DeleteBucketIntelligentTieringConfiguration": _bucket("PutIntelligentTieringConfiguration"),
    "DeleteBucketInventoryConfiguration": _bucket("PutInventoryConfiguration"),
    "DeleteBucketLifecycle": _bucket("PutLifecycleConfiguration"),
    "DeleteBucketMetadataConfiguration": _bucket("DeleteBucketMetadataTableConfiguration"),
    "DeleteBucketMetadataTableConfiguration": _bucket("DeleteBucketMetadataTableConfiguration"),
    "DeleteBucketMetricsConfiguration": _bucket("PutMetricsConfiguration"),
    "DeleteBucketOwnershipControls": _bucket("PutBucketOwnershipControls"),
    "DeleteBucketPolicy": _bucket("DeleteBucketPolicy"),
    "DeleteBucketReplication": _bucket("PutReplicationConfiguration"),
    "DeleteBucketTagging": _bucket("PutBucketTagging"),
    "DeleteBucketWebsite": _bucket("DeleteBucketWebsite"),
    "DeleteObject": _object("DeleteObject"),
    "DeleteObjectAnnotation": _object("DeleteObjectAnnotation"),
    "DeleteObjectTagging": _object("DeleteObjectTagging"),
    "DeleteObjects": Needs("each"),
    "DeletePublicAccessBlock": _bucket("PutBucketPublicAccessBlock"),
    "GetBucketAbac": _bucket("GetBucketAbac"),
    "GetBucketAccelerateConfiguration": _bucket("GetAccelerateConfiguration"),
    "GetBucketAcl": _bucket("GetBucketAcl"),
    "GetBucketAnalyticsConfiguration": _bucket("GetAnalyticsConfiguration"),
    "GetBucketCors": _bucket("GetBucketCORS"),
    "GetBucketEncryption": _bucket("GetEncryptionConfiguration"),
    "GetBucketIntelligentTieringConfiguration": _bucket("GetIntelligentTieringConfiguration"),
    "GetBucketInventoryConfiguration": _bucket("GetInventoryConfiguration"),
    "GetBucketLifecycle": _bucket("GetLifecycleConfiguration"),
    "GetBucketLifecycleConfiguration": _bucket("GetLifecycleConfiguration"),
    "GetBucketLocation": _bucket("GetBucketLocation"),
    "GetBucketLogging": _bucket("GetBucketLogging"),
    "GetBucketMetadataConfiguration": _bucket("GetBucketMetadataTableConfiguration"),
    "GetBucketMetadataTableConfiguration": _bucket("GetBucketMetadataTableConfiguration"),
    "GetBucketMetricsConfiguration": _bucket("GetMetricsConfiguration"),
    "GetBucketNotification": _bucket("GetBucketNotification"),
    "GetBucketNotificationConfiguration": _bucket("GetBucketNotification"),
    "GetBucketOwnershipControls": _bucket("GetBucketOwnershipControls"),
    "GetBucketPolicy": _bucket("GetBucketPolicy"),
    "GetBucketPolicyStatus": _bucket("GetBucketPolicyStatus"),
    "GetBucketReplication": _bucket("GetReplicationConfiguration"),
    "GetBucketRequestPayment": _bucket("GetBucketRequestPayment"),
    "GetBucketTagging": _bucket("GetBucketTagging"),
    "GetBucketVersioning": _bucket("GetBucketVersioning"),
    "GetBucketWebsite": _bucket("GetBucketWebsite"),
    "GetObject": _object("GetObject"),
    "GetObjectAcl": _object("GetObjectAcl"),
    "GetObjectAnnotation": _object("GetObjectAnnotation"),
    "GetObjectAttributes": _object("GetObject", "GetObjectAttributes"),
    "GetObjectLegalHold": _object("GetObjectLegalHold"),
    "GetObjectLockConfiguration": _bucket("GetBucketObjectLockConfiguration"),
    "GetObjectRetention": _object("GetObjectRetention"),
    "GetObjectTagging": _object("GetObjectTagging"),
    "GetObjectTorrent": _object("GetObjectTorrent"),
    "GetPublicAccessBlock": _bucket("GetBucketPublicAccessBlock"),
    "HeadBucket": _bucket("ListBucket"),
    "HeadObject": _object("GetObject"),
    "ListBucketAnalyticsConfigurations": _bucket("GetAnalyticsConfiguration"),
    "ListBucketIntelligentTieringConfigurations": _bucket("GetIntelligentTieringConfiguration"),
    "ListBucketInventoryConfigurations": _bucket("GetInventoryConfiguration"),
    "ListBucketMetricsConfigurations": _bucket("GetMetricsConfiguration"),
    "ListBuckets": Needs("account", ("ListAllMyBuckets",)),
    "ListDirectoryBuckets": Needs("account", ("ListAllMyDirectoryBuckets",)),
    "ListMultipartUploads": _bucket("ListBucketMultipartUploads"),
    "ListObjectAnnotations": _object("ListObjectAnnotations"),
    "ListObjectVersions": _bucket("ListBucketVersions"),
    "ListObjects": _bucket("ListBucket"),
    "ListObjectsV2": _bucket("ListBucket"),
    "ListParts": _object("ListMultipartUploadParts"),
    "PostObject": Needs("form", ("PutObject",)),
    "PreflightBucket": Needs("open"),
    "PreflightObject": Needs("open"),
    "PutBucketAbac": _bucket("PutBucketAbac"),
    "PutBucketAccelerateConfiguration": _bucket("PutAccelerateConfiguration"),
    "PutBucketAcl": _bucket("PutBucketAcl"),
    "PutBucketAnalyticsConfiguration": _bucket("PutAnalyticsConfiguration"),
    "PutBucketCors": _bucket("PutBucketCORS"),
    "PutBucketEncryption": _bucket("PutEncryptionConfiguration"),
    "PutBucketIntelligentTieringConfiguration": _bucket("PutIntelligentTieringConfiguration"),
    "PutBucketInventoryConfiguration": _bucket("PutInventoryConfiguration"),
    "PutBucketLifecycle": _bucket("PutLifecycleConfiguration"),
    "PutBucketLifecycleConfiguration": _bucket("PutLifecycleConfiguration"),
    "PutBucketLogging": _bucket("PutBucketLogging"),
    "PutBucketMetricsConfiguration": _bucket("PutMetricsConfiguration"),
    "PutBucketNotification": _bucket("PutBucketNotification"),
    "PutBucketNotificationConfiguration": _bucket("PutBucketNotification"),
    "PutBucketOwnershipControls": _bucket("PutBucketOwnershipControls"),
    "PutBucketPolicy": _bucket("PutBucketPolicy"),
    "PutBucketReplication": _bucket("PutReplicationConfiguration"),
    "PutBucketRequestPayment": _bucket("PutBucketRequestPayment"),
    "PutBucketTagging": _bucket("PutBucketTagging"),
    "PutBucketVersioning": _bucket("PutBucketVersioning"),
    "PutBucketWebsite": _bucket("PutBucketWebsite"),
    "PutObject": _object("PutObject"),
    "PutObjectAcl": _object("PutObjectAcl"),
    "PutObjectAnnotation": _object("PutObjectAnnotation"),
    "PutObjectLegalHold": _object("PutObjectLegalHold"),
    "PutObjectLockConfiguration": _bucket("PutBucketObjectLockConfiguration"),
    "PutObjectRetention": _object("PutObjectRetention"),
    "PutObjectTagging": _object("PutObjectTagging"),
    "PutPublicAccessBlock": _bucket("PutBucketPublicAccessBlock"),
    "RenameObject": _object("RenameObject"),
    "RestoreObject": _object("RestoreObject"),
    "SelectObjectContent": _object("GetObject"),
    "UpdateBucketMetadataAnnotationTableConfiguration": _bucket(
        "UpdateBucketMetadataAnnotationTableConfiguration"
    ),
    "UpdateBucketMetadataInventoryTableConfiguration": _bucket(
        "UpdateBucketMetadataInventoryTableConfiguration"
    ),
    "UpdateBucketMetadataJournalTableConfiguration": _bucket("UpdateBucketMetadataJournalTableConfiguration"),
    "UpdateObjectEncryption": _object("UpdateObjectEncryption"),
    "UploadPart": _object("PutObject"),
    "UploadPartCopy": _object("PutObject"),
    "WriteGetObjectResponse": _bucket("WriteGetObjectResponse"),
}

COPIES = frozenset({"CopyObject", "UploadPartCopy"})
# Whoever may not list the bucket is not told that there is no such object.
READS = frozenset({
    "GetObject", "GetObjectAcl", "GetObjectAnnotation", "GetObjectAttributes", "GetObjectLegalHold",
    "GetObjectRetention", "GetObjectTagging", "GetObjectTorrent", "HeadObject", "SelectObjectContent",
})  # fmt: skip
# They make an object, whatever was there before.
WRITES = frozenset({"CopyObject", "CreateMultipartUpload", "PostObject", "PutObject"})
# The account that began an upload may do these with it.
OF_INITIATOR = frozenset({"AbortMultipartUpload", "ListMultipartUploadParts"})

# What the headers of a write ask for beside the write itself.
_ACL = frozenset({
    "x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
    "x-amz-grant-write-acp",
})  # fmt: skip
_OF_OBJECTS: dict[str, str] = {
    **dict.fromkeys(_ACL, "PutObjectAcl"),
    "x-amz-tagging": "PutObjectTagging",
    "x-amz-object-lock-mode": "PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "PutObjectRetention",
    "x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
_OF_BUCKETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_ACL, ("PutBucketAcl",)),
    "x-amz-object-ownership": ("PutBucketOwnershipControls",),
    "x-amz-bucket-object-lock-enabled": ("PutBucketObjectLockConfiguration", "PutBucketVersioning"),
}
BYPASS = "BypassGovernanceRetention"
BYPASSING = frozenset({"DeleteObject", "PutObjectRetention"})


def actions_of(operation: str, versioned: bool, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The actions that a request needs on what it names."""
    needs = NEEDS[operation]
    actions = needs.versioned if versioned and needs.versioned else needs.actions
    if operation in WRITES:
        more = {_OF_OBJECTS[name]: None for name in _OF_OBJECTS.keys() & headers.keys()}
        return (*actions, *more)
    if operation == "CreateBucket":
        extra = {one: None for name in _OF_BUCKETS.keys() & headers.keys() for one in _OF_BUCKETS[name]}
        return (*actions, *extra)
    return actions


# --- ACLs ----------------------------------------------------------------------------------------------
# The permission of an ACL that grants an action, and whose ACL that is.
BY_ACL: dict[str, tuple[Literal["bucket", "object"], Permission]] = {
    "GetBucketAcl": ("bucket", "READ_ACP"),
    "GetObject": ("object", "READ"),
    "GetObjectAcl": ("object", "READ_ACP"),
    "GetObjectTorrent": ("object", "READ"),
    "GetObjectVersion": ("object", "READ"),
    "GetObjectVersionAcl": ("object", "READ_ACP"),
    "GetObjectVersionTorrent": ("object", "READ"),
    "ListBucket": ("bucket", "READ"),
    "ListBucketMultipartUploads": ("bucket", "READ"),
    "ListBucketVersions": ("bucket", "READ"),
    "PutBucketAcl": ("bucket", "WRITE_ACP"),
    "PutObject": ("bucket", "WRITE"),
    "PutObjectAcl": ("object", "WRITE_ACP"),
    "PutObjectVersionAcl": ("object", "WRITE_ACP"),
}

# Of a write, whoever may WRITE to the bucket may say what its object's ACL and tags are.
WITH_WRITE = frozenset({"PutObjectAcl", "PutObjectTagging"})

# With WRITE on the bucket, whoever owns an object may delete it, too.
DELETES = frozenset({"DeleteObject"})

# Decided by the object's owner, where that is not the bucket's. The bucket's deletes and archives.
BY_OBJECT_OWNER = frozenset({
    "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention",
    "GetObjectTagging", "GetObjectTorrent", "GetObjectVersion", "GetObjectVersionAcl",
    "GetObjectVersionAttributes", "GetObjectVersionTagging", "GetObjectVersionTorrent", "PutObjectAcl",
    "PutObjectTagging", "PutObjectVersionAcl", "PutObjectVersionTagging", "DeleteObjectTagging",
    "DeleteObjectVersionTagging",
})  # fmt: skip

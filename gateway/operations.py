"""Every operation of S3, as botocore's service model names them: what picks each of them.

A test proves the table equal to the model; which of them are built is told by their handlers
(`gateway.handlers`), and `gateway.registry` selects.
"""

from typing import Literal, NamedTuple

Level = Literal["service", "bucket", "object"]


class Operation(NamedTuple):
    """One operation and what a request for it looks like.

    level        what its path names: nothing, a bucket, a key
    parameters   query parameters that must all be there, separated by blanks; "name=value" asks for a value
    header       a header that must be there
    reads        (derived) it changes nothing, so a reader can serve it
    shadowed_by  another operation that is told by the same request: this one is an older name for it
                 or belongs to another product
    """

    name: str
    method: str
    level: Level
    parameters: str = ""
    header: str = ""
    shadowed_by: str = ""

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD", "OPTIONS") or self.name == "SelectObjectContent"


OPERATIONS: tuple[Operation, ...] = (
    Operation("AbortMultipartUpload", "DELETE", "object", "uploadId"),
    Operation("CompleteMultipartUpload", "POST", "object", "uploadId"),
    Operation("CopyObject", "PUT", "object", header="x-amz-copy-source"),
    Operation("CreateBucket", "PUT", "bucket"),
    Operation("CreateBucketMetadataConfiguration", "POST", "bucket", "metadataConfiguration"),
    Operation("CreateBucketMetadataTableConfiguration", "POST", "bucket", "metadataTable"),
    Operation("CreateMultipartUpload", "POST", "object", "uploads"),
    Operation("CreateSession", "GET", "bucket", "session"),
    Operation("DeleteBucket", "DELETE", "bucket"),
    Operation("DeleteBucketAnalyticsConfiguration", "DELETE", "bucket", "analytics id"),
    Operation("DeleteBucketCors", "DELETE", "bucket", "cors"),
    Operation("DeleteBucketEncryption", "DELETE", "bucket", "encryption"),
    Operation("DeleteBucketIntelligentTieringConfiguration", "DELETE", "bucket", "intelligent-tiering id"),
    Operation("DeleteBucketInventoryConfiguration", "DELETE", "bucket", "inventory id"),
    Operation("DeleteBucketLifecycle", "DELETE", "bucket", "lifecycle"),
    Operation("DeleteBucketMetadataConfiguration", "DELETE", "bucket", "metadataConfiguration"),
    Operation("DeleteBucketMetadataTableConfiguration", "DELETE", "bucket", "metadataTable"),
    Operation("DeleteBucketMetricsConfiguration", "DELETE", "bucket", "metrics id"),
    Operation("DeleteBucketOwnershipControls", "DELETE", "bucket", "ownershipControls"),
    Operation("DeleteBucketPolicy", "DELETE", "bucket", "policy"),
    Operation("DeleteBucketReplication", "DELETE", "bucket", "replication"),
    Operation("DeleteBucketTagging", "DELETE", "bucket", "tagging"),
    Operation("DeleteBucketWebsite", "DELETE", "bucket", "website"),
    Operation("DeleteObject", "DELETE", "object"),
    Operation("DeleteObjectAnnotation", "DELETE", "object", "annotation annotationName"),
    Operation("DeleteObjectTagging", "DELETE", "object", "tagging"),
    Operation("DeleteObjects", "POST", "bucket", "delete"),
    Operation("DeletePublicAccessBlock", "DELETE", "bucket", "publicAccessBlock"),
    Operation("GetBucketAbac", "GET", "bucket", "abac"),
    Operation("GetBucketAccelerateConfiguration", "GET", "bucket", "accelerate"),
    Operation("GetBucketAcl", "GET", "bucket", "acl"),
    Operation("GetBucketAnalyticsConfiguration", "GET", "bucket", "analytics id"),
    Operation("GetBucketCors", "GET", "bucket", "cors"),
    Operation("GetBucketEncryption", "GET", "bucket", "encryption"),
    Operation("GetBucketIntelligentTieringConfiguration", "GET", "bucket", "intelligent-tiering id"),
    Operation("GetBucketInventoryConfiguration", "GET", "bucket", "inventory id"),
    Operation(
        "GetBucketLifecycle", "GET", "bucket", "lifecycle", shadowed_by="GetBucketLifecycleConfiguration"
    ),
    Operation("GetBucketLifecycleConfiguration", "GET", "bucket", "lifecycle"),
    Operation("GetBucketLocation", "GET", "bucket", "location"),
    Operation("GetBucketLogging", "GET", "bucket", "logging"),
    Operation("GetBucketMetadataConfiguration", "GET", "bucket", "metadataConfiguration"),
    Operation("GetBucketMetadataTableConfiguration", "GET", "bucket", "metadataTable"),
    Operation("GetBucketMetricsConfiguration", "GET", "bucket", "metrics id"),
    Operation(
        "GetBucketNotification",
        "GET",
        "bucket",
        "notification",
        shadowed_by="GetBucketNotificationConfiguration",
    ),
    Operation("GetBucketNotificationConfiguration", "GET", "bucket", "notification"),
    Operation("GetBucketOwnershipControls", "GET", "bucket", "ownershipControls"),
    Operation("GetBucketPolicy", "GET", "bucket", "policy"),
    Operation("GetBucketPolicyStatus", "GET", "bucket", "policyStatus"),
    Operation("GetBucketReplication", "GET", "bucket", "replication"),
    Operation("GetBucketRequestPayment", "GET", "bucket", "requestPayment"),
    Operation("GetBucketTagging", "GET", "bucket", "tagging"),
    Operation("GetBucketVersioning", "GET", "bucket", "versioning"),
    Operation("GetBucketWebsite", "GET", "bucket", "website"),
    Operation("GetObject", "GET", "object"),
    Operation("GetObjectAcl", "GET", "object", "acl"),
    Operation("GetObjectAnnotation", "GET", "object", "annotation annotationName"),
    Operation("GetObjectAttributes", "GET", "object", "attributes"),
    Operation("GetObjectLegalHold", "GET", "object", "legal-hold"),
    Operation("GetObjectLockConfiguration", "GET", "bucket", "object-lock"),
    Operation("GetObjectRetention", "GET", "object", "retention"),
    Operation("GetObjectTagging", "GET", "object", "tagging"),
    Operation("GetObjectTorrent", "GET", "object", "torrent"),
    Operation("GetPublicAccessBlock", "GET", "bucket", "publicAccessBlock"),
    Operation("HeadBucket", "HEAD", "bucket"),
    Operation("HeadObject", "HEAD", "object"),
    Operation("ListBucketAnalyticsConfigurations", "GET", "bucket", "analytics"),
    Operation("ListBucketIntelligentTieringConfigurations", "GET", "bucket", "intelligent-tiering"),
    Operation("ListBucketInventoryConfigurations", "GET", "bucket", "inventory"),
    Operation("ListBucketMetricsConfigurations", "GET", "bucket", "metrics"),
    Operation("ListBuckets", "GET", "service"),
    Operation("ListDirectoryBuckets", "GET", "service", "", shadowed_by="ListBuckets"),
    Operation("ListMultipartUploads", "GET", "bucket", "uploads"),
    Operation("ListObjectAnnotations", "GET", "object", "annotation"),
    Operation("ListObjectVersions", "GET", "bucket", "versions"),
    Operation("ListObjects", "GET", "bucket"),
    Operation("ListObjectsV2", "GET", "bucket", "list-type=2"),
    Operation("ListParts", "GET", "object", "uploadId"),
    Operation("PutBucketAbac", "PUT", "bucket", "abac"),
    Operation("PutBucketAccelerateConfiguration", "PUT", "bucket", "accelerate"),
    Operation("PutBucketAcl", "PUT", "bucket", "acl"),
    Operation("PutBucketAnalyticsConfiguration", "PUT", "bucket", "analytics id"),
    Operation("PutBucketCors", "PUT", "bucket", "cors"),
    Operation("PutBucketEncryption", "PUT", "bucket", "encryption"),
    Operation("PutBucketIntelligentTieringConfiguration", "PUT", "bucket", "intelligent-tiering id"),
    Operation("PutBucketInventoryConfiguration", "PUT", "bucket", "inventory id"),
    Operation(
        "PutBucketLifecycle", "PUT", "bucket", "lifecycle", shadowed_by="PutBucketLifecycleConfiguration"
    ),
    Operation("PutBucketLifecycleConfiguration", "PUT", "bucket", "lifecycle"),
    Operation("PutBucketLogging", "PUT", "bucket", "logging"),
    Operation("PutBucketMetricsConfiguration", "PUT", "bucket", "metrics id"),
    Operation(
        "PutBucketNotification",
        "PUT",
        "bucket",
        "notification",
        shadowed_by="PutBucketNotificationConfiguration",
    ),
    Operation("PutBucketNotificationConfiguration", "PUT", "bucket", "notification"),
    Operation("PutBucketOwnershipControls", "PUT", "bucket", "ownershipControls"),
    Operation("PutBucketPolicy", "PUT", "bucket", "policy"),
    Operation("PutBucketReplication", "PUT", "bucket", "replication"),
    Operation("PutBucketRequestPayment", "PUT", "bucket", "requestPayment"),
    Operation("PutBucketTagging", "PUT", "bucket", "tagging"),
    Operation("PutBucketVersioning", "PUT", "bucket", "versioning"),
    Operation("PutBucketWebsite", "PUT", "bucket", "website"),
    Operation("PutObject", "PUT", "object"),
    Operation("PutObjectAcl", "PUT", "object", "acl"),
    Operation("PutObjectAnnotation", "PUT", "object", "annotation annotationName"),
    Operation("PutObjectLegalHold", "PUT", "object", "legal-hold"),
    Operation("PutObjectLockConfiguration", "PUT", "bucket", "object-lock"),
    Operation("PutObjectRetention", "PUT", "object", "retention"),
    Operation("PutObjectTagging", "PUT", "object", "tagging"),
    Operation("PutPublicAccessBlock", "PUT", "bucket", "publicAccessBlock"),
    Operation("RenameObject", "PUT", "object", "renameObject"),
    Operation("RestoreObject", "POST", "object", "restore"),
    Operation("SelectObjectContent", "POST", "object", "select select-type=2"),
    Operation("UpdateBucketMetadataAnnotationTableConfiguration", "PUT", "bucket", "metadataAnnotationTable"),
    Operation("UpdateBucketMetadataInventoryTableConfiguration", "PUT", "bucket", "metadataInventoryTable"),
    Operation("UpdateBucketMetadataJournalTableConfiguration", "PUT", "bucket", "metadataJournalTable"),
    Operation("UpdateObjectEncryption", "PUT", "object", "encryption"),
    Operation("UploadPart", "PUT", "object", "partNumber uploadId"),
    Operation("UploadPartCopy", "PUT", "object", "partNumber uploadId", header="x-amz-copy-source"),
    Operation("WriteGetObjectResponse", "POST", "bucket", shadowed_by="PostObject"),
)

# Requests that S3 knows and botocore does not model.
UNMODELLED: tuple[Operation, ...] = (
    Operation("PostObject", "POST", "bucket"),
    Operation("PreflightBucket", "OPTIONS", "bucket"),
    Operation("PreflightObject", "OPTIONS", "object"),
)

"""The condition keys of S3 (Service Authorization Reference, Amazon S3), in lower case: case is no matter."""

# With the key of a tag behind a slash.
TAG_KEYS = frozenset({"s3:accesspointtag", "s3:buckettag", "s3:existingobjecttag", "s3:requestobjecttag"})

# Of requests that list; no other action has them.
LISTING_KEYS = frozenset({"s3:delimiter", "s3:max-keys", "s3:prefix"})
LISTING_ACTIONS = frozenset({"ListBucket", "ListBucketVersions"})

KEYS = LISTING_KEYS | {
    "s3:accessgrantscope", "s3:accessgrantsinstancearn", "s3:accessgrantslocationscope",
    "s3:accesspointnetworkorigin", "s3:authtype", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
    "s3:destinationregion", "s3:existingjoboperation", "s3:existingjobpriority", "s3:if-match",
    "s3:if-none-match", "s3:inventoryaccessibleoptionalfields", "s3:isreplicationpauserequest",
    "s3:jobsuspendedcause", "s3:locationconstraint", "s3:object-lock-legal-hold", "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days", "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation", "s3:requestjoboperation", "s3:requestjobpriority",
    "s3:requestobjecttagkeys", "s3:resourceaccount", "s3:signatureage", "s3:signatureversion",
    "s3:tlsversion", "s3:versionid", "s3:x-amz-acl", "s3:x-amz-bucket-namespace",
    "s3:x-amz-content-sha256", "s3:x-amz-copy-source", "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read", "s3:x-amz-grant-read-acp", "s3:x-amz-grant-write", "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive", "s3:x-amz-object-ownership", "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm", "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
}  # fmt: skip


def is_known(key: str) -> bool:
    """Whether a key is one of S3's, or not S3's to know."""
    name, slash, tag = key.lower().partition("/")
    if not name.startswith("s3:"):
        return True
    return bool(tag) and name in TAG_KEYS if slash else name in KEYS

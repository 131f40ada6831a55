"""What each operation needs: every operation of the registry stands in the table, and names actions of S3."""

import pytest

from access.s3_actions import BUCKET_ACTIONS, OBJECT_ACTIONS
from gateway.authorization.actions import BY_ACL, BY_OBJECT_OWNER, NEEDS, OF_VERSIONS, actions_of
from gateway.operations import OPERATIONS, UNMODELLED

# Of services around S3 that there are not here; bucket policies cannot name them.
ELSEWHERE = frozenset({
    "CreateBucketMetadataTableConfiguration", "CreateSession", "DeleteBucketMetadataTableConfiguration",
    "DeleteObjectAnnotation", "GetObjectAnnotation", "ListAllMyBuckets", "ListAllMyDirectoryBuckets",
    "ListObjectAnnotations", "PutObjectAnnotation", "RenameObject",
    "UpdateBucketMetadataAnnotationTableConfiguration", "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration", "UpdateObjectEncryption", "WriteGetObjectResponse",
})  # fmt: skip


def test_every_operation_stands_in_the_table() -> None:
    assert set(NEEDS) == {operation.name for operation in OPERATIONS + UNMODELLED}


def test_actions_are_of_the_level_of_the_operation() -> None:
    levels = {operation.name: operation.level for operation in OPERATIONS + UNMODELLED}
    for name, needs in NEEDS.items():
        for action in needs.actions + needs.versioned:
            known = BUCKET_ACTIONS if needs.on in ("bucket", "account") else OBJECT_ACTIONS
            assert action in known | ELSEWHERE, f"{name}: {action}"
        if needs.on in ("bucket", "object"):
            assert levels[name] == needs.on, name


def test_only_what_needs_nothing_names_no_action() -> None:
    assert {name for name, needs in NEEDS.items() if not needs.actions} == {
        "DeleteObjects", "PreflightBucket", "PreflightObject",
    }  # fmt: skip


def test_tables_name_actions_there_are() -> None:
    for action in {*BY_ACL, *BY_OBJECT_OWNER, *OF_VERSIONS, *OF_VERSIONS.values()}:
        assert action in BUCKET_ACTIONS | OBJECT_ACTIONS, action


@pytest.mark.parametrize(
    ("operation", "versioned", "headers", "expected"),
    [
        ("GetObject", False, [], "GetObject"),
        ("GetObject", True, [], "GetObjectVersion"),
        ("HeadObject", False, [], "GetObject"),
        ("HeadObject", True, [], "GetObjectVersion"),
        ("HeadBucket", False, [], "ListBucket"),
        ("ListObjectsV2", False, [], "ListBucket"),
        ("ListObjectVersions", False, [], "ListBucketVersions"),
        ("ListMultipartUploads", False, [], "ListBucketMultipartUploads"),
        ("ListParts", False, [], "ListMultipartUploadParts"),
        ("UploadPart", False, [], "PutObject"),
        ("CompleteMultipartUpload", False, [], "PutObject"),
        ("AbortMultipartUpload", False, [], "AbortMultipartUpload"),
        ("DeleteObject", False, [], "DeleteObject"),
        ("DeleteObject", True, [], "DeleteObjectVersion"),
        ("GetObjectTagging", True, [], "GetObjectVersionTagging"),
        ("PutObjectTagging", True, [], "PutObjectVersionTagging"),
        ("DeleteObjectTagging", True, [], "DeleteObjectVersionTagging"),
        ("GetObjectAcl", True, [], "GetObjectVersionAcl"),
        ("PutObjectAcl", True, [], "PutObjectVersionAcl"),
        ("GetObjectAttributes", False, [], "GetObject GetObjectAttributes"),
        ("GetObjectAttributes", True, [], "GetObjectVersion GetObjectVersionAttributes"),
        ("GetObjectRetention", True, [], "GetObjectRetention"),
        ("PutObject", False, [], "PutObject"),
        ("PutObject", False, ["x-amz-acl"], "PutObject PutObjectAcl"),
        ("PutObject", False, ["x-amz-grant-read", "x-amz-grant-write-acp"], "PutObject PutObjectAcl"),
        ("PutObject", False, ["x-amz-tagging"], "PutObject PutObjectTagging"),
        ("PutObject", False, ["x-amz-object-lock-mode"], "PutObject PutObjectRetention"),
        ("PutObject", False, ["x-amz-object-lock-legal-hold"], "PutObject PutObjectLegalHold"),
        ("CopyObject", False, ["x-amz-tagging"], "PutObject PutObjectTagging"),
        ("CreateMultipartUpload", False, ["x-amz-acl"], "PutObject PutObjectAcl"),
        ("UploadPart", False, ["x-amz-acl"], "PutObject"),
        ("CreateBucket", False, [], "CreateBucket"),
        ("CreateBucket", False, ["x-amz-acl"], "CreateBucket PutBucketAcl"),
        ("CreateBucket", False, ["x-amz-object-ownership"], "CreateBucket PutBucketOwnershipControls"),
        ("CreateBucket", False, ["x-amz-bucket-object-lock-enabled"],
         "CreateBucket PutBucketObjectLockConfiguration PutBucketVersioning"),
        ("DeletePublicAccessBlock", False, [], "PutBucketPublicAccessBlock"),
        ("DeleteBucketCors", False, [], "PutBucketCORS"),
        ("DeleteBucketWebsite", False, [], "DeleteBucketWebsite"),
    ],
)  # fmt: skip
def test_actions(operation: str, versioned: bool, headers: list[str], expected: str) -> None:
    found = actions_of(operation, versioned, dict.fromkeys(headers, "value"))
    assert sorted(found) == sorted(expected.split())

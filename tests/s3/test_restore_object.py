"""RestoreObject, and what archived objects (GLACIER, DEEP_ARCHIVE) answer before and after it.

AWS restores in hours; what is archived here lies on the same storage as everything else, so a restore is
done once it is answered."""

import calendar
import time
from typing import Any

import pytest

from tests.s3.expecting import body, refused
from tests.s3.raw import Raw

ARCHIVED = ["GLACIER", "DEEP_ARCHIVE"]
READABLE = ["STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"]


def midnight_after(days: int) -> str:
    """The end of a restore that begins now: the midnight after its days."""
    day = int(time.time()) // 86_400 + days + 1
    return time.strftime("%a, %d %b %Y 00:00:00 GMT", time.gmtime(day * 86_400))


@pytest.fixture(params=ARCHIVED)
def archived(s3: Any, bucket: str, request: pytest.FixtureRequest) -> str:
    """A bucket with an archived object "key"."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass=request.param)
    return bucket


def restore(s3: Any, bucket: str, days: int = 1, **more: Any) -> int:
    """The status of a restore."""
    answer = s3.restore_object(Bucket=bucket, Key="key", RestoreRequest={"Days": days}, **more)
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


# --- before --------------------------------------------------------------------------------------------
def test_an_archived_object_cannot_be_read(s3: Any, archived: str) -> None:
    storage_class = s3.head_object(Bucket=archived, Key="key")["StorageClass"]
    with pytest.raises(s3.exceptions.InvalidObjectState) as caught:
        s3.get_object(Bucket=archived, Key="key")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Message"] == (
        "The operation is not valid for the object's storage class"
    )
    assert caught.value.response["Error"]["StorageClass"] == storage_class


def test_nor_a_range_or_a_part_of_it(s3: Any, archived: str) -> None:
    with refused("InvalidObjectState", 403):
        s3.get_object(Bucket=archived, Key="key", Range="bytes=0-0")
    with refused("InvalidObjectState", 403):
        s3.get_object(Bucket=archived, Key="key", PartNumber=1)


def test_its_metadata_can_be_read(s3: Any, archived: str) -> None:
    head = s3.head_object(Bucket=archived, Key="key")
    assert head["StorageClass"] in ARCHIVED
    assert head["ContentLength"] == 4
    assert "Restore" not in head
    wanted = ["ObjectSize", "StorageClass"]
    found = s3.get_object_attributes(Bucket=archived, Key="key", ObjectAttributes=wanted)
    assert (found["ObjectSize"], found["StorageClass"]) == (4, head["StorageClass"])
    assert s3.get_object_tagging(Bucket=archived, Key="key")["TagSet"] == []


def test_it_cannot_be_copied(s3: Any, archived: str) -> None:
    source = {"Bucket": archived, "Key": "key"}
    with pytest.raises(s3.exceptions.ObjectNotInActiveTierError) as caught:
        s3.copy_object(Bucket=archived, Key="to", CopySource=source)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_no_part_can_be_copied_from_it(s3: Any, archived: str) -> None:
    upload = s3.create_multipart_upload(Bucket=archived, Key="to")["UploadId"]
    with refused("ObjectNotInActiveTierError", 403):
        s3.upload_part_copy(
            Bucket=archived, Key="to", UploadId=upload, PartNumber=1,
            CopySource={"Bucket": archived, "Key": "key"},
        )  # fmt: skip


def test_it_can_be_overwritten_and_deleted(s3: Any, archived: str) -> None:
    s3.put_object(Bucket=archived, Key="key", Body=b"new")
    assert body(s3.get_object(Bucket=archived, Key="key")) == b"new"
    s3.put_object(Bucket=archived, Key="key", Body=b"old", StorageClass="GLACIER")
    s3.delete_object(Bucket=archived, Key="key")
    with refused("404", 404):
        s3.head_object(Bucket=archived, Key="key")


def test_a_multipart_upload_can_be_archived(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", StorageClass="GLACIER")["UploadId"]
    place = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=b"data")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**place, MultipartUpload=parts)
    with refused("InvalidObjectState", 403):
        s3.get_object(Bucket=bucket, Key="key")
    restore(s3, bucket)
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"


# --- restore -------------------------------------------------------------------------------------------
def test_the_first_restore_is_accepted(s3: Any, archived: str) -> None:
    assert restore(s3, archived) == 202
    assert body(s3.get_object(Bucket=archived, Key="key")) == b"data"
    assert body(s3.get_object(Bucket=archived, Key="key", Range="bytes=1-2")) == b"at"


def test_the_answer_has_no_body(raw: Raw, s3: Any, archived: str) -> None:
    document = b"<RestoreRequest><Days>1</Days></RestoreRequest>"
    answer = raw.send("POST", f"/{archived}/key?restore", {}, document)
    assert (answer.status, answer.body) == (202, b"")


def test_head_and_get_tell_until_when(s3: Any, archived: str) -> None:
    before = midnight_after(2)
    restore(s3, archived, 2)
    after = midnight_after(2)  # another one, should the test run over midnight
    wanted = [f'ongoing-request="false", expiry-date="{end}"' for end in (before, after)]
    assert s3.head_object(Bucket=archived, Key="key")["Restore"] in wanted
    assert s3.get_object(Bucket=archived, Key="key")["Restore"] in wanted
    assert s3.head_object(Bucket=archived, Key="key")["StorageClass"] in ARCHIVED


def test_a_second_restore_changes_the_term(s3: Any, archived: str) -> None:
    assert restore(s3, archived, 5) == 202
    longer = s3.head_object(Bucket=archived, Key="key")["Restore"]
    assert restore(s3, archived, 1) == 200
    assert s3.head_object(Bucket=archived, Key="key")["Restore"] != longer


def test_a_restored_object_can_be_copied(s3: Any, archived: str) -> None:
    restore(s3, archived)
    s3.copy_object(Bucket=archived, Key="to", CopySource={"Bucket": archived, "Key": "key"})
    answer = s3.get_object(Bucket=archived, Key="to")
    assert body(answer) == b"data"
    assert "StorageClass" not in answer
    assert "Restore" not in answer


def test_a_copy_onto_itself_takes_it_out_of_the_archive(s3: Any, archived: str) -> None:
    restore(s3, archived)
    source = {"Bucket": archived, "Key": "key"}
    s3.copy_object(Bucket=archived, Key="key", CopySource=source, StorageClass="STANDARD")
    assert "StorageClass" not in s3.head_object(Bucket=archived, Key="key")


def test_an_archived_copy_is_not_restored(s3: Any, archived: str) -> None:
    restore(s3, archived)
    source = {"Bucket": archived, "Key": "key"}
    s3.copy_object(Bucket=archived, Key="to", CopySource=source, StorageClass="GLACIER")
    with refused("InvalidObjectState", 403):
        s3.get_object(Bucket=archived, Key="to")


def test_each_version_is_restored_by_itself(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="key", Body=b"1", StorageClass="GLACIER")["VersionId"]
    s3.put_object(Bucket=versioned, Key="key", Body=b"2", StorageClass="GLACIER")
    assert restore(s3, versioned, VersionId=first) == 202
    assert body(s3.get_object(Bucket=versioned, Key="key", VersionId=first)) == b"1"
    with refused("InvalidObjectState", 403):
        s3.get_object(Bucket=versioned, Key="key")


@pytest.mark.parametrize("storage_class", READABLE)
def test_what_is_not_archived_cannot_be_restored(s3: Any, bucket: str, storage_class: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass=storage_class)
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"
    with refused("InvalidObjectState", 403):
        restore(s3, bucket)


def test_intelligent_tiering_takes_no_days(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass="INTELLIGENT_TIERING")
    with refused("InvalidArgument", 400):
        restore(s3, bucket)
    with refused("InvalidObjectState", 403):
        s3.restore_object(Bucket=bucket, Key="key", RestoreRequest={})


@pytest.mark.parametrize("tier", ["Standard", "Bulk", "Expedited"])
def test_tiers(s3: Any, bucket: str, tier: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass="GLACIER")
    wanted = {"Days": 1, "GlacierJobParameters": {"Tier": tier}}
    s3.restore_object(Bucket=bucket, Key="key", RestoreRequest=wanted)
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"


def test_a_deep_archive_is_not_expedited(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass="DEEP_ARCHIVE")
    wanted = {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}
    with refused("InvalidArgument", 400):
        s3.restore_object(Bucket=bucket, Key="key", RestoreRequest=wanted)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "MissingRequestBodyError"),
        (b"<RestoreRequest/>", "MalformedXML"),
        (b"<RestoreRequest><Days>many</Days></RestoreRequest>", "MalformedXML"),
        (b"<RestoreRequest><Days>0</Days></RestoreRequest>", "InvalidArgument"),
        (b"<RestoreRequest><Days>-1</Days></RestoreRequest>", "InvalidArgument"),
        (b"<RestoreRequest><Days>1</Days><Hours>1</Hours></RestoreRequest>", "MalformedXML"),
        (b"<RestoreRequest><Days>1</Days><Tier>Slow</Tier></RestoreRequest>", "MalformedXML"),
    ],
)
def test_requests_that_are_none(raw: Raw, s3: Any, archived: str, document: bytes, code: str) -> None:
    answer = raw.send("POST", f"/{archived}/key?restore", {}, document)
    assert (answer.status, answer.code) == (400, code)
    assert "Restore" not in s3.head_object(Bucket=archived, Key="key")


def test_a_select_is_not_built(raw: Raw, archived: str) -> None:
    document = b"<RestoreRequest><Type>SELECT</Type></RestoreRequest>"
    answer = raw.send("POST", f"/{archived}/key?restore", {}, document)
    assert (answer.status, answer.code) == (501, "NotImplemented")


def test_objects_that_are_not_there(s3: Any, versioned: str) -> None:
    with refused("NoSuchKey", 404):
        restore(s3, versioned)
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    with refused("NoSuchKey", 404):
        restore(s3, versioned)
    with refused("MethodNotAllowed", 405):
        restore(s3, versioned, VersionId=marker)


# --- listings ------------------------------------------------------------------------------------------
def test_listings_tell_what_is_restored_when_asked(s3: Any, archived: str) -> None:
    s3.put_object(Bucket=archived, Key="other", Body=b"data", StorageClass="GLACIER")
    restore(s3, archived)
    end = s3.head_object(Bucket=archived, Key="key")["Restore"].split('"')[3]
    for call, rows in (
        (s3.list_objects, "Contents"),
        (s3.list_objects_v2, "Contents"),
        (s3.list_object_versions, "Versions"),
    ):
        found = {
            row["Key"]: row.get("RestoreStatus")
            for row in call(Bucket=archived, OptionalObjectAttributes=["RestoreStatus"])[rows]
        }
        status = found.pop("key")
        assert found == {"other": None}
        assert status["IsRestoreInProgress"] is False
        seconds = calendar.timegm(status["RestoreExpiryDate"].utctimetuple())
        assert time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds)) == end
        assert "RestoreStatus" not in call(Bucket=archived)[rows][0]


def test_listings_know_no_other_attribute(s3: Any, bucket: str) -> None:
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=bucket, OptionalObjectAttributes=["Colour"])

"""Object Lock (User Guide, "Locking objects with Object Lock"; API Reference)."""

import datetime
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.s3.expecting import body, refused
from tests.s3.raw import Raw, content_md5

DAY = datetime.timedelta(days=1)
DENIED = "AccessDenied"


def moment(days: float) -> datetime.datetime:
    return (datetime.datetime.now(datetime.UTC) + days * DAY).replace(microsecond=0)


@pytest.fixture
def locked(s3: Any) -> str:
    """A new bucket with Object Lock and without a default retention."""
    name = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def default(s3: Any, bucket: str, mode: str, **period: int) -> Any:
    rule = {"DefaultRetention": {"Mode": mode, **period}}
    return s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )


def put(s3: Any, bucket: str, mode: str = "", days: float = 1, **more: Any) -> str:
    """The version made; with a mode, kept for so many days."""
    if mode:
        more |= {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": moment(days)}
    return str(s3.put_object(Bucket=bucket, Key="k", Body=b"x", **more)["VersionId"])


def retain(s3: Any, bucket: str, version: str, mode: str, days: float, **more: Any) -> Any:
    retention = {"Mode": mode, "RetainUntilDate": moment(days)} if mode else {}
    return s3.put_object_retention(Bucket=bucket, Key="k", VersionId=version, Retention=retention, **more)


def delete(s3: Any, bucket: str, version: str, **more: Any) -> Any:
    return s3.delete_object(Bucket=bucket, Key="k", VersionId=version, **more)


# --- the bucket ------------------------------------------------------------------------------------------
def test_a_bucket_is_created_with_it(s3: Any, locked: str) -> None:
    got = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert got == {"ObjectLockEnabled": "Enabled"}
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    default(s3, locked, "GOVERNANCE", Years=1)
    got = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert got["Rule"] == {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}}


def test_a_bucket_without_it(s3: Any, bucket: str) -> None:
    with refused("ObjectLockConfigurationNotFoundError", 404):
        s3.get_object_lock_configuration(Bucket=bucket)


def test_a_versioned_bucket_gets_it_later(s3: Any, versioned: str) -> None:
    default(s3, versioned, "GOVERNANCE", Days=3)
    got = s3.get_object_lock_configuration(Bucket=versioned)["ObjectLockConfiguration"]
    assert got["Rule"] == {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}


def test_versioning_must_be_enabled_and_stays_so(s3: Any, bucket: str, locked: str) -> None:
    with refused("InvalidBucketState", 409):
        default(s3, bucket, "GOVERNANCE", Days=3)
    with refused("InvalidBucketState", 409):
        s3.put_bucket_versioning(Bucket=locked, VersioningConfiguration={"Status": "Suspended"})


@pytest.mark.parametrize("period", [{"Days": 30}, {"Years": 2}], ids=str)
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_the_default_retention_of_new_versions(
    s3: Any, locked: str, mode: str, period: dict[str, int]
) -> None:
    before = put(s3, locked)
    default(s3, locked, mode, **period)
    version = put(s3, locked)
    got = s3.head_object(Bucket=locked, Key="k", VersionId=version)
    days = period.get("Days", 365 * period.get("Years", 0))
    assert got["ObjectLockMode"] == mode
    assert abs(got["ObjectLockRetainUntilDate"] - moment(days)) < datetime.timedelta(minutes=5)
    with refused(DENIED, 403):
        delete(s3, locked, version)
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="k", VersionId=before)
    delete(s3, locked, before)


def test_a_versions_own_retention_goes_before_the_default(s3: Any, locked: str) -> None:
    default(s3, locked, "COMPLIANCE", Days=30)
    version = put(s3, locked, "GOVERNANCE", 5)
    got = s3.get_object_retention(Bucket=locked, Key="k", VersionId=version)["Retention"]
    assert got["Mode"] == "GOVERNANCE"
    assert got["RetainUntilDate"] < moment(6)


def test_the_default_is_taken_away(s3: Any, locked: str) -> None:
    default(s3, locked, "COMPLIANCE", Days=30)
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    delete(s3, locked, put(s3, locked))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "MalformedXML"),
        ("<ObjectLockEnabled>Disabled</ObjectLockEnabled>", "MalformedXML"),
        ("{0}<Rule/>", "MalformedXML"),
        ("{0}<Rule><DefaultRetention><Mode>SOFT</Mode><Days>1</Days></DefaultRetention></Rule>",
         "MalformedXML"),
        ("{0}<Rule><DefaultRetention><Mode>GOVERNANCE</Mode></DefaultRetention></Rule>", "MalformedXML"),
        ("{0}<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years></DefaultRetention>"
         "</Rule>", "MalformedXML"),
        ("{0}<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>0</Days></DefaultRetention></Rule>",
         "InvalidArgument"),
        ("{0}<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>36501</Days></DefaultRetention></Rule>",
         "InvalidArgument"),
        ("{0}<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Years>101</Years></DefaultRetention></Rule>",
         "InvalidArgument"),
    ],
)  # fmt: skip
def test_configurations_that_are_none(raw: Raw, locked: str, content: str, code: str) -> None:
    enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
    data = f"<ObjectLockConfiguration>{content.replace('{0}', enabled)}</ObjectLockConfiguration>".encode()
    answer = raw.send("PUT", f"/{locked}?object-lock=", content_md5(data), data)
    assert (answer.status, answer.code) == (400, code)


# --- retention -------------------------------------------------------------------------------------------
def test_what_a_write_asks_for(s3: Any, locked: str) -> None:
    until = moment(2)
    s3.put_object(Bucket=locked, Key="source", Body=b"x")
    asked = {
        "ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until, "ObjectLockLegalHoldStatus": "ON",
    }  # fmt: skip
    s3.put_object(Bucket=locked, Key="put", Body=b"x", **asked)
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/source", **asked)
    upload = s3.create_multipart_upload(Bucket=locked, Key="parts", **asked)["UploadId"]
    part = s3.upload_part(Bucket=locked, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=locked, Key="parts", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )  # fmt: skip
    for key in ("put", "copy", "parts"):
        got = s3.get_object(Bucket=locked, Key=key)
        assert body(got) == b"x"
        assert {name: got[name] for name in asked} == asked, key
        retention = s3.get_object_retention(Bucket=locked, Key=key)["Retention"]
        assert retention == {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        assert s3.get_object_legal_hold(Bucket=locked, Key=key)["LegalHold"] == {"Status": "ON"}


def test_a_copy_has_no_lock_of_its_source(s3: Any, locked: str) -> None:
    put(s3, locked, "COMPLIANCE", 1)
    s3.copy_object(Bucket=locked, Key="copy", CopySource=f"{locked}/k")
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="copy")


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_version_under_retention_stays(s3: Any, locked: str, mode: str) -> None:
    version = put(s3, locked, mode)
    with refused(DENIED, 403):
        delete(s3, locked, version)
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert [one["Code"] for one in answer["Errors"]] == [DENIED]
    marker = s3.delete_object(Bucket=locked, Key="k")
    assert marker["DeleteMarker"] is True
    put(s3, locked)
    assert body(s3.get_object(Bucket=locked, Key="k", VersionId=version)) == b"x"
    delete(s3, locked, marker["VersionId"])
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=locked)


def test_governance_gives_way_to_a_bypass(s3: Any, locked: str) -> None:
    first, second = put(s3, locked, "GOVERNANCE"), put(s3, locked, "GOVERNANCE")
    delete(s3, locked, first, BypassGovernanceRetention=True)
    answer = s3.delete_objects(
        Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": second}]}, BypassGovernanceRetention=True
    )
    assert "Errors" not in answer
    assert "Versions" not in s3.list_object_versions(Bucket=locked)


def test_nothing_gets_past_compliance(s3: Any, locked: str) -> None:
    version = put(s3, locked, "COMPLIANCE", 2)
    bypass = {"BypassGovernanceRetention": True}
    with refused(DENIED, 403):
        delete(s3, locked, version, **bypass)
    for mode, days in (("COMPLIANCE", 1.0), ("GOVERNANCE", 3.0), ("", 0.0)):
        with refused(DENIED, 403):
            retain(s3, locked, version, mode, days, **bypass)
    retain(s3, locked, version, "COMPLIANCE", 3)
    got = s3.get_object_retention(Bucket=locked, Key="k", VersionId=version)["Retention"]
    assert got["RetainUntilDate"] > moment(2.5)


def test_governance_is_shortened_and_ended_by_a_bypass_only(s3: Any, locked: str) -> None:
    version = put(s3, locked, "GOVERNANCE", 2)
    retain(s3, locked, version, "GOVERNANCE", 3)
    for mode, days in (("GOVERNANCE", 1.0), ("COMPLIANCE", 4.0), ("", 0.0)):
        with refused(DENIED, 403):
            retain(s3, locked, version, mode, days)
    retain(s3, locked, version, "GOVERNANCE", 1, BypassGovernanceRetention=True)
    retain(s3, locked, version, "", 0, BypassGovernanceRetention=True)
    with refused("NoSuchObjectLockConfiguration", 404):
        s3.get_object_retention(Bucket=locked, Key="k", VersionId=version)
    delete(s3, locked, version)


def test_retention_ends_by_itself(s3: Any, locked: str) -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    asked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    version = str(s3.put_object(Bucket=locked, Key="k", Body=b"x", **asked)["VersionId"])

    def is_kept() -> bool:
        try:
            delete(s3, locked, version)
        except s3.exceptions.ClientError as error:
            return bool(error.response["Error"]["Code"] == DENIED)
        return False

    limit = time.monotonic() + 30
    while is_kept():
        assert time.monotonic() < limit
    # What boto3 sends has whole seconds.
    assert datetime.datetime.now(datetime.UTC) >= until.replace(microsecond=0)
    assert "Versions" not in s3.list_object_versions(Bucket=locked)


def test_retention_is_set_later(s3: Any, locked: str) -> None:
    version = put(s3, locked)
    with refused("NoSuchObjectLockConfiguration", 404):
        s3.get_object_retention(Bucket=locked, Key="k", VersionId=version)
    retain(s3, locked, version, "COMPLIANCE", 1)
    with refused(DENIED, 403):
        delete(s3, locked, version)


def test_a_race_of_deletes_with_retention(s3: Any, store: Any, locked: str) -> None:
    """Whichever comes first: a version is never both gone and acknowledged as kept."""
    client = store.client(max_pool_connections=8)
    for _ in range(10):
        version = put(s3, locked)
        with ThreadPoolExecutor(2) as pool:
            kept = pool.submit(retain, client, locked, version, "GOVERNANCE", 1)
            gone = pool.submit(delete, client, locked, version)
        there = version in [
            one["VersionId"] for one in s3.list_object_versions(Bucket=locked).get("Versions", [])
        ]
        assert there == (kept.exception() is None)
        assert there == (gone.exception() is not None)
        if there:
            delete(s3, locked, version, BypassGovernanceRetention=True)
    client.close()


# --- legal hold ------------------------------------------------------------------------------------------
def test_a_legal_hold(s3: Any, locked: str) -> None:
    version = put(s3, locked)
    with refused("NoSuchObjectLockConfiguration", 404):
        s3.get_object_legal_hold(Bucket=locked, Key="k")
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "ON"})
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "ON"
    with refused(DENIED, 403):
        delete(s3, locked, version, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=locked, Key="k", VersionId=version, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"] == {"Status": "OFF"}
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "OFF"
    delete(s3, locked, version)


def test_a_version_that_never_had_a_legal_hold(s3: Any, locked: str) -> None:
    """API Reference, HeadObject: "This header is not returned if the specified version of this object has
    never had a legal hold applied."."""
    put(s3, locked, "GOVERNANCE")
    assert "ObjectLockLegalHoldStatus" not in s3.head_object(Bucket=locked, Key="k")
    with refused("NoSuchObjectLockConfiguration", 404):
        s3.get_object_legal_hold(Bucket=locked, Key="k")


def test_retention_and_legal_hold_are_apart(s3: Any, locked: str) -> None:
    version = put(s3, locked, "GOVERNANCE", ObjectLockLegalHoldStatus="ON")
    retain(s3, locked, version, "", 0, BypassGovernanceRetention=True)
    with refused(DENIED, 403):
        delete(s3, locked, version)
    retain(s3, locked, version, "GOVERNANCE", 1)
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "OFF"})
    with refused(DENIED, 403):
        delete(s3, locked, version)
    delete(s3, locked, version, BypassGovernanceRetention=True)


# --- what is refused -------------------------------------------------------------------------------------
def test_a_bucket_without_object_lock_takes_none(s3: Any, versioned: str) -> None:
    version = put(s3, versioned)
    with refused("InvalidRequest", 400):
        put(s3, versioned, "GOVERNANCE")
    with refused("InvalidRequest", 400):
        put(s3, versioned, ObjectLockLegalHoldStatus="ON")
    with refused("InvalidRequest", 400):
        retain(s3, versioned, version, "GOVERNANCE", 1)
    with refused("InvalidRequest", 400):
        s3.put_object_legal_hold(Bucket=versioned, Key="k", LegalHold={"Status": "ON"})
    for call in (s3.get_object_retention, s3.get_object_legal_hold):
        with refused("InvalidRequest", 400):
            call(Bucket=versioned, Key="k")


@pytest.mark.parametrize(
    "asked",
    [
        {"ObjectLockMode": "GOVERNANCE"},
        {"ObjectLockRetainUntilDate": moment(1)},
        {"ObjectLockMode": "SOFT", "ObjectLockRetainUntilDate": moment(1)},
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": moment(-1)},
        {"ObjectLockLegalHoldStatus": "on"},
    ],
    ids=["no date", "no mode", "unknown mode", "past", "unknown status"],
)
def test_headers_that_are_none(lax: Any, locked: str, asked: dict[str, Any]) -> None:
    with refused("InvalidArgument", 400):
        put(lax, locked, **asked)


def test_a_write_with_a_lock_needs_a_digest(raw: Raw, locked: str) -> None:
    answer = raw.send("PUT", f"/{locked}/k", {"x-amz-object-lock-legal-hold": "ON"}, b"x")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert raw.send("PUT", f"/{locked}/k", {}, b"x").status == 200


def test_a_write_under_the_default_retention_needs_a_digest(s3: Any, raw: Raw, locked: str) -> None:
    """User Guide, "Object Lock considerations": uploads to a bucket with a default retention period must
    include the Content-MD5 or a checksum header; parts are uploads too."""
    default(s3, locked, "GOVERNANCE", Days=1)
    upload = s3.create_multipart_upload(Bucket=locked, Key="k")["UploadId"]
    for path in (f"/{locked}/k", f"/{locked}/k?partNumber=1&uploadId={upload}"):
        answer = raw.send("PUT", path, {}, b"x")
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert raw.send("PUT", path, content_md5(b"x"), b"x").status == 200


def test_a_part_under_a_lock_needs_a_digest(s3: Any, raw: Raw, locked: str) -> None:
    asked = {"Bucket": locked, "Key": "k", "ObjectLockLegalHoldStatus": "ON"}
    upload = s3.create_multipart_upload(**asked)["UploadId"]
    path = f"/{locked}/k?partNumber=1&uploadId={upload}"
    assert raw.send("PUT", path, {}, b"x").code == "InvalidRequest"
    assert raw.send("PUT", path, content_md5(b"x"), b"x").status == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<Mode>GOVERNANCE</Mode>", "MalformedXML"),
        ("<RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate>", "MalformedXML"),
        ("<Mode>SOFT</Mode><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate>", "MalformedXML"),
        ("<Mode>GOVERNANCE</Mode><RetainUntilDate>1999-01-01T00:00:00Z</RetainUntilDate>", "InvalidArgument"),
        ("<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>", "InvalidArgument"),
        (
            "<Mode>GOVERNANCE</Mode><RetainUntilDate>9999-12-31T23:59:59-01:00</RetainUntilDate>",
            "InvalidArgument",
        ),
        (
            "<Mode>GOVERNANCE</Mode><RetainUntilDate>0001-01-01T00:00:00+01:00</RetainUntilDate>",
            "InvalidArgument",
        ),
    ],
)
def test_retentions_that_are_none(s3: Any, raw: Raw, locked: str, content: str, code: str) -> None:
    put(s3, locked)
    data = f"<Retention>{content}</Retention>".encode()
    answer = raw.send("PUT", f"/{locked}/k?retention=", content_md5(data), data)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z"])
def test_the_last_moment_there_is(s3: Any, raw: Raw, locked: str, until: str) -> None:
    put(s3, locked)
    data = (
        f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()
    )
    assert raw.send("PUT", f"/{locked}/k?retention=", content_md5(data), data).status == 200
    assert b"9999-12-31T23:59:59.000Z" in raw.send("GET", f"/{locked}/k?retention=").body


def test_what_is_not_there(s3: Any, locked: str) -> None:
    with refused("NoSuchKey", 404):
        s3.get_object_retention(Bucket=locked, Key="missing")
    with refused("NoSuchKey", 404):
        s3.put_object_legal_hold(Bucket=locked, Key="missing", LegalHold={"Status": "ON"})

"""GetObjectAttributes."""

import base64
import re
import uuid
import zlib
from datetime import timedelta
from typing import Any

import pytest

from tests.s3.expecting import headers, refused
from tests.s3.raw import Raw

MIB = 1024**2
EVERYTHING = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
ALGORITHMS = ["CRC32", "SHA256"]


def upload(s3: Any, bucket: str, key: str, *parts: bytes, **arguments: Any) -> list[Any]:
    """A multipart upload; the answers to its parts."""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **arguments)["UploadId"]
    place = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
    algorithm = {k: v for k, v in arguments.items() if k == "ChecksumAlgorithm"}
    stored = [s3.upload_part(**place, PartNumber=n, Body=p, **algorithm) for n, p in enumerate(parts, 1)]
    named = [
        {"PartNumber": number, **{k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum")}}
        for number, answer in enumerate(stored, 1)
    ]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": named})
    return stored


@pytest.fixture(scope="module")
def multipart(s3: Any) -> dict[str, Any]:
    """An object of three parts with SHA256 checksums, its bucket and the answers to its parts."""
    name = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    bodies = [b"a" * (5 * MIB), b"b" * (5 * MIB), b"c"]
    stored = upload(s3, name, "key", *bodies, ChecksumAlgorithm="SHA256")
    return {"bucket": name, "stored": stored, "sizes": [len(body) for body in bodies]}


def test_every_attribute_of_an_object(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="key", Body=b"data", ChecksumAlgorithm="CRC32")
    answer = s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=EVERYTHING)
    crc = base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()
    assert answer["ETag"] == put["ETag"].strip('"')  # without quotes, as S3's
    assert answer["Checksum"] == {"ChecksumCRC32": crc, "ChecksumType": "FULL_OBJECT"}
    assert answer["StorageClass"] == "STANDARD"
    assert answer["ObjectSize"] == 4
    assert "ObjectParts" not in answer
    head = s3.head_object(Bucket=bucket, Key="key")
    assert answer["LastModified"] == head["LastModified"]
    assert "VersionId" not in answer
    assert "DeleteMarker" not in answer


@pytest.mark.parametrize("name", EVERYTHING)
def test_only_what_is_asked_for_is_returned(s3: Any, multipart: dict[str, Any], name: str) -> None:
    answer = s3.get_object_attributes(Bucket=multipart["bucket"], Key="key", ObjectAttributes=[name])
    assert set(answer) & set(EVERYTHING) == {name}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_checksum_of_a_multipart_object_is_composite(s3: Any, bucket: str, algorithm: str) -> None:
    upload(s3, bucket, "key", b"a" * (5 * MIB), b"b", ChecksumAlgorithm=algorithm)
    answer = s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=["Checksum"])
    assert answer["Checksum"]["ChecksumType"] == "COMPOSITE"
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")[f"Checksum{algorithm}"]
    # Here without the number of parts: AWS gives that in ObjectParts only.
    assert f"{answer['Checksum'][f'Checksum{algorithm}']}-2" == head


def test_parts_with_their_checksums(s3: Any, multipart: dict[str, Any]) -> None:
    answer = s3.get_object_attributes(Bucket=multipart["bucket"], Key="key", ObjectAttributes=["ObjectParts"])
    found = answer["ObjectParts"]
    assert (found["TotalPartsCount"], found["IsTruncated"], found["MaxParts"]) == (3, False, 1000)
    assert (found["PartNumberMarker"], found["NextPartNumberMarker"]) == (0, 3)
    assert [part["PartNumber"] for part in found["Parts"]] == [1, 2, 3]
    assert [part["Size"] for part in found["Parts"]] == multipart["sizes"]
    wanted = [answer["ChecksumSHA256"] for answer in multipart["stored"]]
    assert [part["ChecksumSHA256"] for part in found["Parts"]] == wanted


def test_parts_come_in_pages(s3: Any, multipart: dict[str, Any]) -> None:
    numbers, marker, pages = [], 0, 0
    while True:
        found = s3.get_object_attributes(
            Bucket=multipart["bucket"], Key="key", ObjectAttributes=["ObjectParts"], MaxParts=2,
            PartNumberMarker=marker,
        )["ObjectParts"]  # fmt: skip
        assert (found["MaxParts"], found["PartNumberMarker"]) == (2, marker)
        assert found["TotalPartsCount"] == 3
        numbers += [part["PartNumber"] for part in found["Parts"]]
        pages += 1
        marker = found["NextPartNumberMarker"]
        if not found["IsTruncated"]:
            break
    assert (numbers, pages) == ([1, 2, 3], 2)


def test_a_page_is_never_longer_than_1000_parts(s3: Any, multipart: dict[str, Any]) -> None:
    found = s3.get_object_attributes(
        Bucket=multipart["bucket"], Key="key", ObjectAttributes=["ObjectParts"], MaxParts=5000
    )["ObjectParts"]
    assert found["MaxParts"] == 1000


def test_a_marker_after_the_last_part(s3: Any, multipart: dict[str, Any]) -> None:
    found = s3.get_object_attributes(
        Bucket=multipart["bucket"], Key="key", ObjectAttributes=["ObjectParts"], PartNumberMarker=3
    )["ObjectParts"]
    assert (found.get("Parts", []), found["IsTruncated"], found["TotalPartsCount"]) == ([], False, 3)


@pytest.mark.parametrize("header", ["x-amz-max-parts", "x-amz-part-number-marker"])
@pytest.mark.parametrize("value", ["-1", "many", "1.5", "99999999999"])
def test_numbers_that_are_none(raw: Raw, multipart: dict[str, Any], header: str, value: str) -> None:
    answer = raw.send(
        "GET",
        f"/{multipart['bucket']}/key?attributes",
        {"x-amz-object-attributes": "ObjectParts", header: value},
    )
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_the_answer_as_s3_writes_it(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    answer = raw.send(
        "GET", f"/{bucket}/key?attributes", {"x-amz-object-attributes": "ETag,ObjectSize, StorageClass"}
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/xml"
    assert b'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' in answer.body
    names = re.findall(rb"</(\w+)>", answer.body)
    assert names == [b"ETag", b"StorageClass", b"ObjectSize", b"GetObjectAttributesOutput"]


@pytest.mark.parametrize("value", [None, "", " , "])
def test_without_the_header_it_is_refused(raw: Raw, s3: Any, bucket: str, value: str | None) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    named = {} if value is None else {"x-amz-object-attributes": value}
    answer = raw.send("GET", f"/{bucket}/key?attributes", named)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_an_unknown_attribute(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    with refused("InvalidArgument", 400):
        s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=["ETag", "Colour"])


def test_a_version_by_its_id(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="key", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="key", Body=b"22")["VersionId"]
    old = s3.get_object_attributes(
        Bucket=versioned, Key="key", VersionId=first, ObjectAttributes=["ObjectSize"]
    )
    new = s3.get_object_attributes(Bucket=versioned, Key="key", ObjectAttributes=["ObjectSize"])
    assert (old["ObjectSize"], old["VersionId"]) == (1, first)
    assert (new["ObjectSize"], new["VersionId"]) == (2, second)


def test_a_delete_marker_in_the_way(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="key", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    with pytest.raises(s3.exceptions.NoSuchKey) as caught:
        s3.get_object_attributes(Bucket=versioned, Key="key", ObjectAttributes=["ETag"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    sent = headers(caught.value.response)
    assert (sent["x-amz-delete-marker"], sent["x-amz-version-id"]) == ("true", marker)


def test_a_delete_marker_by_its_id(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="key", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    with refused("MethodNotAllowed", 405):
        s3.get_object_attributes(Bucket=versioned, Key="key", VersionId=marker, ObjectAttributes=["ETag"])


def test_objects_and_buckets_that_are_not_there(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.get_object_attributes(Bucket=bucket, Key="none", ObjectAttributes=["ETag"])
    with refused("NoSuchBucket", 404):
        s3.get_object_attributes(Bucket="no-such-bucket-at-all", Key="none", ObjectAttributes=["ETag"])


def test_conditions(raw: Raw, s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="key", Body=b"data")["ETag"]
    changed = s3.head_object(Bucket=bucket, Key="key")["LastModified"]
    before = (changed - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def status(**conditions: str) -> int:
        named = {name.replace("_", "-"): value for name, value in conditions.items()}
        wanted = {"x-amz-object-attributes": "ETag", **named}
        return raw.send("GET", f"/{bucket}/key?attributes", wanted).status

    assert status(if_match=etag, if_unmodified_since=before) == 200
    assert status(if_none_match=etag, if_modified_since=before) == 304
    assert status(if_match='"other"') == 412


def test_a_storage_class(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass="STANDARD_IA")
    answer = s3.get_object_attributes(Bucket=bucket, Key="key", ObjectAttributes=["StorageClass"])
    assert answer["StorageClass"] == "STANDARD_IA"

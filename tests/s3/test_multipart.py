"""Multipart uploads: parts, ETags, checksums, and everything that can be wrong with them."""

import base64
import hashlib
import os
from typing import Any

import pytest
from awscrt import checksums

from tests.s3.expecting import body, every_page, keys, refused

MIB = 1024 * 1024
FIVE = os.urandom(5 * MIB)
TAIL = os.urandom(700_001)


def upload(
    s3: Any, bucket: str, pieces: list[bytes], key: str = "k", **create: Any
) -> tuple[str, list[dict[str, Any]]]:
    """Begin an upload and store the pieces as parts 1, 2 …"""
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **create)["UploadId"]
    return upload_id, [put_part(s3, bucket, upload_id, i, data, key) for i, data in enumerate(pieces, 1)]


def put_part(
    s3: Any, bucket: str, upload_id: str, number: int, data: bytes, key: str = "k"
) -> dict[str, Any]:
    answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=data)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def complete(s3: Any, bucket: str, upload_id: str, parts: list[dict[str, Any]], **more: Any) -> Any:
    return s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts}, **more
    )


def composite_tag(pieces: list[bytes]) -> str:
    """S3's ETag of a multipart object: the MD5 of the parts' MD5s, and their number."""
    whole = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest()
    return f'"{whole}-{len(pieces)}"'


def test_complete_may_be_repeated_when_its_answer_got_lost(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [FIVE, TAIL])
    first = complete(s3, bucket, upload_id, parts)
    again = complete(s3, bucket, upload_id, parts, IfNoneMatch="*")
    for name in ("ETag", "Location", "ChecksumCRC64NVME", "ChecksumType", "VersionId"):
        assert first.get(name) == again.get(name), name
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + TAIL
    with refused("NoSuchUpload", 404):
        complete(s3, bucket, upload_id, parts[:1])
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    with refused("NoSuchUpload", 404):
        complete(s3, bucket, upload_id, parts)
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"newer"


def test_parts_become_one_object(s3: Any, bucket: str) -> None:
    pieces = [FIVE, FIVE[::-1], TAIL]
    upload_id, parts = upload(s3, bucket, pieces, Metadata={"a": "1"}, ContentType="text/plain")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
    answer = complete(s3, bucket, upload_id, parts)
    assert (answer["ETag"], answer["Bucket"], answer["Key"]) == (composite_tag(pieces), bucket, "k")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ETag"], got["Metadata"], got["ContentType"]) == (
        composite_tag(pieces),
        {"a": "1"},
        "text/plain",
    )
    assert body(got) == b"".join(pieces)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_ranges_across_parts_and_parts_by_number(s3: Any, bucket: str) -> None:
    pieces = [FIVE, FIVE[::-1], TAIL]
    whole = b"".join(pieces)
    upload_id, parts = upload(s3, bucket, pieces)
    complete(s3, bucket, upload_id, parts)
    for start, end in ((5 * MIB - 3, 5 * MIB + 4), (4 * MIB, 11 * MIB - 1), (len(whole) - 10, len(whole))):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end - 1}")
        assert body(got) == whole[start : min(end, len(whole))]
    for number, piece in enumerate(pieces, 1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert got["PartsCount"] == 3
        assert body(got) == piece
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=3)["ContentLength"] == len(TAIL)
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=4)


def test_part_numbers_may_have_gaps_and_come_in_any_order(s3: Any, bucket: str) -> None:
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    last = put_part(s3, bucket, upload_id, 10_000, TAIL)
    first = put_part(s3, bucket, upload_id, 7, FIVE)
    complete(s3, bucket, upload_id, [first, last])
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + TAIL


def test_a_part_put_again_replaces_the_first(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [FIVE, b"old"])
    again = put_part(s3, bucket, upload_id, 2, b"new one")
    listed = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, len(FIVE)), (2, 7)]
    with refused("InvalidPart", 400):
        complete(s3, bucket, upload_id, parts)
    complete(s3, bucket, upload_id, [parts[0], again])
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + b"new one"


def test_only_the_parts_named_are_used(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [FIVE, b"unused", TAIL])
    complete(s3, bucket, upload_id, [parts[0], parts[2]])
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + TAIL


def test_wrong_completions(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [b"too small", FIVE, TAIL])
    with refused("EntityTooSmall", 400):
        complete(s3, bucket, upload_id, parts)
    with refused("InvalidPartOrder", 400):
        complete(s3, bucket, upload_id, [parts[2], parts[1]])
    with refused("InvalidPart", 400):
        complete(s3, bucket, upload_id, [parts[1], {"PartNumber": 4, "ETag": parts[2]["ETag"]}])
    with refused("InvalidPart", 400):
        complete(s3, bucket, upload_id, [parts[1], {"PartNumber": 3, "ETag": f'"{"0" * 32}"'}])
    with refused("MalformedXML", 400):
        complete(s3, bucket, upload_id, [])
    # None of that ended the upload.
    complete(s3, bucket, upload_id, parts[1:])
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + TAIL


def test_part_numbers_out_of_range(s3: Any, raw: Any, bucket: str) -> None:
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for number in ("0", "10001", "-1", "x", ""):
        answer = raw.send("PUT", f"/{bucket}/k?partNumber={number}&uploadId={upload_id}", {}, b"x")
        assert (answer.status, answer.code) == (400, "InvalidArgument"), number


def test_an_upload_that_is_not(s3: Any, bucket: str) -> None:
    for upload_id in ("none", "00000000-0000-7000-8000-000000000000", "../../etc/passwd", "x" * 500):
        with refused("NoSuchUpload", 404):
            put_part(s3, bucket, upload_id, 1, b"x")
        with refused("NoSuchUpload", 404):
            complete(s3, bucket, upload_id, [{"PartNumber": 1, "ETag": "x"}])
        with refused("NoSuchUpload", 404):
            s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id)
        with refused("NoSuchUpload", 404):
            s3.list_parts(Bucket=bucket, Key="k", UploadId=upload_id)


def test_an_upload_belongs_to_its_key(s3: Any, bucket: str) -> None:
    upload_id, _ = upload(s3, bucket, [b"x"])
    with refused("NoSuchUpload", 404):
        put_part(s3, bucket, upload_id, 1, b"x", key="other")


def test_abort_ends_it(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [FIVE])
    assert (
        s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id)["ResponseMetadata"][
            "HTTPStatusCode"
        ]
        == 204
    )
    with refused("NoSuchUpload", 404):
        put_part(s3, bucket, upload_id, 2, b"x")
    with refused("NoSuchUpload", 404):
        complete(s3, bucket, upload_id, parts)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_completing_again_changes_nothing(s3: Any, bucket: str) -> None:
    """A client that lost the answer asks again: it hears the same, or that the upload has ended."""
    upload_id, parts = upload(s3, bucket, [FIVE, TAIL])
    first = complete(s3, bucket, upload_id, parts)
    try:
        assert complete(s3, bucket, upload_id, parts)["ETag"] == first["ETag"]
    except s3.exceptions.NoSuchUpload:
        assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == first["ETag"]
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + TAIL


def test_list_parts_in_pages(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [b"part %d" % i for i in range(7)])
    pages = every_page(
        s3.list_parts,
        "PartNumberMarker",
        "NextPartNumberMarker",
        Bucket=bucket,
        Key="k",
        UploadId=upload_id,
        MaxParts=3,
    )
    listed = [part for page in pages for part in page["Parts"]]
    assert [len(page["Parts"]) for page in pages] == [3, 3, 1]
    assert [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed] == parts
    assert all(part["Size"] == 6 for part in listed)


def test_list_uploads(s3: Any, bucket: str) -> None:
    begun = []
    for key in ("a/1", "a/2", "a/2", "b", "c/d"):
        begun.append((key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]))
    found = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert sorted((one["Key"], one["UploadId"]) for one in found) == sorted(begun)
    assert [one["Key"] for one in found] == ["a/1", "a/2", "a/2", "b", "c/d"]
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["a/", "c/"]
    assert [one["Key"] for one in page["Uploads"]] == ["b"]
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/2")
    assert [one["Key"] for one in page["Uploads"]] == ["a/2", "a/2"]
    seen: list[tuple[str, str]] = []
    marker: dict[str, str] = {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=2, **marker)
        seen += [(one["Key"], one["UploadId"]) for one in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert seen == [(one["Key"], one["UploadId"]) for one in found]


def test_markers_of_uploads(s3: Any, bucket: str) -> None:
    """An upload that is gone still marks where to go on; without a key marker none counts (API Reference,
    ListMultipartUploads, upload-id-marker)."""
    begun = [s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"] for _ in range(3)]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=begun[0])
    page = s3.list_multipart_uploads(Bucket=bucket, KeyMarker="k", UploadIdMarker=begun[0])
    assert [one["UploadId"] for one in page["Uploads"]] == begun[1:]
    page = s3.list_multipart_uploads(Bucket=bucket, UploadIdMarker="nonsense")
    assert [one["UploadId"] for one in page["Uploads"]] == begun[1:]
    for nonsense in ("nonsense", begun[0] + "0", begun[0].upper() + "Z"):
        with refused("InvalidArgument", 400) as caught:
            s3.list_multipart_uploads(Bucket=bucket, KeyMarker="k", UploadIdMarker=nonsense)
        assert caught.value.response["Error"]["Message"] == "Invalid uploadId marker"


@pytest.mark.parametrize("wrong", ["bytes=200-100", "bytes=100-", "bytes=-5", "byte=0-1", "bytes=a-b"])
def test_ranges_of_parts_that_are_none(s3: Any, bucket: str, wrong: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"x" * 300)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    with refused("InvalidArgument", 400) as caught:
        s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1,
            CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange=wrong,
        )  # fmt: skip
    assert "must be of the form bytes=first-last" in caught.value.response["Error"]["Message"]


def test_parts_from_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=FIVE + TAIL)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = []
    for number, chosen in ((1, "bytes=0-5242879"), (2, "bytes=100-199")):
        answer = s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number,
            CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange=chosen,
        )  # fmt: skip
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    with refused("InvalidArgument", 400):
        s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=3,
            CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=9000000-9000001",
        )  # fmt: skip
    complete(s3, bucket, upload_id, parts)
    s3.delete_object(Bucket=bucket, Key="source")
    assert body(s3.get_object(Bucket=bucket, Key="k")) == FIVE + FIVE[100:200]


def crc(name: str, data: bytes) -> str:
    size = 8 if name == "CRC64NVME" else 4
    return base64.b64encode(getattr(checksums, name.lower())(data).to_bytes(size, "big")).decode()


@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_checksum_of_the_whole(s3: Any, bucket: str, name: str) -> None:
    """Full-object checksums: combined from those of the parts, verified at completion."""
    pieces = [FIVE, TAIL]
    upload_id = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm=name, ChecksumType="FULL_OBJECT"
    )["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        answer = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=piece, ChecksumAlgorithm=name
        )
        assert answer[f"Checksum{name}"] == crc(name, piece)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    with refused("BadDigest", 400):
        complete(
            s3,
            bucket,
            upload_id,
            parts,
            ChecksumType="FULL_OBJECT",
            **{f"Checksum{name}": crc(name, b"other")},
        )
    whole = crc(name, b"".join(pieces))
    answer = complete(s3, bucket, upload_id, parts, ChecksumType="FULL_OBJECT", **{f"Checksum{name}": whole})
    assert (answer[f"Checksum{name}"], answer["ChecksumType"]) == (whole, "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{name}"], head["ChecksumType"]) == (whole, "FULL_OBJECT")


def test_a_composite_checksum(s3: Any, bucket: str) -> None:
    pieces = [FIVE, TAIL]
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, piece in enumerate(pieces, 1):
        answer = s3.upload_part(
            Bucket=bucket,
            Key="k",
            UploadId=upload_id,
            PartNumber=number,
            Body=piece,
            ChecksumAlgorithm="SHA256",
        )
        parts.append(
            {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]}
        )
    digests = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
    expected = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"
    wrong = [parts[0], parts[1] | {"ChecksumSHA256": parts[0]["ChecksumSHA256"]}]
    with refused("InvalidPart", 400):
        complete(s3, bucket, upload_id, wrong)
    assert complete(s3, bucket, upload_id, parts)["ChecksumSHA256"] == expected
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (expected, "COMPOSITE")


def test_an_algorithm_without_that_type_is_refused(s3: Any, bucket: str) -> None:
    for name, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        with refused("InvalidRequest", 400):
            s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=name, ChecksumType=kind)


def test_complete_only_if_absent(s3: Any, bucket: str) -> None:
    upload_id, parts = upload(s3, bucket, [b"uploaded"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"there first")
    with refused("PreconditionFailed", 412):
        complete(s3, bucket, upload_id, parts, IfNoneMatch="*")
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"there first"


def test_uploads_do_not_keep_a_bucket_from_listing_empty(s3: Any, bucket: str) -> None:
    upload_id, _ = upload(s3, bucket, [b"x"])
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []
    assert s3.list_object_versions(Bucket=bucket).get("Versions", []) == []
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload_id)
    s3.delete_bucket(Bucket=bucket)


def test_a_part_of_a_composite_brings_its_checksum(raw: Any, s3: Any, bucket: str) -> None:
    """CreateMultipartUpload, ChecksumType: a COMPOSITE is made of what clients said of each part; for
    FULL_OBJECT the store may compute it alone."""
    for kind, status in (("COMPOSITE", 400), ("FULL_OBJECT", 200)):
        upload_id = s3.create_multipart_upload(
            Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType=kind
        )["UploadId"]
        answer = raw.send("PUT", f"/{bucket}/k?partNumber=1&uploadId={upload_id}", {}, b"x")
        assert answer.status == status, kind
        assert status == 200 or (answer.code == "InvalidRequest" and b"Type: null" in answer.body)


@pytest.mark.parametrize("value", ["nonsense", "AAAAAA==-12a", "AAAAAA==-1-2", "AAAA"])
def test_a_checksum_that_cannot_be_one(s3: Any, bucket: str, value: str) -> None:
    """Error responses, InvalidRequest: "Value for x-amz-checksum-… header is invalid"."""
    upload_id = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE"
    )["UploadId"]
    part = s3.upload_part(
        Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32"
    )
    named = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}]
    with refused("InvalidRequest", 400):
        complete(s3, bucket, upload_id, named, ChecksumCRC32=value)


def test_a_source_that_cannot_be_is_refused_first(raw: Any, bucket: str) -> None:
    """UploadPartCopy, x-amz-copy-source: what cannot name an object is InvalidArgument at once."""
    for source in ("bucket", f"{bucket}/%ZZ", "my&bucket/key"):
        answer = raw.send("PUT", f"/{bucket}/k?partNumber=1&uploadId=none", {"x-amz-copy-source": source})
        assert (answer.status, answer.code) == (400, "InvalidArgument"), source

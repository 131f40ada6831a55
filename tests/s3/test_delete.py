"""DeleteObject and DeleteObjects in unversioned buckets."""

from typing import Any

from tests.s3.expecting import keys, refused
from tests.s3.raw import Raw, content_md5


def test_what_is_deleted_is_gone(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = s3.delete_object(Bucket=bucket, Key="k")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "DeleteMarker" not in answer
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_deleting_what_is_not_there_succeeds(s3: Any, bucket: str) -> None:
    for _ in range(2):
        assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_a_key_can_be_put_again(s3: Any, bucket: str) -> None:
    for text in (b"one", b"two", b"three"):
        s3.put_object(Bucket=bucket, Key="k", Body=text)
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == text
        s3.delete_object(Bucket=bucket, Key="k")
        with refused("404", 404):
            s3.head_object(Bucket=bucket, Key="k")


def test_many_at_once(s3: Any, bucket: str) -> None:
    names = [f"dir/{i:04}" for i in range(120)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    asked = [{"Key": name} for name in [*names[:100], "none"]]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": asked})
    assert sorted(one["Key"] for one in answer["Deleted"]) == sorted([*names[:100], "none"])
    assert "Errors" not in answer
    assert keys(s3.list_objects_v2(Bucket=bucket)) == names[100:]


def test_quiet_tells_only_of_errors(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
    assert "Deleted" not in answer
    assert "Errors" not in answer
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_odd_keys_in_the_request_and_the_answer(s3: Any, bucket: str) -> None:
    names = ["a & b <c>", "quote\"'s", "new\nline", "tab\tbed", "ünïcødé 🌊", " space ", "a]]>b"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names]})
    assert sorted(one["Key"] for one in answer["Deleted"]) == sorted(names)
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_no_more_than_a_thousand(s3: Any, bucket: str) -> None:
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{i}"} for i in range(1000)]})
    with refused("MalformedXML", 400):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{i}"} for i in range(1001)]})


def test_a_request_without_keys_is_malformed(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for body in (b"", b"<Delete></Delete>", b"<Delete><Object/></Delete>", b"<Other/>", b"<Delete><Object>"):
        answer = raw.send("POST", f"/{bucket}?delete=", content_md5(body), body)
        assert (answer.status, answer.code) in ((400, "MalformedXML"), (400, "MissingRequestBodyError")), body
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]


def test_a_wrong_digest_deletes_nothing(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    answer = raw.send("POST", f"/{bucket}?delete=", content_md5(body + b" "), body)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["k"]

"""User metadata beyond ASCII: RFC 2047 words and raw UTF-8 round trip, other bytes are refused."""

from typing import Any

import pytest

from tests.s3.raw import Raw

RAW = "café".encode().decode("latin-1")  # as these bytes look to http.client


def test_an_encoded_word_round_trips(raw: Raw, bucket: str) -> None:
    for sent in ("=?UTF-8?Q?caf=C3=A9?=", "=?utf-8?b?Y2Fmw6k=?=", "=?ISO-8859-1?Q?caf=E9?="):
        assert raw.send("PUT", f"/{bucket}/key", {"x-amz-meta-drink": sent}, b"x").status == 200
        head = raw.send("HEAD", f"/{bucket}/key")
        assert head.headers["x-amz-meta-drink"] == "=?UTF-8?B?Y2Fmw6k=?="


def test_raw_utf8_comes_back_as_an_encoded_word(raw: Raw, bucket: str) -> None:
    answer = raw.send(
        "PUT", f"/{bucket}/key", {"x-amz-meta-drink": "café"}, b"x", change={"x-amz-meta-drink": RAW}
    )
    assert answer.status == 200
    assert raw.send("HEAD", f"/{bucket}/key").headers["x-amz-meta-drink"] == "=?UTF-8?B?Y2Fmw6k=?="


@pytest.mark.usefixtures("server")
def test_other_bytes_are_refused(raw: Raw, bucket: str, s3: Any) -> None:
    answer = raw.send("PUT", f"/{bucket}/key", {}, b"x", change={"x-amz-meta-drink": "caf\xe9"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert b"x-amz-meta-drink" in answer.body
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_repeated_header_is_one_value(raw: Raw, bucket: str) -> None:
    assert raw.send("PUT", f"/{bucket}/key", {"x-amz-meta-a": "b,c"}, b"x").status == 200
    assert raw.send("HEAD", f"/{bucket}/key").headers["x-amz-meta-a"] == "b,c"

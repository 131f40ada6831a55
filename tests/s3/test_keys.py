"""Keys of every kind: any Unicode, dots, slashes, control characters; none becomes a path on the disk."""

import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.s3.expecting import keys, refused
from tests.s3.raw import Raw
from tests.server import Server

KEYS = [
    "..", ".", "../..", "../../../../tmp/strandline-escaped", "a/../b", "a/./b", "/", "//",
    "///a///", "a/", "/etc/passwd",
    "C:\\Windows\\system32", "..\\..\\x", "con", "~root", "$HOME", "`id`", "; rm -rf .", "%2e%2e%2f",
    "%00", "%",
    "a?b", "a#b", "a&b=c", "a+b", "a b", " ", "  a", "a  ", "\t", "\r\n", "a\x01b", "\x7f", "\x1f",
    "é", "e\u0301", "\u2028", "\ufeffbom", "\uffff", "\U0010ffff", "🌊" * 256, "k" * 1024, "ü" * 512,
    "quote'\"<>&]]>",
    "uploads", "versioning", "x-amz-meta-a", "?uploads", "index.html", "null", "\u202egpj.exe",
]  # fmt: skip


def path_of(key: str) -> str:
    """The key as it stands in a path: SigV4 encodes all but unreserved characters and the slash."""
    return quote(key, safe="/-_.~")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key[:20]))
def test_a_key_is_just_a_name(s3: Any, raw: Raw, bucket: str, key: str) -> None:
    data = os.urandom(2000)
    target = f"/{bucket}/{path_of(key)}"
    assert raw.send("PUT", target, {}, data).status == 200
    got = raw.send("GET", target)
    assert (got.status, got.body) == (200, data)
    assert keys(s3.list_objects_v2(Bucket=bucket)) == [key]
    assert keys(s3.list_objects_v2(Bucket=bucket, Prefix=key)) == [key]
    assert keys(s3.list_objects_v2(Bucket=bucket, StartAfter=key)) == []
    assert raw.send("DELETE", target).status == 204
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_all_of_them_together_are_listed_in_order(s3: Any, raw: Raw, bucket: str) -> None:
    for key in KEYS:
        assert raw.send("PUT", f"/{bucket}/{path_of(key)}", {}, key.encode()).status == 200
    listed = keys(s3.list_objects_v2(Bucket=bucket))
    assert listed == sorted(set(KEYS), key=lambda text: text.encode())
    for key in KEYS:
        assert raw.send("GET", f"/{bucket}/{path_of(key)}").body == key.encode()


def test_random_keys(s3: Any, raw: Raw, bucket: str) -> None:
    chosen = random.Random(20)
    names: set[str] = set()
    while len(names) < 60:
        text = "".join(
            chr(chosen.choice((chosen.randrange(1, 0xD800), chosen.randrange(0xE000, 0x110000))))
            for _ in range(chosen.randrange(1, 200))
        )
        if len(text.encode()) <= 1024:
            names.add(text)
    for name in names:
        assert raw.send("PUT", f"/{bucket}/{path_of(name)}", {}, name.encode()).status == 200
    assert keys(s3.list_objects_v2(Bucket=bucket)) == sorted(names, key=lambda text: text.encode())
    for name in names:
        assert raw.send("GET", f"/{bucket}/{path_of(name)}").body == name.encode()


@pytest.mark.parametrize("key", ["k" * 1025, "ü" * 513, "🌊" * 257])
def test_longer_keys_are_refused(s3: Any, raw: Raw, bucket: str, key: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answer = raw.send(method, f"/{bucket}/{path_of(key)}", {}, b"x" if method == "PUT" else b"")
        assert (answer.status, answer.code) == (400, "KeyTooLongError"), method
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize("path", ["%ff%fe", "%c3%28", "%ed%a0%80", "a%80b"])
def test_bytes_that_are_no_utf8_are_refused(s3: Any, raw: Raw, bucket: str, path: str) -> None:
    answer = raw.send("PUT", f"/{bucket}/{path}", {}, b"x")
    assert 400 <= answer.status < 500
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.embedded
def test_nothing_is_written_outside_the_data_folder(raw: Raw, server: Server, bucket: str) -> None:
    """Walks what lies around the data folder before and after writes under paths that lead out of it."""
    around = server.data_dir.parent

    def outside() -> set[Path]:
        return {path for path in around.rglob("*") if server.data_dir not in (path, *path.parents)}

    before = outside()
    escapes = ["../" * depth + "strandline-escaped" for depth in range(1, 8)] + [
        "/tmp/strandline-escaped",
        "..%2fx",
    ]
    for key in escapes:
        assert raw.send("PUT", f"/{bucket}/{path_of(key)}", {}, os.urandom(2_000_000)).status == 200
        raw.send("PUT", f"/{bucket}/{key}", {}, b"x")
    raw.send("PUT", "/../strandline-escaped", {}, b"x")
    raw.send("PUT", "/%2e%2e/strandline-escaped", {}, b"x")
    assert outside() == before
    assert not Path("/tmp/strandline-escaped").exists()
    for part in server.data_dir.rglob("*"):
        assert "escaped" not in part.name


def test_a_bucket_name_cannot_lead_out(raw: Raw) -> None:
    for name in ("..", "%2e%2e", "..%2f..", ".", "a%2f..%2fb", "%00"):
        answer = raw.send("PUT", f"/{name}")
        assert 400 <= answer.status < 500, name
        assert answer.status != 500


def test_missing_keys_of_every_kind_are_missing(s3: Any, bucket: str) -> None:
    for key in ("..", "a//b", "\x01", "🌊"):
        with refused("NoSuchKey", 404):
            s3.get_object(Bucket=bucket, Key=key)

"""obstore (Rust's object_store): attributes, tags, ranges, conditional writes and copies, parts, links."""

import os
import urllib.request
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, NotModifiedError, PreconditionError
from obstore.store import S3Store

KEYS = ("plain", "folder/deeper/key", "a b+c%&=?/ü/~x")
SIZE = 12 * 1024 * 1024
PART = 5 * 1024 * 1024


def refused(error: type[Exception], call: Any, *words: Any, **named: Any) -> None:
    try:
        call(*words, **named)
    except error:
        return
    raise AssertionError(f"{call.__name__}{words}: no {error.__name__}")


def work(store: S3Store) -> None:
    for key in KEYS:
        attributes = {"Content-Type": "text/x", "Cache-Control": "no-cache", "note": "kept"}
        obstore.put(store, key, b"hello", attributes=attributes, tags={"kind": "a test"})
        got = obstore.get(store, key)
        assert got.attributes == attributes, got.attributes
        assert bytes(got.bytes()) == b"hello"
        pieces = obstore.get_ranges(store, key, starts=[0, 3], ends=[2, 5])
        assert [bytes(piece) for piece in pieces] == [b"he", b"lo"]
    listed = obstore.list_with_delimiter(store, "folder")
    assert (list(listed["common_prefixes"]), list(listed["objects"])) == (["folder/deeper"], [])

    made = obstore.put(store, "state", b"1", mode="create")
    refused(AlreadyExistsError, obstore.put, store, "state", b"2", mode="create")
    obstore.put(store, "state", b"2", mode={"e_tag": made["e_tag"]})
    refused(PreconditionError, obstore.put, store, "state", b"3", mode={"e_tag": made["e_tag"]})
    held = obstore.head(store, "state")
    refused(NotModifiedError, obstore.get, store, "state", options={"if_none_match": held["e_tag"]})
    obstore.copy(store, "state", "copy", overwrite=False)
    refused(AlreadyExistsError, obstore.copy, store, "state", "copy", overwrite=False)
    obstore.rename(store, "copy", "renamed")

    data = os.urandom(SIZE)
    obstore.put(store, "large", data, use_multipart=True, chunk_size=PART)
    assert bytes(obstore.get(store, "large").bytes()) == data
    with urllib.request.urlopen(obstore.sign(store, "GET", KEYS[-1], timedelta(minutes=1))) as answer:
        assert answer.read() == b"hello"
    keys = [entry["path"] for page in obstore.list(store) for entry in page]
    assert sorted(keys) == sorted([*KEYS, "state", "renamed", "large"])
    obstore.delete(store, keys)
    assert not [entry for page in obstore.list(store) for entry in page]


for more in ({}, {"checksum_algorithm": "sha256"}, {"unsigned_payload": True}):
    work(
        S3Store(
            os.environ["BUCKET"],
            endpoint=os.environ["AWS_ENDPOINT_URL"],
            access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            region=os.environ["AWS_DEFAULT_REGION"],
            virtual_hosted_style_request=False,
            copy_if_not_exists="multipart",
            client_options={"allow_http": True},
            **more,
        )
    )
print(version("obstore"))

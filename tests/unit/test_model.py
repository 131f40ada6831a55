"""The whole store against a dictionary: random operations on a versioned bucket, its model beside it."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingest.payload import Payload
from schemas.errors import NoSuchKey, NoSuchVersion, PreconditionFailed
from schemas.events import Condition
from schemas.rows import Attributes
from tests.store import ORIGIN, embedded_store

KEYS = ("a", "a/b", "a/c", "b", "ü", "\U0001f40b")
keys = st.sampled_from(KEYS)


class Version:
    """A version as the model knows it: `data` None is a delete marker."""

    def __init__(self, version: str, data: bytes | None, etag: str = "") -> None:
        self.version, self.data, self.etag = version, data, etag
        self.tags: dict[str, str] = {}


class StoreAgainstDictionary(RuleBasedStateMachine):
    """Model: for every key its versions, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.model: dict[str, list[Version]] = {}
        self.versioning = "unversioned"

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    @initialize()
    def open(self) -> None:
        self._open()
        self.bucket = self.run(self.store.producer.create_bucket("bucket", "owner", ORIGIN))

    def _open(self) -> None:
        self.context = embedded_store(Path(self.folder.name) / "data")
        self.store = self.run(self.context.__aenter__())

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.run(self.context.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def _drop_null(self, key: str) -> None:
        self.model[key] = [v for v in self.model.get(key, []) if v.version != "null"]

    def _push(self, key: str, version: Version) -> None:
        if version.version == "null":
            self._drop_null(key)
        self.model.setdefault(key, []).insert(0, version)

    def _head(self, key: str) -> Version | None:
        versions = self.model.get(key, [])
        return versions[0] if versions and versions[0].data is not None else None

    # --- operations --------------------------------------------------------------------------------
    @rule(key=keys, data=st.binary(max_size=2000))
    def put(self, key: str, data: bytes) -> None:
        self._put(key, data, None)

    @rule(key=keys, data=st.binary(max_size=20))
    def put_if_absent(self, key: str, data: bytes) -> None:
        try:
            self._put(key, data, Condition(if_none_match="*"))
        except PreconditionFailed:
            assert self._head(key) is not None
        else:
            assert len(self.model[key]) >= 1

    @rule(key=keys, data=st.binary(max_size=20), right=st.booleans())
    def put_if_match(self, key: str, data: bytes, right: bool) -> None:
        head = self._head(key)
        etag = head.etag if head and right else "0" * 32
        try:
            self._put(key, data, Condition(if_match=etag))
        except PreconditionFailed:
            assert not right
            assert head is not None
        except NoSuchKey:
            assert head is None
        else:
            assert right
            assert head is not None

    def _put(self, key: str, data: bytes, condition: Condition | None) -> None:
        put = self.store.producer.put_object(
            self.bucket, key, Payload(data, len(data)), Attributes(), ORIGIN, condition
        )
        result = self.run(put)
        assert (result.version == "null") == (self.versioning != "enabled")
        self._push(key, Version(result.version, data, result.etag))

    @rule(key=keys, to=keys)
    def copy(self, key: str, to: str) -> None:
        head = self._head(key)
        if head is None:
            return
        source = self.run(self.store.reader.find(self.bucket, key))
        result = self.run(self.store.producer.copy_object(self.bucket, to, source, Attributes(), ORIGIN))
        self._push(to, Version(result.version, head.data, result.etag))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        result = self.run(self.store.producer.delete_object(self.bucket, key, ORIGIN))
        if self.versioning == "unversioned":
            self.model.pop(key, None)
            assert not result.delete_marker
        else:
            assert result.delete_marker
            self._push(key, Version(result.version, None))

    @rule(key=keys, choice=st.integers(0, 5))
    def delete_version(self, key: str, choice: int) -> None:
        versions = self.model.get(key, [])
        if versions:
            chosen = versions.pop(choice % len(versions))
            name = chosen.version
        else:
            name = "null"
        self.run(self.store.producer.delete_object(self.bucket, key, ORIGIN, name))

    @rule(key=keys, choice=st.integers(-1, 5), tags=st.dictionaries(st.sampled_from("ab"), st.just("1")))
    def tag(self, key: str, choice: int, tags: dict[str, str]) -> None:
        """The object (choice -1), or one of its versions; a delete marker says nothing."""
        versions = self.model.get(key, [])
        chosen = versions[max(choice, 0) % len(versions)] if versions else None
        named = None if choice < 0 or chosen is None else chosen.version
        try:
            self.run(self.store.producer.set_tags(self.bucket, key, tags, ORIGIN, named))
        except (NoSuchKey, NoSuchVersion):
            assert chosen is None or chosen.data is None
        else:
            assert chosen is not None
            assert chosen.data is not None
            chosen.tags = tags

    @rule(versioning=st.sampled_from(("enabled", "suspended")))
    def set_versioning(self, versioning: Any) -> None:
        changed = self.run(self.store.producer.set_versioning(self.bucket, versioning, ORIGIN))
        self.versioning = changed.versioning
        # `self.bucket` is left as it was: a stale row must be noticed and resolved anew.

    @rule()
    def restart(self) -> None:
        self.run(self.context.__aexit__(None, None, None))
        self._open()

    # --- what must hold after each of them -------------------------------------------------------------
    @invariant()
    def heads_are_equal(self) -> None:
        if not hasattr(self, "bucket"):
            return
        for key in KEYS:
            head = self._head(key)
            try:
                found = self.run(self.store.reader.find(self.bucket, key))
            except NoSuchKey:
                assert head is None
            else:
                assert head is not None
                assert found.version == head.version
                assert found.attributes.tags == head.tags
                assert self.run(self.store.reader.read(found, 0, found.size)) == head.data

    @invariant()
    def listings_are_equal(self) -> None:
        if not hasattr(self, "bucket"):
            return
        page = self.run(self.store.reader.list_objects(self.bucket, "", "", "", 1000))
        assert [entry.key for entry in page.entries] == sorted(k for k in KEYS if self._head(k))
        versions = self.run(self.store.reader.list_versions(self.bucket, "", "", "", "", 1000))
        listed = [(row.key, row.version, row.delete_marker) for row in versions.versions]
        expected = [
            (key, version.version, version.data is None)
            for key in sorted(self.model)
            for version in self.model[key]
        ]
        assert listed == expected
        before = [None, *(key for key, *_ in listed[:-1])][: len(listed)]
        firsts = [key != other for (key, *_), other in zip(listed, before, strict=True)]
        assert versions.latest == firsts

    @invariant()
    def every_version_can_be_read(self) -> None:
        for key, versions in self.model.items():
            for version in versions:
                if version.data is not None:
                    row = self.run(self.store.reader.find(self.bucket, key, version.version))
                    assert self.run(self.store.reader.read(row, 0, row.size)) == version.data
                    assert row.attributes.tags == version.tags

    @rule(key=keys)
    def unknown_version(self, key: str) -> None:
        try:
            self.run(self.store.reader.find(self.bucket, key, f"{1:016x}{2:016x}"))
        except NoSuchVersion:
            return
        raise AssertionError("a version that never was has been found")


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)

"""Clients of an embedded store on a machine that may lose power, and what they know of their keys."""

import hashlib
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.payload import Payload
from ingest.results import CompletedPart
from schemas.errors import NoSuchKey, NoSuchUpload
from schemas.rows import Attributes, Bucket, Upload
from tests.store import ORIGIN, Store

SIZES = (0, 1, 300, 700, 5_000, 31_000, 70_000, 150_000)  # inline, packed, in files of their own


class Version(NamedTuple):
    """A version as its client knows it. `version` None: not told (yet); `data` None: a delete marker."""

    version: str | None
    data: bytes | None

    def is_found(self, found: "Version") -> bool:
        return self.data == found.data and self.version in (None, found.version)


History = list[Version]  # newest first


@dataclass
class Client:
    """Works on keys of its own, one request after the other. So after a power cut a key has the history
    that was acknowledged, or the one that the request under way would have made."""

    name: str
    store: Store
    buckets: list[Bucket]
    choose: random.Random
    known: dict[tuple[str, str], History] = field(default_factory=dict)
    possible: tuple[tuple[str, str], History] | None = None
    upload: Upload | None = None
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    part_under_way: tuple[int, bytes] | None = None
    upload_ending: bool = False
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)

    async def work(self, is_off: Callable[[], bool]) -> None:
        """Until the power is cut, which every call tells by an error; any other error is raised."""
        try:
            await self._work()
        except Exception:
            if not is_off():
                self.failures.append(traceback.format_exc())
            raise

    async def _work(self) -> None:
        while True:
            bucket = self.choose.choice(self.buckets)
            key = f"{self.name}/{self.choose.randrange(4)}"
            steps: list[Callable[[Bucket, str], Awaitable[None]]] = [
                self.put, self.put, self.put, self.delete, self.copy, self.delete_version, self.multipart,
            ]  # fmt: skip
            await self.choose.choice(steps)(bucket, key)
            self.acknowledged += 1

    def data(self) -> bytes:
        size = self.choose.choice(SIZES)
        return self.choose.randbytes(16)[: min(size, 16)] + bytes(max(0, size - 16))

    def history(self, bucket: Bucket, key: str) -> History:
        return self.known.setdefault((bucket.name, key), [])

    def begin(self, bucket: Bucket, key: str, history: History) -> None:
        self.possible = ((bucket.name, key), history)

    def end(self, version: str | None = None) -> None:
        """The request under way was acknowledged; `version` is the one that it made."""
        assert self.possible is not None
        place, history = self.possible
        if version is not None:
            history = [Version(version, history[0].data), *history[1:]]
        self.known[place] = history
        self.possible = None

    def on_top(self, bucket: Bucket, key: str, data: bytes | None) -> History:
        keeps = bucket.versioning == "enabled"
        return [Version(None, data), *(self.history(bucket, key) if keeps else [])]

    async def put(self, bucket: Bucket, key: str) -> None:
        data = self.data()
        self.begin(bucket, key, self.on_top(bucket, key, data))
        payload = Payload(data, len(data))
        result = await self.store.producer.put_object(bucket, key, payload, Attributes(), ORIGIN)
        self.end(result.version)

    async def copy(self, bucket: Bucket, key: str) -> None:
        try:
            source = await self.store.reader.find(bucket, f"{self.name}/0")
        except NoSuchKey:
            return
        data = self.history(bucket, source.key)[0].data
        self.begin(bucket, key, self.on_top(bucket, key, data))
        result = await self.store.producer.copy_object(bucket, key, source, Attributes(), ORIGIN)
        self.end(result.version)

    async def delete(self, bucket: Bucket, key: str) -> None:
        keeps = bucket.versioning == "enabled"
        self.begin(bucket, key, self.on_top(bucket, key, None) if keeps else [])
        result = await self.store.producer.delete_object(bucket, key, ORIGIN)
        self.end(result.version if keeps else None)

    async def delete_version(self, bucket: Bucket, key: str) -> None:
        history = self.history(bucket, key)
        if not history:
            return
        chosen = self.choose.choice(history)
        self.begin(bucket, key, [version for version in history if version is not chosen])
        await self.store.producer.delete_object(bucket, key, ORIGIN, chosen.version)
        self.end()

    async def multipart(self, bucket: Bucket, key: str) -> None:
        """One step of an upload; sooner or later its end."""
        producer = self.store.producer
        if self.upload is None:
            # Until it is acknowledged nobody knows its id, so nobody misses it.
            bucket = self.buckets[0]
            self.upload = await producer.create_upload(bucket, key, Attributes(), ORIGIN)
            self.parts, self.upload_ending = {}, False
        elif len(self.parts) < 2 or self.choose.random() < 0.5:
            number, data = self.choose.randint(1, 3), self.data()
            self.part_under_way = number, data
            result = await producer.put_part(
                self.buckets[0], self.upload, number, Payload(data, len(data)), ORIGIN
            )
            self.parts[number], self.part_under_way = (result.etag, data), None
        else:
            await self.end_upload(self.buckets[0], self.upload)

    async def end_upload(self, bucket: Bucket, upload: Upload) -> None:
        producer = self.store.producer
        self.upload_ending = True
        if self.choose.random() < 0.3:
            await producer.abort_upload(bucket, upload.key, upload.upload_id, ORIGIN)
        else:
            chosen = sorted(self.choose.sample(sorted(self.parts), max(1, len(self.parts) - 1)))
            data = b"".join(self.parts[number][1] for number in chosen)
            self.begin(bucket, upload.key, self.on_top(bucket, upload.key, data))
            named = [CompletedPart(number, self.parts[number][0]) for number in chosen]
            result = await producer.complete_upload(bucket, upload.key, upload.upload_id, named, ORIGIN)
            self.end(result.version)
        self.upload = None

    # --- after a restart ---------------------------------------------------------------------------------
    def settle(self, found: dict[tuple[str, str], History]) -> None:
        """Compare what is there with what may be there, and go on from it."""
        places = {*self.known, *found, *([self.possible[0]] if self.possible else [])}
        for place in places:
            there = found.get(place, [])
            allowed = [self.known.get(place, [])]
            if self.possible is not None and self.possible[0] == place:
                allowed.append(self.possible[1])
            assert any(_same(history, there) for history in allowed), (
                place,
                _short(allowed),
                _short([there]),
            )
            self.known[place] = there
        self.possible = None

    async def settle_upload(self) -> None:
        """The acknowledged upload is there with its acknowledged parts, unless its end was under way."""
        if self.upload is None:
            return
        try:
            upload = await self.store.reader.upload(self.buckets[0], self.upload.key, self.upload.upload_id)
        except NoSuchUpload:
            assert self.upload_ending
            self.upload = None
            return
        rows = await self.store.reader.list_parts(upload, 0, 100)
        found = {row.number: row.etag for row in rows}
        if self.part_under_way is not None:
            number, data = self.part_under_way
            if found.get(number) == hashlib.md5(data).hexdigest():
                self.parts[number] = found[number], data
            self.part_under_way = None
        assert found == {number: etag for number, (etag, _) in self.parts.items()}
        self.upload_ending = False


def _same(expected: History, found: History) -> bool:
    return len(expected) == len(found) and all(e.is_found(f) for e, f in zip(expected, found, strict=True))


def _short(histories: list[History]) -> list[list[tuple[str | None, str]]]:
    return [
        [(v.version, "marker" if v.data is None else f"{len(v.data)} {v.data[:4].hex()}") for v in history]
        for history in histories
    ]

"""MD5 of many streams side by side: the same digests as hashlib's, compiled or not."""

import asyncio
import hashlib
import importlib.util
import os
import random
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blobs.sealing import SLICE
from ingest import md5
from ingest.digests import Digests
from ingest.payload import Payload

LENGTHS = (0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 4096)


def _without_compiled(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setitem(sys.modules, "ingest._md5_lanes", None)
    spec = importlib.util.spec_from_file_location("md5_without_lanes", md5.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["compiled", "hashlib"])
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    if request.param == "hashlib":
        return _without_compiled(monkeypatch)
    if md5.Stream.__module__ != "ingest._md5_lanes":
        if os.environ.get("CI"):
            pytest.fail("ingest/_md5_lanes.c was not compiled at installation")
        pytest.skip("ingest/_md5_lanes.c was not compiled at installation")
    return md5


def test_streams_of_any_lengths(module: ModuleType) -> None:
    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(st.lists(st.lists(st.sampled_from(LENGTHS), max_size=4), max_size=40), max_size=3),
        st.randoms(use_true_random=False),
    )
    def check(rounds: list[list[list[int]]], randomness: random.Random) -> None:
        streams = [(module.Stream(), hashlib.md5()) for _ in range(40)]
        for lengths in rounds:
            pairs = []
            for (stream, expected), chunk_lengths in zip(streams, lengths, strict=False):
                chunks = [randomness.randbytes(length) for length in chunk_lengths]
                for chunk in chunks:
                    expected.update(chunk)
                pairs.append((stream, chunks))
            module.update_many(pairs)
        assert [s.digest() for s, _ in streams] == [expected.digest() for _, expected in streams]

    check()


def test_every_number_of_streams(module: ModuleType) -> None:
    """Few streams are hashed one after the other, more in lanes, more than the lanes in turns."""
    for count in range(1, 36):
        bodies = [os.urandom(5000 + 64 * i) for i in range(count)]
        streams = [module.Stream() for _ in bodies]
        module.update_many([(s, [body]) for s, body in zip(streams, bodies, strict=True)])
        assert [s.digest() for s in streams] == [hashlib.md5(body).digest() for body in bodies]


def test_a_digest_does_not_end_a_stream(module: ModuleType) -> None:
    stream = module.Stream()
    for text, whole in ((b"a", b"a"), (b"", b"a"), (b"b" * 100, b"a" + b"b" * 100)):
        module.update_many([(stream, [text])])
        assert stream.digest() == stream.digest() == hashlib.md5(whole).digest()


def test_views_and_bytearrays(module: ModuleType) -> None:
    stream = module.Stream()
    module.update_many([(stream, [bytearray(b"one"), memoryview(b"two")])])
    assert stream.digest() == hashlib.md5(b"onetwo").digest()


@pytest.mark.parametrize("nonsense", ["x", [1], [(1, [b""])], [(md5.Stream(), b"x")], [(md5.Stream(), [1])]])
def test_nonsense_is_refused(nonsense: object) -> None:
    if md5.Stream.__module__ != "ingest._md5_lanes":
        pytest.skip("ingest/_md5_lanes.c was not compiled at installation")
    with pytest.raises(TypeError):
        md5.update_many(nonsense)  # type: ignore[arg-type]


def test_a_stream_stands_once_in_a_list_and_can_be_used_after_the_refusal() -> None:
    if md5.Stream.__module__ != "ingest._md5_lanes":
        pytest.skip("ingest/_md5_lanes.c was not compiled at installation")
    stream = md5.Stream()
    with pytest.raises(RuntimeError, match="being updated"):
        md5.update_many([(stream, [b"a"]), (stream, [b"b"])])
    md5.update_many([(stream, [b"a"])])
    assert stream.digest() == hashlib.md5(b"a").digest()


@pytest.mark.parametrize("bodies", [1, 3, 4, 16, 40])
def test_bodies_in_progress(module: ModuleType, bodies: int) -> None:
    """Some end early, some are given up: the others are hashed none the less."""

    async def body(hashing: md5.SideBySide, number: int) -> None:
        stream, expected, others = hashing.open(), hashlib.md5(), bytearray()
        try:
            for _ in range(1 + number % 5):
                chunks = [os.urandom(1000 * number), os.urandom(100)]
                done = hashing.update(stream, chunks, lambda chunks: others.extend(b"".join(chunks)))
                if number % 7 == 6:
                    done.cancel()
                    return
                await done
                expected.update(b"".join(chunks))
            assert stream.digest() == expected.digest() == hashlib.md5(others).digest()
        finally:
            hashing.close()

    async def scenario() -> None:
        hashing = module.SideBySide()
        async with asyncio.timeout(30):
            await asyncio.gather(*(body(hashing, number) for number in range(bodies)))

    asyncio.run(scenario())


def test_what_fails_fails_for_every_body_of_its_batch(module: ModuleType) -> None:
    def fail(_: list[bytes]) -> None:
        raise MemoryError("no memory left")

    async def scenario() -> None:
        hashing = module.SideBySide()
        with pytest.raises(MemoryError):
            await hashing.update(hashing.open(), [b"x"], fail)

    asyncio.run(scenario())


@pytest.mark.parametrize("size", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE])
def test_a_body_waits_for_others_only_while_it_has_bytes(size: int) -> None:
    class Recorded(md5.SideBySide):
        handed_over = 0

        def update(self, stream: md5.Stream, chunks: list[bytes], also: Any) -> "asyncio.Future[None]":
            self.handed_over += 1
            return super().update(stream, chunks, also)

    async def scenario() -> None:
        hashing, body = Recorded(), os.urandom(size)
        digests = Digests(payload := Payload(b"", size), hashing)
        for start in range(0, size, 65_536):
            await digests.update(body[start : start + 65_536])
        await digests.finish()
        digests.close()
        assert digests.verify(payload).etag == hashlib.md5(body).hexdigest()
        assert hashing.handed_over == -(-size // SLICE)

    asyncio.run(scenario())

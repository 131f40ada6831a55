"""Packs: records, seals, recovery after any crash, and what is found without an index."""

import asyncio
import os
import struct
from pathlib import Path

import pytest
from awscrt.checksums import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from blobs.frames import encrypt_extent
from blobs.headers import (
    BLOB_MAGIC,
    HEADER_BYTES,
    PACK_MAGIC,
    RECORD_BYTES,
    SEAL_BYTES,
    file_header,
    parse_record,
    parse_seal,
    record_header,
    seal,
)
from blobs.pack_file import PackFile
from blobs.pack_records import Found, Gap, read_seal, walk
from blobs.pack_recovery import recover_packs
from blobs.packs import Packs
from blobs.places import Places
from disk.files import SystemFiles
from schemas.errors import ServiceUnavailable
from schemas.ids import uuid7

BLOB = bytes(range(16))


def no_dead(_: bytes) -> dict[int, int]:
    return {}


def places_in(root: Path) -> Places:
    places = Places(root)
    places.prepare(SystemFiles())
    return places


def batch_of(payloads: list[bytes], start: int) -> bytes:
    return b"".join(record_header(len(frames), start) + frames for frames in payloads)


def frames(size: int = 100) -> bytes:
    return b"".join(encrypt_extent(os.urandom(32), os.urandom(size)))


def written(places: Places, batches: list[list[bytes]], ahead: int = 8192) -> PackFile:
    pack = PackFile(SystemFiles(), places, uuid7(), ahead=ahead, fsync=True)
    for payloads in batches:
        pack.write(batch_of(payloads, pack.end), len(payloads))
    return pack


def records_of(path: str) -> list[Found | Gap]:
    with open(path, "rb") as file:
        found = read_seal(file.fileno())
        assert found is not None
        return list(walk(file.fileno(), found.offset, {}))


def test_golden_headers() -> None:
    header = struct.pack("<8s16sI32x", b"SLpack1\n", BLOB, 262144)
    assert file_header(PACK_MAGIC, BLOB) == header + crc32c(header).to_bytes(4, "little")
    assert file_header(PACK_MAGIC, BLOB).hex() == (
        "534c7061636b310a000102030405060708090a0b0c0d0e0f0000040000000000"
        "000000000000000000000000000000000000000000000000000000006738a825"
    )
    assert file_header(BLOB_MAGIC, BLOB).hex() == (
        "534c626c6f62310a000102030405060708090a0b0c0d0e0f0000040000000000"
        "0000000000000000000000000000000000000000000000000000000098bba8e5"
    )
    assert record_header(4116, 64).hex() == "534c7231141000004000000060d13a48"
    assert (
        seal(3, 4096, 1_700_000_000_000).hex()
        == "534c7365616c310a0300000000100000000000000068e5cf8b010000140dcd5f"
    )
    assert parse_record(record_header(4116, 64)) == (4116, 64)
    assert parse_seal(seal(3, 4096, 1_700_000_000_000), 4096 + SEAL_BYTES) == (3, 4096, 1_700_000_000_000)
    assert (len(header) + 4, len(record_header(1, 1)), len(seal(1, 1, 1))) == (
        HEADER_BYTES,
        RECORD_BYTES,
        SEAL_BYTES,
    )


def test_recovery_seals_what_a_crash_left(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    payloads = [frames() for _ in range(5)]
    pack = written(places, [payloads[:2], payloads[2:]])
    pack.abandon()
    (done,) = recover_packs(SystemFiles(), places, no_dead, 1234)
    assert (done.path, done.records) == (pack.path, 5)
    assert [item.stored for item in records_of(pack.path) if isinstance(item, Found)] == [
        len(payload) for payload in payloads
    ]
    assert os.path.getsize(pack.path) == pack.end + SEAL_BYTES
    assert recover_packs(SystemFiles(), places, no_dead, 1235) == []


def test_packs_of_living_writers_are_left_alone(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    pack = written(places, [[frames()]])
    assert recover_packs(SystemFiles(), places, no_dead, 1) == []
    pack.seal(1)
    assert recover_packs(SystemFiles(), places, no_dead, 1) == []


def test_a_pack_without_records_is_removed(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    pack = written(places, [])
    pack.abandon()
    recover_packs(SystemFiles(), places, no_dead, 1)
    assert not os.path.exists(pack.path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_torn_last_batch_loses_nothing_older(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    """Any sectors of the last batch may be missing after a crash; all earlier records stay."""
    places = places_in(tmp_path_factory.mktemp("packs"))
    older, last = [frames() for _ in range(3)], [frames(draw.draw(st.integers(1, 900))) for _ in range(4)]
    pack = written(places, [older[:1], older[1:]])
    start = pack.end
    torn = bytearray(batch_of(last, start))
    for sector in range(0, len(torn), 256):
        if draw.draw(st.booleans()):
            torn[sector : sector + 256] = bytes(len(torn[sector : sector + 256]))
    os.pwrite(pack.fd, torn, start)
    pack.abandon()
    (done,) = recover_packs(SystemFiles(), places, no_dead, 1)
    items = records_of(pack.path)
    assert all(isinstance(item, Found) for item in items)
    assert [item.stored for item in items if isinstance(item, Found)][:3] == [
        len(payload) for payload in older
    ]
    assert done.records == len(items)


def test_damage_further_back_is_kept_for_the_scrub_to_name(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    pack = written(places, [[frames(), frames()], [frames()], [frames()]])
    os.pwrite(pack.fd, b"x", HEADER_BYTES + 1)
    pack.abandon()
    recover_packs(SystemFiles(), places, no_dead, 1)
    items = records_of(pack.path)
    assert [type(item) for item in items] == [Gap, Found, Found, Found]


def test_dead_records_are_stepped_over(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    pack = written(places, [[frames(5000), frames(), frames(5000)]])
    with open(pack.path, "rb") as file:
        first, second, third = walk(file.fileno(), pack.end, {})
        assert isinstance(first, Found)
        assert isinstance(third, Found)
        dead = {item.offset: item.stored for item in (first, third)}
        for item in (first, third):
            os.pwrite(pack.fd, bytes(item.stored + RECORD_BYTES), item.offset - RECORD_BYTES)
        found = list(walk(file.fileno(), pack.end, dead))
        assert found == [first._replace(batch=0, dead=True), second, third._replace(batch=0, dead=True)]
    pack.abandon()
    (done,) = recover_packs(SystemFiles(), places, lambda _: dead, 1)
    assert done.records == 3


def test_concurrent_appends_over_many_packs(tmp_path: Path) -> None:
    """Packs roll over under load; every place returned holds what was appended there."""
    places = places_in(tmp_path)

    async def run() -> list[tuple[bytes, tuple[bytes, int]]]:
        packs = Packs(SystemFiles(), places, pack_size=64 * 1024, ahead=16 * 1024, fsync=True)
        packs.start(asyncio.get_running_loop())

        async def append(size: int) -> tuple[bytes, tuple[bytes, int]]:
            payload = frames(size)
            appended = await packs.append([payload[:7], payload[7:]], len(payload))
            if size % 2:
                await appended
            else:
                await asyncio.to_thread(appended.settle)
            return payload, (appended.blob, appended.offset)

        stored = await asyncio.gather(*(append(1 + 37 * n % 9000) for n in range(400)))
        await packs.close()
        with pytest.raises(ServiceUnavailable):
            await packs.append([b"x"], 1)
        return stored

    stored = asyncio.run(run())
    for payload, (blob, offset) in stored:
        with open(places.pack(blob), "rb") as file:
            assert os.pread(file.fileno(), len(payload), offset) == payload
    found = 0
    for _, path in places.all_packs():
        assert os.path.getsize(path) <= 64 * 1024
        found += len(records_of(path))
    assert found == 400


def test_appends_beyond_the_bound_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blobs.packs.PENDING_LIMIT", 10_000)

    async def run() -> None:
        packs = Packs(SystemFiles(), places_in(tmp_path))
        packs.start(asyncio.get_running_loop())

        async def append() -> None:
            await (await packs.append([bytes(5000)], 5000))

        tasks = [asyncio.create_task(append()) for _ in range(50)]
        await asyncio.sleep(0)
        assert packs.pending <= 15_000
        await asyncio.gather(*tasks)
        assert packs.pending == 0
        await packs.close()

    asyncio.run(run())

"""Pieces of the zones' engine that need no zone: names, blocks, what is known of a blob, the breaker."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blobs.frames import FRAME_SIZE, STORED_FRAME, encrypt_extent, frame_count
from blobs.s3 import names
from blobs.s3.blob_state import BlobState
from blobs.s3.blocks import BLOCK_BYTES, BLOCK_FRAMES, SLICE_FRAMES, is_undamaged, runs
from blobs.s3.breaker import FAILURES, Breaker
from blobs.s3.zone import Listed
from schemas.ids import uuid7

BLOB = bytes.fromhex("0192e4a1b2c37d4e8f0123456789abcd")
HOLDER = bytes.fromhex("0192e4a1b2c37d4e8f01234567890000")

ids = st.binary(min_size=16, max_size=16)


def test_names_are_frozen() -> None:
    base = "blobs/cd/0192e4a1b2c37d4e8f0123456789abcd/"
    assert names.folder(BLOB) == base
    assert names.block(BLOB, 0) == base + "b000000"
    assert names.block(BLOB, 1279) == base + "b0004ff"
    made = 1_732_400_000_000
    assert names.reference(BLOB, HOLDER, made) == base + "ref-0192e4a1b2c37d4e8f01234567890000-01935b162c00"
    assert names.gone(BLOB) == base + "gone"
    assert names.freeing(BLOB, HOLDER) == base + "freeing-0192e4a1b2c37d4e8f01234567890000"
    assert names.note("zone-b", BLOB) == "repair/zone-b/0192e4a1b2c37d4e8f0123456789abcd"


def test_blocks_are_frozen() -> None:
    assert (BLOCK_FRAMES, BLOCK_BYTES) == (16, 16 * (262_144 + 20))


@given(ids, st.integers(0, 5000), ids)
def test_names_lead_back_to_the_blob(blob: bytes, number: int, holder: bytes) -> None:
    for name in (
        names.block(blob, number),
        names.reference(blob, holder, number),
        names.gone(blob),
        names.freeing(blob, holder),
    ):
        assert names.blob_of(name) == blob
        assert name < names.behind(names.folder(blob))
    assert names.blob_of_folder(names.folder(blob)) == blob
    assert names.noted(names.note("zone-a", blob)) == ("zone-a", blob)


@pytest.mark.parametrize(
    "name", ["", "blobs/", "blobs/cd/xyz/b000000", "lost+found/x", f"blobs/cd/{BLOB.hex()}"]
)
def test_names_of_others_are_nobodys(name: str) -> None:
    assert names.blob_of(name) is None
    assert names.blob_of_folder(name) is None
    assert names.noted(name) is None


@given(st.integers(0, 40 * FRAME_SIZE), st.integers(1, 40 * FRAME_SIZE))
def test_runs_cover_the_frames_of_a_range_once_and_stay_in_a_block(begin: int, length: int) -> None:
    found = list(runs(begin, begin + length))
    frames = [number for run in found for number in range(run.first, run.stop)]
    assert frames == list(range(begin // FRAME_SIZE, frame_count(begin + length)))
    for run in found:
        assert 0 < run.stop - run.first <= SLICE_FRAMES
        assert run.block == (run.stop - 1) // BLOCK_FRAMES
        assert run.offset + run.most <= BLOCK_BYTES
        assert run.offset == (run.first - run.block * BLOCK_FRAMES) * STORED_FRAME


@given(st.integers(1, 3 * FRAME_SIZE), st.data())
def test_any_flipped_bit_and_any_cut_show_without_a_key(length: int, data: st.DataObject) -> None:
    block = b"".join(encrypt_extent(os.urandom(32), os.urandom(length)))
    assert is_undamaged(block)
    damaged = bytearray(block)
    damaged[data.draw(st.integers(0, len(block) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not is_undamaged(bytes(damaged))
    cut = data.draw(st.integers(0, len(block) - 1))
    assert cut % STORED_FRAME == 0 < cut or not is_undamaged(block[:cut])


def test_no_bytes_are_no_block() -> None:
    assert not is_undamaged(b"")


def test_what_zones_list_becomes_what_is_known() -> None:
    attempt = uuid7(lambda: 1_700_000_000.0)
    state = BlobState.of(
        BLOB,
        {
            "a": [
                Listed(names.block(BLOB, 0), 100),
                Listed(names.block(BLOB, 1), 7),
                Listed(names.freeing(BLOB, attempt), 0),
                Listed(names.reference(BLOB, HOLDER, 5), 0),
                Listed(names.folder(BLOB) + "something else", 9),
            ],
            "b": [Listed(names.block(BLOB, 0), 90), Listed(names.reference(BLOB, HOLDER, 9), 0)],
            "c": [Listed(names.gone(BLOB), 0)],
        },
    )
    assert state.blocks == {"a": {0: 100, 1: 7}, "b": {0: 90}, "c": {}}
    assert state.sizes == {0: 100, 1: 7}
    assert state.holders == {HOLDER: 9}
    assert state.gone
    assert state.freeing == {attempt: {"a"}}
    assert state.without(attempt) == {"b", "c"}
    assert state.references_of("b", HOLDER) == [names.reference(BLOB, HOLDER, 9)]
    assert state.references_of("c", HOLDER) == []
    assert state.marks == {names.gone(BLOB), *(names.reference(BLOB, HOLDER, made) for made in (5, 9))}
    assert not any(state.is_whole_in(zone) for zone in "abcd")


def test_a_zone_is_whole_with_every_block_and_every_mark() -> None:
    block, mark = Listed(names.block(BLOB, 0), 100), Listed(names.gone(BLOB), 0)
    state = BlobState.of(BLOB, {"a": [block, mark], "b": [block], "c": [mark], "d": [mark, block]})
    assert [state.is_whole_in(zone) for zone in "abcde"] == [True, False, False, True, False]


def test_a_breaker_opens_after_failures_in_a_row_and_says_so_once() -> None:
    opened: list[str] = []
    breaker = Breaker(opened.append)
    for _ in range(10):
        for _ in range(FAILURES - 1):
            breaker.failed("slow")
        breaker.succeeded()
    assert breaker.closed
    for number in range(FAILURES + 2):
        breaker.failed(f"failure {number}")
    assert not breaker.closed
    assert opened == [f"failure {FAILURES - 1}"] == [breaker.reason]
    breaker.close()
    assert breaker.closed
    breaker.trip("no such bucket")
    assert opened[1:] == ["no such bucket"]

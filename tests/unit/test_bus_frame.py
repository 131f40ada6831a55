"""Frames and segment headers as bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.contract import Record
from bus.local import LocalPartitionLog, LogReader
from bus.local.frame import FRAME_HEADER_SIZE, announced_size, decode_frame, encode_frame, records_of
from bus.local.segment import SEGMENT_HEADER_SIZE, SegmentHeader, decode_header, encode_header
from schemas.errors import LogCorrupt

GOLDEN = Path(__file__).parent / "golden" / "log-segment-1.bin"
GOLDEN_RECORDS = [
    Record(0, 1_700_000_000_000, b"first"),
    Record(1, 1_700_000_000_001, b""),
    Record(2, 1_700_000_000_001, "Strand, größer".encode()),
    Record(3, 1_700_000_000_001, bytes(range(256))),
]


def test_golden_segment_is_read(tmp_path: Path) -> None:
    """Segments written by released versions stay readable for ever."""
    (tmp_path / "00000000000000000000.log").write_bytes(GOLDEN.read_bytes())
    reader = LogReader(str(tmp_path))
    assert reader.read(0) == GOLDEN_RECORDS
    assert reader.verify() == 4


def test_golden_segment_is_written(tmp_path: Path) -> None:
    clock = iter([1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001, 1_600_000_000_000])
    log = LocalPartitionLog(str(tmp_path), generation=3, partition=5, clock=lambda: next(clock), ahead=0)
    log.append([b"first"])
    log.append([record.payload for record in GOLDEN_RECORDS[1:3]], sync=False)
    log.append([GOLDEN_RECORDS[3].payload])
    log.close()
    assert (tmp_path / "00000000000000000000.log").read_bytes() == GOLDEN.read_bytes()


def test_sizes_are_as_documented() -> None:
    assert FRAME_HEADER_SIZE == 40
    assert SEGMENT_HEADER_SIZE == 40


u64 = st.integers(0, 2**64 - 1)
frames = st.builds(
    encode_frame, st.integers(0, 2**44), st.lists(st.binary(max_size=300), max_size=8), u64, u64
)


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=8), base=st.integers(0, 2**44), time=u64, synced=u64
)
def test_a_frame_round_trips(payloads: list[bytes], base: int, time: int, synced: int) -> None:
    data = encode_frame(base, payloads, time, synced)
    frame = decode_frame(b"junk" + data + b"junk", 4)
    assert frame is not None
    assert (frame.base, frame.end, frame.time, frame.synced) == (base, base + len(payloads), time, synced)
    assert frame.size == len(data) == announced_size(data, 0)
    assert [record.payload for record in records_of(frame, 0)] == payloads
    assert records_of(frame, base + 1) == records_of(frame, 0)[1:]


@given(data=frames, number=st.integers(0))
def test_a_flipped_bit_is_noticed(data: bytes, number: int) -> None:
    bit = number % (len(data) * 8)
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    assert decode_frame(bytes(damaged), 0) is None


@given(data=frames, number=st.integers(0))
def test_a_frame_cut_short_is_noticed(data: bytes, number: int) -> None:
    assert decode_frame(data[: number % len(data)], 0) is None


def test_a_header_round_trips_and_any_flipped_bit_is_noticed() -> None:
    header = SegmentHeader(generation=7, partition=4095, base=2**44 - 1, time=1_700_000_000_000)
    data = encode_header(header)
    assert decode_header(data, "x") == header
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogCorrupt):
            decode_header(bytes(damaged), "x")

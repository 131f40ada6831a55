"""The audit trail: one chain, exactly once across crashes and power cuts; no byte changes unseen."""

import asyncio
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import processors.audit_trail
from bus.contract import Record
from disk.files import Files
from processors.audit_lines import event_id
from processors.audit_trail import (
    HEAD,
    AuditDamaged,
    AuditTrail,
    AuditUnwritable,
    read_head,
    trail_files,
    verify_trail,
)
from processors.auditor import Auditor, AuditorPartition, Run, SharedAuditor
from processors.request_log import RequestLog
from schemas.errors import ServiceUnavailable, StorageFull
from schemas.events import AUDIT, FACTS
from schemas.facts import Fact, encode_fact
from schemas.seq import POLICY_PARTITIONS, encode_seq
from tests.faults.full_files import FailingFiles, FullFiles
from tests.faults.lossy_files import LossyFiles
from tests.unit.applying import BUCKET, ORIGIN


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in trail_files(folder) for line in path.read_bytes().splitlines()]


def numbers(folder: Path) -> list[int]:
    return [line["x"] for line in lines(folder)]


def write(folder: Path, *batches: list[int], files: Files | None = None) -> AuditTrail:
    trail = AuditTrail(folder, files)
    for batch in batches:
        trail.append([{"x": x} for x in batch], {"t": batch[-1] + 1} if batch else {})
    return trail


def test_lines_are_chained_from_file_to_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.audit_trail, "FILE_BYTES", 500)
    write(tmp_path, [1, 2], [3], [4, 5], [6]).close()
    assert len(trail_files(tmp_path)) > 1
    assert verify_trail(tmp_path) == 6
    assert numbers(tmp_path) == [1, 2, 3, 4, 5, 6]
    trail = write(tmp_path, [7])
    assert trail.head.n == 7
    trail.close()
    assert verify_trail(tmp_path) == 7


def test_a_trail_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert verify_trail(tmp_path) == 0
    AuditTrail(tmp_path).close()
    assert verify_trail(tmp_path) == 0
    assert read_head(tmp_path).n == 0


@pytest.mark.parametrize("at", ["lines", "torn", "draft"])
def test_a_crash_between_lines_and_head_repeats_them_once(tmp_path: Path, at: str) -> None:
    write(tmp_path, [1, 2]).close()
    before = (tmp_path / HEAD).read_bytes()
    write(tmp_path, [3, 4]).close()
    (tmp_path / HEAD).write_bytes(before)
    if at == "torn":
        path = trail_files(tmp_path)[-1]
        path.write_bytes(path.read_bytes()[:-30])
    if at == "draft":
        (tmp_path / "head.new").write_bytes(b'{"n":4')
    assert verify_trail(tmp_path) == 2  # what is behind the head does not count
    trail = write(tmp_path)
    assert trail.head.sources == {"t": 3}
    trail.append([{"x": 3}, {"x": 4}, {"x": 5}], {"t": 6})
    trail.close()
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    assert verify_trail(tmp_path) == 5


def test_a_first_start_cut_short(tmp_path: Path) -> None:
    trail = AuditTrail(tmp_path)
    empty = (tmp_path / HEAD).read_bytes()
    trail.append([{"x": 1}], {"t": 1})
    trail.close()
    (tmp_path / HEAD).write_bytes(empty)
    write(tmp_path, [1, 2]).close()
    assert numbers(tmp_path) == [1, 2]
    assert verify_trail(tmp_path) == 2


def test_a_lost_head_is_not_taken_for_a_new_trail(tmp_path: Path) -> None:
    write(tmp_path, [1, 2]).close()
    (tmp_path / HEAD).unlink()
    for opening in (AuditTrail, verify_trail, read_head):
        with pytest.raises(AuditDamaged, match="head is missing"):
            opening(tmp_path)
    assert numbers(tmp_path) == [1, 2]


def test_every_changed_byte_is_noticed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.audit_trail, "FILE_BYTES", 300)
    write(tmp_path, [1], [2, 3], [4]).close()
    assert verify_trail(tmp_path) == 4
    for path in [*trail_files(tmp_path), tmp_path / HEAD]:
        whole = path.read_bytes()
        for place in range(len(whole)):
            for bit in (0, 3, 6):
                changed = bytearray(whole)
                changed[place] ^= 1 << bit
                path.write_bytes(changed)
                with pytest.raises(AuditDamaged) as raised:
                    verify_trail(tmp_path)
                assert str(tmp_path) in raised.value.message
        path.write_bytes(whole)
    assert verify_trail(tmp_path) == 4


def test_removed_lines_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.audit_trail, "FILE_BYTES", 1)  # a file for every batch
    write(tmp_path, [1, 2, 3], [4, 5, 6], [7, 8, 9]).close()
    first, second, third = trail_files(tmp_path)
    for path in (first, second, third):
        whole = path.read_bytes()
        kept = whole.splitlines(keepends=True)
        for remaining in (kept[1:], kept[:1] + kept[2:], kept[:2], []):
            path.write_bytes(b"".join(remaining))
            with pytest.raises(AuditDamaged):
                verify_trail(tmp_path)
        path.write_bytes(whole)
    whole = second.read_bytes()
    second.unlink()
    with pytest.raises(AuditDamaged, match="does not follow line 3"):
        verify_trail(tmp_path)
    second.write_bytes(whole)
    third.unlink()
    with pytest.raises(AuditDamaged, match="ends at line 6, its head names line 9"):
        verify_trail(tmp_path)
    with pytest.raises(AuditDamaged, match="line 9, the last durable one, is missing"):
        AuditTrail(tmp_path)


def test_retention_drops_whole_old_files_and_leaves_a_good_trail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors.audit_trail, "FILE_BYTES", 1)
    trail = write(tmp_path, [1], [2], [3])
    for path, seconds in zip(trail_files(tmp_path), (100, 200, 300), strict=True):
        os.utime(path, (seconds, seconds))
    assert trail.drop_before(100_000) == 0
    assert trail.drop_before(150_000) == 1
    assert numbers(tmp_path) == [2, 3]
    assert verify_trail(tmp_path) == 2
    assert trail.drop_before(10**15) == 1  # the newest stays
    trail.append([{"x": 4}], {})
    assert numbers(tmp_path) == [3, 4]
    assert verify_trail(tmp_path) == 2
    trail.close()


def test_a_full_device_appends_nothing(tmp_path: Path) -> None:
    files = FullFiles(1 << 20)
    trail = write(tmp_path, [1], files=files)
    files.room = 0
    with pytest.raises(StorageFull):
        trail.append([{"x": 2}], {"t": 3})
    assert numbers(tmp_path) == [1]
    assert verify_trail(tmp_path) == 1
    files.room = 1 << 20
    trail.append([{"x": 2}, {"x": 3}], {"t": 4})
    trail.close()
    assert numbers(tmp_path) == [1, 2, 3]
    assert verify_trail(tmp_path) == 3


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "rename", "fsync_dir"])
def test_a_failing_device_may_be_tried_again(tmp_path: Path, call: str) -> None:
    files = FailingFiles()
    trail = write(tmp_path, [1], files=files)
    files.failing = call
    with pytest.raises(AuditUnwritable):
        trail.append([{"x": 2}], {"t": 3})
    files.failing = ""
    trail.append([{"x": 2}, {"x": 3}], {"t": 4})
    trail.close()
    assert numbers(tmp_path) == [1, 2, 3]
    assert verify_trail(tmp_path) == 3


@given(batches=st.lists(st.integers(0, 4), max_size=8), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_exactly_once_across_power_cuts(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], seed: int
) -> None:
    """What was appended is there, and the head says where to go on; three lives of one trail."""
    root = tmp_path_factory.mktemp("disk")
    files = LossyFiles(root, seed)
    done = 0
    for life in range(3):
        trail = AuditTrail(root / "audit", files)
        assert trail.head.sources.get("t", 0) == done
        for size in batches:
            trail.append([{"x": x} for x in range(done, done + size)], {"t": done + size})
            done += size
        files.crash()
        files = LossyFiles(root, seed + life)
    assert numbers(root / "audit") == list(range(done))
    assert verify_trail(root / "audit") == done


# --- the auditor -----------------------------------------------------------------------------------------
def fact(seq: int) -> bytes:
    return encode_fact(Fact(seq, 1_000, "object.created", ORIGIN, BUCKET, f"k{seq}"))


def records(*payloads: bytes, start: int = 0) -> list[Record]:
    return [Record(start + i, 5_000, payload) for i, payload in enumerate(payloads)]


def test_facts_published_twice_are_written_once_across_restarts(tmp_path: Path) -> None:
    auditor = Auditor(AuditTrail(tmp_path))
    auditor.write([Run(FACTS, 0, records(fact(0), fact(1), fact(2), fact(1), fact(2)))])
    auditor.close()
    auditor = Auditor(AuditTrail(tmp_path))
    assert auditor.position(FACTS) == 5
    other_partition = 1 << 44
    auditor.write([Run(FACTS, 0, records(fact(2), fact(3), fact(other_partition), start=5))])
    auditor.close()
    assert [line["seq"] for line in lines(tmp_path)] == [0, 1, 2, 3, other_partition]
    assert verify_trail(tmp_path) == 5


@pytest.mark.parametrize("partition", [0, 3])
def test_the_position_moves_behind_facts_of_any_partition(tmp_path: Path, partition: int) -> None:
    """Facts of policies and of other partitions share a facts partition: the place is the latter's."""
    auditor = Auditor(AuditTrail(tmp_path))
    auditor.write(
        [Run(FACTS, partition, records(fact(0), fact(encode_seq(0, POLICY_PARTITIONS, 0)), start=7))]
    )
    assert auditor.position(FACTS, partition) == 9
    auditor.write([Run(FACTS, partition, records(fact(encode_seq(1, 5, 4)), start=9))])
    assert auditor.position(FACTS, partition) == 10
    auditor.close()


def test_requests_are_written_with_what_they_did(tmp_path: Path) -> None:
    payloads: list[bytes] = []
    log = RequestLog(payloads.append, now=lambda: 12.345)
    log.observe("GetObject", "b", "k/ü", 206, 1, 2, 0.5, "who", "::1", "ab", "")
    log._lost = 3
    log.flush()
    auditor = Auditor(AuditTrail(tmp_path))
    auditor.write([Run(AUDIT, 0, records(*payloads))])
    assert auditor.position(AUDIT) == 1
    auditor.close()
    lost, request = lines(tmp_path)
    assert (lost["type"], lost["requests"]) == ("lost", 3)
    assert request["eventTime"] == "1970-01-01T00:00:12.345Z"
    assert request["requestParameters"] == {"bucketName": "b", "key": "k/ü"}
    assert request["additionalEventData"] == {
        "httpStatus": 206, "bytesTransferredIn": 1, "bytesTransferredOut": 2, "microseconds": 500_000
    }  # fmt: skip


def test_a_crash_before_the_head_writes_requests_once(tmp_path: Path) -> None:
    payloads: list[bytes] = []
    log = RequestLog(payloads.append)
    log.observe("PutObject", "b", "k", 200, 1, 2, 0.5, "who", "::1", "ab", "")
    log.flush()
    AuditTrail(tmp_path).close()
    head = (tmp_path / HEAD).read_bytes()
    Auditor(AuditTrail(tmp_path)).write([Run(AUDIT, 0, records(*payloads))])
    (tmp_path / HEAD).write_bytes(head)
    auditor = Auditor(AuditTrail(tmp_path))
    assert auditor.position(AUDIT) == 0
    auditor.write([Run(AUDIT, 0, records(*payloads))])
    assert len(lines(tmp_path)) == 1
    auditor.close()


class CountedTrail(AuditTrail):
    """Counts its writes, and fails while told so."""

    writes = 0
    failing = False

    def append(self, records: list[dict[str, Any]], sources: dict[str, int]) -> None:
        self.writes += 1
        if self.failing:
            raise AuditUnwritable("the device failed")
        super().append(records, sources)


def test_partitions_of_a_worker_share_the_writes(tmp_path: Path) -> None:
    trail = CountedTrail(tmp_path)

    async def main() -> None:
        shared = SharedAuditor(Auditor(trail))
        partitions = [AuditorPartition(shared, FACTS, number) for number in range(20)]
        runs = [records(fact(encode_seq(0, number, 0))) for number in range(20)]
        pairs = list(zip(partitions, runs, strict=True))
        trail.failing = True
        failed = await asyncio.gather(*(one.handle(run) for one, run in pairs), return_exceptions=True)
        assert {type(error) for error in failed} == {ServiceUnavailable}
        trail.failing, trail.writes = False, 0
        await asyncio.gather(*(one.handle(run) for one, run in pairs))
        assert trail.writes == 2  # the first to come, and all the others
        assert [await one.open() for one in partitions] == [1] * 20

    asyncio.run(main())
    trail.close()
    assert verify_trail(tmp_path) == 20


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_id_of_an_event_is_the_uuid5_of_the_request(request_id: str) -> None:
    assert event_id(request_id) == str(uuid.uuid5(uuid.NAMESPACE_OID, request_id))

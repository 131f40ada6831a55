"""Counters: cheap, shared by processes, and readable to Prometheus."""

import multiprocessing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from strandline.exposition import COUNTERS, GAUGES, Exposition, gauge
from strandline.metrics import BOUNDS, OTHER, Metrics

MILLISECOND = 1_000_000


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = Exposition(metrics).text().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_operation_and_status() -> None:
    metrics = Metrics(["GetObject", "PutObject"])
    metrics.request("GetObject", 200, 3 * MILLISECOND, 0, 4096)
    metrics.request("GetObject", 404, 1 * MILLISECOND, 0, 100)
    metrics.request("PutObject", 299, 700_000 * MILLISECOND, 10, 0)
    metrics.request("Unheard", 400, 0, 0, 0)
    got = samples(metrics)
    operation = ("operation", "GetObject")
    assert got["strandline_requests_total", (operation, ("status", "200"))] == 1
    assert got["strandline_requests_total", (operation, ("status", "404"))] == 1
    assert got["strandline_requests_total", (("operation", "PutObject"), ("status", "other"))] == 1
    assert got["strandline_requests_total", (("operation", OTHER), ("status", "400"))] == 1
    assert got["strandline_response_bytes_total", (operation,)] == 4196
    assert got["strandline_request_bytes_total", (("operation", "PutObject"),)] == 10


def test_latencies_are_a_cumulative_histogram() -> None:
    metrics = Metrics(["GetObject", "PutObject"])
    for nanoseconds in (1 * MILLISECOND, 3 * MILLISECOND, 700_000 * MILLISECOND):
        metrics.request("GetObject", 200, nanoseconds, 0, 0)
    got = samples(metrics)

    def bucket(bound: str) -> float:
        return got["strandline_request_seconds_bucket", (("le", bound), ("operation", "GetObject"))]

    assert [bucket(b) for b in ("0.0005", "0.001", "0.002", "0.005", "600.0", "+Inf")] == [0, 1, 1, 2, 2, 3]
    assert got["strandline_request_seconds_count", (("operation", "GetObject"),)] == 3
    assert got["strandline_request_seconds_sum", (("operation", "GetObject"),)] == pytest.approx(700.004)
    assert list(BOUNDS) == sorted(BOUNDS)


def test_counters_and_gauges_have_their_labels() -> None:
    names = [gauge("log_end_offset", "facts"), gauge("consumer_lag", "auditor"), "requests_in_progress"]
    metrics = Metrics([], COUNTERS, names)
    metrics.add("log_syncs", 5)
    metrics.add("log_syncs", 6)
    metrics.set("consumer_lag:auditor", 7)
    metrics.set("consumer_lag:auditor", 3)
    metrics.set("log_end_offset:facts", 9)
    got = samples(metrics)
    assert got["strandline_log_syncs_total", ()] == 11
    assert got["strandline_consumer_lag", (("consumer", "auditor"),)] == 3
    assert got["strandline_log_end_offset", (("topic", "facts"),)] == 9
    assert got["strandline_requests_in_progress", ()] == 0
    assert {name.partition(":")[0] for name in names} <= set(GAUGES)


def _work(path: Path, slab: int) -> None:
    metrics = Metrics(["GetObject"], ["log_syncs"], ["requests_in_progress"], path, slab, 3)
    for _ in range(1000):
        metrics.request("GetObject", 200, MILLISECOND, 1, 2)
    metrics.add("log_syncs", slab)
    metrics.set("requests_in_progress", 4)


def test_processes_share_and_a_successor_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(path, slab)) for slab in (1, 2, 2)]
    for worker in workers:  # one after the other: the last takes over the slab of one that has ended
        worker.start()
        worker.join(60)
    ours = Metrics(["GetObject"], ["log_syncs"], ["requests_in_progress"], path, 0, 3)
    ours.request("GetObject", 200, MILLISECOND, 1, 2)
    totals = ours.operation("GetObject")
    assert totals.statuses == {"200": 3001}
    assert (totals.received, totals.sent) == (3001, 6002)
    assert ours.total("log_syncs") == 5
    assert ours.total("requests_in_progress") == 8
    ours.close()


def test_answers_with_a_status_are_added_up(tmp_path: Path) -> None:
    first, second = (Metrics(["A", "B"], path=tmp_path / "m", slab=slab, slabs=2) for slab in (0, 1))
    first.request("A", 507, 1, 0, 0)
    first.request("B", 200, 1, 0, 0)
    second.request("B", 507, 1, 0, 0)
    second.request("no such operation", 507, 1, 0, 0)
    assert [first.answered(status) for status in (507, 200, 404)] == [3, 1, 0]


def test_slab_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="slab 2 is not one of 2"):
        Metrics([], slab=2, slabs=2)


def test_counters_go_on_over_a_restart_and_another_layout_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    for expected in (1, 2):
        metrics = Metrics(["GetObject"], ["log_syncs"], path=path)
        metrics.add("log_syncs")
        assert metrics.total("log_syncs") == expected
        metrics.close()
    assert Metrics(["PutObject"], ["log_syncs"], path=path).total("log_syncs") == 0

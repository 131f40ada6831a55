"""Whether the store can take writes, as the engine's process finds out and every process tells."""

import asyncio
from pathlib import Path

import pytest

from gateway.rest.health import Health
from strandline import trouble
from strandline.metrics import Metrics

GAUGES = ("log_stopped", "device_full")


def processes(folder: Path) -> tuple[Metrics, Metrics]:
    """Counters of a worker and of the engine's process."""
    worker, engine = (Metrics(["PutObject"], (), GAUGES, folder / "m", slab, 2) for slab in (0, 1))
    return worker, engine


def test_a_full_device_is_told_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker, engine = processes(tmp_path)
    room = False
    monkeypatch.setattr(trouble, "has_room", lambda root, min_free: room)
    watch = trouble.TroubleWatch(tmp_path, 0, engine, lambda: None)
    health = Health("", lambda: trouble.trouble(worker))
    asyncio.run(watch.look())
    assert not health.complaint
    worker.request("PutObject", 507, 1, 0, 0)
    for _ in range(5):
        asyncio.run(watch.look())
        assert "full" in health.complaint
    room = True
    asyncio.run(watch.look())
    assert not health.complaint
    assert len(caplog.records) == 2  # when it began and when it ended


def test_one_write_too_large_is_no_full_device(tmp_path: Path) -> None:
    worker, engine = processes(tmp_path)
    watch = trouble.TroubleWatch(tmp_path, 0, engine, lambda: None)
    worker.request("PutObject", 507, 1, 0, 0)
    asyncio.run(watch.look())
    assert trouble.trouble(worker) == ""
    assert not (tmp_path / trouble.PROBE_FILE).exists()


def test_a_log_that_has_stopped(tmp_path: Path) -> None:
    worker, engine = processes(tmp_path)
    failure: str | None = None
    watch = trouble.TroubleWatch(tmp_path, 0, engine, lambda: failure)
    health = Health("", lambda: trouble.trouble(worker))
    failure = "the disk is gone"
    asyncio.run(watch.look())
    assert "stopped" in health.complaint
    failure = None
    asyncio.run(watch.look())
    assert not health.complaint

"""The counters of a store on a data folder: one file, with a slab for each of its processes."""

from gateway.operations import OPERATIONS
from strandline.data_dir import DataDir
from strandline.exposition import COUNTERS, DEVICE_FULL, LOG_STOPPED, SWEPT, gauge
from strandline.metrics import Metrics
from strandline.settings import Settings

TOPICS = ("object-versions", "policies", "facts", "audit")
CONSUMERS = ("auditor", "collector", "access-logger")
GAUGES = (
    "requests_in_progress",
    LOG_STOPPED,
    DEVICE_FULL,
    SWEPT,
    *(gauge("log_end_offset", topic) for topic in TOPICS),
    *(gauge("applied_offset", topic) for topic in TOPICS[:2]),
    *(gauge("consumer_lag", consumer) for consumer in CONSUMERS),
    *(gauge("snapshot_offset", topic) for topic in TOPICS[:2]),
)


def open_metrics(settings: Settings, data: DataDir, slab: int) -> Metrics:
    """The counters of this process; workers have slabs 0 and up, the engine's process the next, then comes
    that of the processors."""
    names = [operation.name for operation in OPERATIONS]
    path = data.root / "metrics"
    return Metrics(names, tuple(COUNTERS), GAUGES, path, slab, settings.worker_count + 2)


def processors_metrics(settings: Settings, data: DataDir) -> Metrics:
    """The counters of the processors' process."""
    return open_metrics(settings, data, settings.worker_count + 1)

"""The shared counters as Prometheus reads them: text for /metrics."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from strandline import __version__
from strandline.metrics import BOUNDS, Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LOG_STOPPED = "log_stopped"
DEVICE_FULL = "device_full"
ORPHANS, ORPHAN_BYTES, SWEPT = "orphans_found", "orphan_freed_bytes", "orphan_sweep_timestamp_seconds"

# Name of a counter or gauge in `Metrics`: its name for Prometheus, label names, and what it tells. A name
# with a colon carries its label's value: "consumer_lag:auditor".
COUNTERS = {
    "log_syncs": "Times a log was synced to disk.",
    ORPHANS: "Blobs that nothing named, found by sweeps.",
    ORPHAN_BYTES: "Bytes of such blobs that sweeps freed.",
}
SWEEP_COUNTERS = (ORPHANS, ORPHAN_BYTES)
GAUGES = {
    "requests_in_progress": ("", "Requests in progress."),
    LOG_STOPPED: ("", "1 while a log has stopped, and with it all writes."),
    DEVICE_FULL: ("", "1 while writes are refused because the device is full."),
    "log_end_offset": ("topic", "Offset that the next record of the topic gets."),
    "applied_offset": ("topic", "Offset of the first event that the index does not show yet."),
    "consumer_lag": ("consumer", "Facts that a consumer has not dealt with yet."),
    "stalled_partitions": ("", "Partitions of the log that take no events now, seen from this gateway."),
    "zones_away": ("", "Zones that are not asked now, since they failed."),
    SWEPT: ("", "When the last sweep was done, Unix time; 0 while that is not known."),
    "snapshot_offset": ("topic", "Offset up to which a verified snapshot covers the log."),
}


def gauge(name: str, label: str) -> str:
    """The name in `Metrics` of a gauge with a label: gauge("consumer_lag", "auditor")."""
    return f"{name}:{label}"


class Exposition(Collector):
    """Reads the counters when Prometheus asks. Only operations that were asked for appear."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The answer to GET /metrics."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: what there is depends on what was counted."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        info = GaugeMetricFamily("strandline_info", "Version of the program.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield from self._requests()
        for name in self._metrics.counters:
            yield CounterMetricFamily(f"strandline_{name}", COUNTERS[name], value=self._metrics.total(name))
        yield from self._gauges()

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "strandline_requests", "Requests answered.", labels=["operation", "status"]
        )
        received = CounterMetricFamily(
            "strandline_request_bytes", "Bytes of request bodies.", labels=["operation"]
        )
        sent = CounterMetricFamily(
            "strandline_response_bytes", "Bytes of response bodies.", labels=["operation"]
        )
        seconds = HistogramMetricFamily(
            "strandline_request_seconds",
            "Time from a request's head to the end of its answer.",
            labels=["operation"],
        )
        for name in self._metrics.operations:
            totals = self._metrics.operation(name)
            if not totals.statuses:
                continue
            for status, count in totals.statuses.items():
                requests.add_metric([name, status], count)
            received.add_metric([name], totals.received)
            sent.add_metric([name], totals.sent)
            bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
            counts = accumulate(totals.latencies)
            seconds.add_metric([name], list(zip(bounds, counts, strict=True)), totals.seconds)
        yield from (requests, received, sent, seconds)

    def _gauges(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name in self._metrics.gauges:
            family_name, _, value = name.partition(":")
            label, text = GAUGES[family_name]
            family = families.setdefault(
                family_name,
                GaugeMetricFamily(f"strandline_{family_name}", text, labels=[label] if label else []),
            )
            family.add_metric([value] if label else [], self._metrics.total(name))
        yield from families.values()

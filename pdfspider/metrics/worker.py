"""Metrics of one worker: what it measures itself, and what Scrapy's stats count."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import Histogram
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pdfspider.metrics.exposition import add_process, expose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from prometheus_client import Metric

    from pdfspider.frontier.leases import Lease
    from pdfspider.metrics.exposition import Exposition

PHASES = ("first_byte", "body", "commit")
FETCH_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150, 600)
LAG_BUCKETS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class WorkerNumbers(NamedTuple):
    """The numbers of a worker at one moment."""

    stats: Mapping[str, Any]
    """Scrapy's stats."""
    leases: int
    received: int
    """Bytes of documents, those of unfinished ones too."""
    inspection_backlog: int
    takes_documents: bool


class WorkerMetrics:
    """The metrics of one worker, whose store or staging is in ``directory``."""

    def __init__(self, read: Callable[[], WorkerNumbers], directory: Path) -> None:
        self._registry = registry = CollectorRegistry()
        fetch = Histogram(
            "pdfspider_fetch_seconds",
            "Time of a visit from the start of its last request, by phase.",
            ["phase"],
            registry=registry,
            buckets=FETCH_BUCKETS,
        )
        self._phases = {phase: fetch.labels(phase) for phase in PHASES}
        self._gate_wait = Histogram(
            "pdfspider_gate_wait_seconds",
            "Time from a lease to the start of its request.",
            registry=registry,
            buckets=FETCH_BUCKETS,
        )
        self._lag = Histogram(
            "pdfspider_loop_lag_seconds",
            "Time for which the event loop stood still, looked at every 0.02 seconds.",
            registry=registry,
            buckets=LAG_BUCKETS,
        )
        registry.register(_Counts(read, directory))
        add_process(registry)

    def expose(self, accept: str = "") -> Exposition:
        """Return the metrics in the format that ``accept`` asks for."""
        return expose(self._registry, accept)

    def note_lag(self, seconds: float) -> None:
        """Note how late the event loop was."""
        self._lag.observe(max(seconds, 0))

    def note_response(self, lease: Lease) -> float | None:
        """Note the phases of a fetch whose response is there, and return its time, None if nothing was fetched."""
        now = time.monotonic()
        if lease.started_at is None or lease.latency is None:
            return None
        self._gate_wait.observe(max(lease.started_at - lease.leased_at, 0))
        self._phases["first_byte"].observe(lease.latency)
        self._phases["body"].observe(max(now - lease.started_at - lease.latency, 0))
        return now

    def note_commit(self, response_at: float) -> None:
        """Note that a visit has ended whose response was there at this time."""
        self._phases["commit"].observe(time.monotonic() - response_at)


class _Counts(Collector):
    """Numbers that are counted elsewhere."""

    def __init__(self, read: Callable[[], WorkerNumbers], directory: Path) -> None:
        self._read, self._directory = read, directory

    def collect(self) -> Iterator[Metric]:
        numbers = self._read()
        yield _by_class("urls", "URLs that this worker has ended.", numbers.stats, "pdfspider/outcome/")
        yield _by_class("retries", "Failures that this worker has given back.", numbers.stats, "pdfspider/retry/")
        stored = numbers.stats.get("pdfspider/bytes", 0)
        yield CounterMetricFamily("pdfspider_worker_stored_bytes", "Bytes of documents that it stored.", stored)
        yield CounterMetricFamily(
            "pdfspider_worker_received_bytes", "Bytes of documents that it received.", numbers.received
        )
        yield GaugeMetricFamily("pdfspider_worker_leases", "Leases that it holds.", numbers.leases)
        yield GaugeMetricFamily(
            "pdfspider_inspection_backlog", "Documents that wait for inspection.", numbers.inspection_backlog
        )
        yield GaugeMetricFamily(
            "pdfspider_store_available", "1 if the store takes documents.", int(numbers.takes_documents)
        )
        yield from _disk(self._directory)


def _by_class(name: str, meaning: str, stats: Mapping[str, Any], prefix: str) -> Metric:
    family = CounterMetricFamily(f"pdfspider_worker_{name}", meaning, labels=["outcome"])
    for stat, number in stats.items():
        if stat.startswith(prefix):
            family.add_metric([stat.removeprefix(prefix)], number)
    return family


def _disk(directory: Path) -> Iterator[Metric]:
    try:
        found = os.statvfs(directory)
    except OSError:
        return
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    yield GaugeMetricFamily("pdfspider_disk_free_bytes", "Free bytes of the disk of the store or staging.", free)
    yield GaugeMetricFamily("pdfspider_disk_size_bytes", "Size of that disk.", size)

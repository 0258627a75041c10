"""Metrics of the whole fleet, read from the frontier at each scrape."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from pdfspider.frontier.reports.fleet import read_fleet
from pdfspider.metrics.exposition import add_process, expose
from pdfspider.metrics.server import Probes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.reports.fleet import Fleet
    from pdfspider.metrics.exposition import Exposition
    from pdfspider.metrics.server import Faults


async def fleet_metrics(config: Config, frontier: Frontier, accept: str = "") -> Exposition:
    """Return the metrics of the fleet, and of this process, in the format that ``accept`` asks for.

    Raises RedisError.
    """
    registry = CollectorRegistry()
    registry.register(FleetCollector(await read_fleet(frontier.redis, frontier.start_urls, config.concurrency)))
    add_process(registry)
    return expose(registry, accept)


def fleet_probes(config: Config, frontier: Frontier, more: Faults | None = None) -> Probes:
    """Return the probes of a process that serves the fleet's metrics; it is ready while Redis answers.

    ``more`` returns further reasons why it is not.
    """

    async def faults() -> list[str]:
        try:
            await frontier.redis.ping()
        except RedisError as error:
            return [f"Redis: {error}"]
        return await more() if more else []

    return Probes(partial(fleet_metrics, config, frontier), faults)


class FleetCollector(Collector):
    """The metrics of one reading of the fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        yield from self._totals()
        yield from self._states()
        yield from self._masters()

    def _totals(self) -> Iterator[Metric]:
        fleet = self._fleet
        yield _counters("urls", "URLs that have ended, by outcome class.", "outcome", fleet.ended)
        yield _counters(
            "retries", "Failures that were given back for another try, by outcome class.", "outcome", fleet.retried
        )
        yield CounterMetricFamily("pdfspider_stored_bytes", "Bytes of documents stored.", fleet.stored)
        yield CounterMetricFamily("pdfspider_leases_expired", "Leases that expired with their worker.", fleet.expired)

    def _states(self) -> Iterator[Metric]:
        fleet = self._fleet
        hosts = {"waiting": fleet.hosts_waiting, "failing": fleet.hosts_failing}
        yield _gauges("frontier_urls", "URLs in the frontier that have not ended, by state.", "state", fleet.urls)
        yield _gauges("jobs", "Runs of jobs in the frontier, by state.", "state", fleet.jobs)
        yield _gauges("hosts", "Hosts that wait for their next start, or whose breaker is not closed.", "state", hosts)
        yield _gauge("workers", "Workers that are alive.", fleet.workers)
        yield _gauge("workers_wanted", "Workers that could lease now.", fleet.workers_wanted)
        yield _gauge("oldest_ready_seconds", "Longest wait of a host that may be asked now.", fleet.oldest_ready)
        yield _gauge("redis_memory_ratio", "Part of its maxmemory that Redis uses; 0: no limit.", fleet.memory)

    def _masters(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            "pdfspider_gateway_messages", "Messages of masters.", labels=("transport", "result")
        )
        for names, number in sorted(self._fleet.messages.items()):
            messages.add_metric(names, number)
        yield messages
        yield _gauges(
            "gateway_pending_results",
            "Runs that have ended and wait for results.",
            "transport",
            self._fleet.pending_results,
        )


def _counters(name: str, meaning: str, label: str, numbers: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"pdfspider_{name}", meaning, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family


def _gauges(name: str, meaning: str, label: str, numbers: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"pdfspider_{name}", meaning, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family


def _gauge(name: str, meaning: str, number: float) -> Metric:
    return GaugeMetricFamily(f"pdfspider_{name}", meaning, number)

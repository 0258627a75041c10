"""Alerts of the fleet: what is wrong, by the frontier alone.

The alerts have the names, limits and durations of ``deploy/prometheus/alerts.yml``, as far as the frontier knows what
they need. A rule is a function of a reading that returns a sentence, "" where all is well, or None where it cannot say
anything now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.formatting import counted, said_time
from pdfspider.frontier.reports.fleet import frontier_time, read_fleet
from pdfspider.frontier.reports.worker_reports import WorkerReports
from pdfspider.frontier.scripts import PREFIX
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.reports.fleet import Fleet

WINDOW_S = 900.0
"""Seconds over which counters are compared."""
LEAST_ENDED = 20
"""URLs that have to end in a window before their failures say anything."""
OWN_FAILURES = (Outcome.POISON, Outcome.INTERNAL_ERROR, Outcome.PIPELINE_ERROR, Outcome.STORE_ERROR)
DEAD_OUTCOMES = tuple(outcome for outcome in Outcome if outcome.dead)


class FleetReading(NamedTuple):
    """The state of the fleet at one time, and what has been counted in the window that ends now."""

    now: float
    fleet: Fleet
    troubles: Sequence[str]
    """What keeps each of the alive workers from work; "" for those that work."""
    counted: Mapping[str, int] | None
    """What was counted in the window; None while it has not ended."""
    pending_for: Mapping[str, float]
    """The seconds for which the oldest result of each transport has been pending."""


class AlertRule(NamedTuple):
    """An alert: its name, how long its cause has to last in seconds, and the rule."""

    alert: str
    lasts: float
    find: Callable[[FleetReading], str | None]


async def read(redis: Redis, start_urls: str, concurrency: int, window: Mapping[str, int]) -> FleetReading:
    """Return the state of the fleet; ``window`` has the counters at the beginning of the window, and its time.

    Raises RedisError.
    """
    now = await frontier_time(redis)
    fleet = await read_fleet(redis, start_urls, concurrency, now)
    workers = await WorkerReports(redis).workers(now)
    alive = [worker for worker in workers if worker.deadline > 0]
    known = counters(fleet)
    has_ended = bool(window) and now - window["at"] >= WINDOW_S * 1000
    return FleetReading(
        now=now / 1000,
        fleet=fleet,
        troubles=[worker.report.trouble if worker.report else "" for worker in alive],
        counted={name: known[name] - window.get(name, 0) for name in known} if has_ended else None,
        pending_for=await _pending_for(redis, fleet, now),
    )


def counters(fleet: Fleet) -> dict[str, int]:
    """Return the counters that rules compare."""
    results = dict.fromkeys(("rejected", "undelivered"), 0)
    for (_, result), number in fleet.messages.items():
        if result in results:
            results[result] += number
    return {
        "ended": sum(fleet.ended.values()),
        "dead": sum(fleet.ended[outcome.value] for outcome in DEAD_OUTCOMES),
        "own_faults": sum(fleet.ended[outcome.value] for outcome in OWN_FAILURES),
        "expired": fleet.expired,
        **results,
    }


async def _pending_for(redis: Any, fleet: Fleet, now: int) -> dict[str, float]:
    found = {}
    for transport in (name for name, number in fleet.pending_results.items() if number):
        oldest = await redis.xrange(f"{PREFIX}owed:{transport}", count=1)
        if oldest:
            found[transport] = (now - int(oldest[0][0].partition(b"-")[0])) / 1000
    return found


def _no_workers(reading: FleetReading) -> str:
    fleet = reading.fleet
    wanted = fleet.workers_wanted if not fleet.workers else 0
    return f"No worker is alive, and {wanted:,} would have work." if wanted else ""


def _troubled(reading: FleetReading) -> str:
    troubles = [trouble for trouble in reading.troubles if trouble]
    return f"{counted(len(troubles), 'worker')} cannot go on: {troubles[0]}." if troubles else ""


def _redis_full(reading: FleetReading) -> str:
    used = reading.fleet.memory
    return f"Redis uses {used:.0%} of its maxmemory; at 90 % leasing stops." if used > 0.85 else ""


def _breakers_open(reading: FleetReading) -> str:
    failing, waiting = reading.fleet.hosts_failing, reading.fleet.hosts_waiting
    is_many = failing > 20 and failing > 0.5 * waiting
    return f"{failing:,} hosts fail: more than half as many as wait." if is_many else ""


def _results_pending(reading: FleetReading) -> str:
    transport, seconds = max(reading.pending_for.items(), key=lambda item: item[1], default=("", 0.0))
    late = f"{reading.fleet.pending_results[transport]:,} results wait at {transport}" if seconds > 1200 else ""
    return f"{late}, the oldest for {said_time(seconds)}." if late else ""


def _no_progress(reading: FleetReading) -> str | None:
    if reading.counted is None:
        return None
    ready = reading.fleet.oldest_ready > 600 and not reading.counted["ended"]
    return f"URLs could be fetched, and none has ended for {said_time(WINDOW_S)}." if ready else ""


def _failures(reading: FleetReading) -> str | None:
    if reading.counted is None:
        return None
    ended, dead = reading.counted["ended"], reading.counted["dead"]
    return f"{dead / ended:.0%} of the URLs end as dead letters." if ended >= LEAST_ENDED and dead > 0.5 * ended else ""


def _more_than(name: str, limit: int, text: str) -> Callable[[FleetReading], str | None]:
    """Return the rule for a counter that grows by more than so many in a window."""

    def find(reading: FleetReading) -> str | None:
        if reading.counted is None:
            return None
        number = reading.counted[name]
        return text.format(number=number, window=said_time(WINDOW_S)) if number > limit else ""

    return find


RULES = (
    AlertRule("PdfspiderNoWorkers", 300, _no_workers),
    AlertRule("PdfspiderWorkersInTrouble", 300, _troubled),
    AlertRule("PdfspiderRedisFull", 120, _redis_full),
    AlertRule("PdfspiderBreakersOpen", 900, _breakers_open),
    AlertRule("PdfspiderResultsPending", 0, _results_pending),
    AlertRule("PdfspiderNoProgress", 0, _no_progress),
    AlertRule("PdfspiderFailures", 0, _failures),
    AlertRule(
        "PdfspiderWorkersKilled",
        0,
        _more_than("own_faults", 10, "{number:,} URLs of the last {window} failed by the fleet's own fault."),
    ),
    AlertRule("PdfspiderLeasesExpire", 0, _more_than("expired", 50, "{number:,} leases expired in {window}.")),
    AlertRule(
        "PdfspiderResultsRefused",
        0,
        _more_than("undelivered", 0, "{number:,} results were refused for good."),
    ),
    AlertRule(
        "PdfspiderMessagesRejected", 0, _more_than("rejected", 100, "{number:,} messages made no sense in {window}.")
    ),
)

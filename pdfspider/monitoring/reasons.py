"""Say in one sentence why a job is not finished.

A rule is a function of the facts that returns its sentence, or "" where it does not apply. The first that applies is
the reason: rules that stop the whole fleet come before those of one host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pdfspider.formatting import OUTCOME_MEANINGS, counted, said_time
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pdfspider.frontier.reports.host_states import Clock, HostState
    from pdfspider.frontier.reports.worker_reports import WorkerState

FULL_SHARE = 0.9
"""The part of Redis's memory at which workers stop leasing."""
SOON_S = 1.0
"""Seconds of which nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """Facts about the whole fleet."""

    workers: Sequence[WorkerState]
    memory: float
    """The part of its ``maxmemory`` that Redis uses; 0: no limit."""
    clock: Clock
    blocked: frozenset[str] = frozenset()
    """The jobs in which something is blocked; "" for all jobs."""

    @property
    def alive(self) -> list[WorkerState]:
        """The workers whose leases stand."""
        return [worker for worker in self.workers if worker.deadline > 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about one job."""

    job: Mapping[str, Any]
    fleet: FleetFacts
    hosts: Sequence[HostState]
    """Its hosts, or some of them by chance."""
    known_hosts: int
    robots_failures: Mapping[str, str]
    """The class in which the robots.txt of a host failed, by the host's name."""

    @property
    def waiting(self) -> int:
        """The URLs that wait."""
        return int(self.job["queued"] + self.job["delayed"])

    @property
    def next_host(self) -> HostState | None:
        """The host that opens first."""
        return min(self.hosts, key=_opens_in, default=None)


def reason(facts: Facts) -> str:
    """Return why the job is not finished; of one that has ended, how."""
    return next(sentence for rule in RULES if (sentence := rule(facts)))


def _ended(facts: Facts) -> str:
    state = str(facts.job["state"])
    return f"{state.capitalize()}." if state in ("finished", "cancelled") else ""


def _cancelling(facts: Facts) -> str:
    if facts.job["state"] != "cancelling":
        return ""
    if not facts.fleet.alive:
        return (
            f"It is being cancelled: a worker is needed to drop {counted(facts.waiting, 'URL')}, and none is running."
        )
    return (
        f"It is being cancelled: {counted(facts.waiting, 'URL')} to drop, {facts.job['leased']:,} still being fetched."
    )


def _paused(facts: Facts) -> str:
    if facts.job["state"] != "paused":
        return ""
    still = f"; {counted(facts.job['leased'], 'URL')} that had begun may end" if facts.job["leased"] else ""
    return f"It is paused: nothing is fetched until it is resumed{still}."


def _open_ended(facts: Facts) -> str:
    if facts.waiting + facts.job["leased"] or facts.job["sealed"]:
        return ""
    if facts.job.get("name") == DEFAULT_JOB:
        return f"All URLs that were handed in have ended; the job {DEFAULT_JOB} never does."
    return "All URLs that were handed in have ended; it waits for more, because it is not sealed."


def _no_worker(facts: Facts) -> str:
    if facts.fleet.alive:
        return ""
    if facts.job["leased"]:
        held = counted(facts.job["leased"], "URL")
        return f"No worker is alive. {held} that the last one fetched will be delivered to the next: scrapy crawl pdfs."
    return "No worker is running: start one with scrapy crawl pdfs."


def _full(facts: Facts) -> str:
    used = facts.fleet.memory
    return (
        f"Redis is full ({used:.0%} of its maxmemory): nothing is leased until there is room."
        if used >= FULL_SHARE
        else ""
    )


def _held(facts: Facts) -> str:
    left = (facts.fleet.clock.hold - facts.fleet.clock.now) / 1000
    if left <= 0:
        return ""
    return f"Redis was restarted: for another {said_time(left)} nothing is leased that a worker may still hold."


def _troubled(facts: Facts) -> str:
    troubles = {worker.report.trouble if worker.report else "" for worker in facts.fleet.alive}
    return f"No worker can go on: {min(troubles)}." if "" not in troubles else ""


def _fetching(facts: Facts) -> str:
    leased = facts.job["leased"]
    if not leased:
        return ""
    fetched = f"{counted(leased, 'URL')} {'is' if leased == 1 else 'are'} being fetched"
    if not facts.waiting:
        return "The last URL is being fetched." if leased == 1 else f"The last {leased:,} URLs are being fetched."
    slowest = max(facts.hosts, key=lambda host: host.seconds_left, default=None)
    if slowest is None or slowest.seconds_left < SOON_S:
        return f"{fetched}, {facts.waiting:,} wait for their turn."
    pace = f"one request each {_said(slowest.pause)}"
    return (
        f"{fetched}, {facts.waiting:,} wait for their hosts: {slowest.name} has {slowest.queued:,} at {pace}"
        f"{_because_of_robots(slowest)}, which takes {said_time(slowest.seconds_left)} at least{_but_blocked(facts)}."
    )


def _retrying(facts: Facts) -> str:
    host = facts.next_host
    if host is None or facts.job["queued"] or host.next_retry is None or host.next_retry < max(host.resting, SOON_S):
        return ""
    delayed = facts.job["delayed"]
    waits = "waits" if delayed == 1 else "wait"
    first = f"{counted(delayed, 'failed URL')} {waits} to be tried again, the first in {said_time(host.next_retry)}"
    return f"{first}: {host.name} failed with {_class(host.cause)}." if host.cause else f"{first}."


def _host_in_trouble(facts: Facts) -> str:
    host = facts.next_host
    if host is None or not host.trouble:
        return ""
    others = f" It has {facts.known_hosts:,} hosts, and this one opens first." if facts.known_hosts > 1 else ""
    when = (
        f"it is asked again in {said_time(host.resting)}" if host.resting > SOON_S else "it is about to be asked again"
    )
    if host.given_up:
        return f"{host.name} was given up, because it only failed: its URLs end as host-down.{others}"
    if failure := facts.robots_failures.get(host.name):
        why = "5xx or 429" if failure == Outcome.ROBOTS_UNAVAILABLE else failure
        return f"The robots.txt of {host.name} cannot be had ({why}), so nothing may be fetched there: {when}.{others}"
    if host.openings:
        last = f", last with {_class(host.cause)}" if host.cause else ""
        return f"{host.name} has failed {counted(host.failures, 'time')} in a row{last}: {when}.{others}"
    return f"{host.name} asked to be left alone, by its status or Retry-After: {when}.{others}"


def _host_busy(facts: Facts) -> str:
    host = facts.next_host
    if host is None:
        return ""
    if host.asks_robots:
        return f"The robots.txt of {host.name} is being fetched, before anything else of it."
    if host.in_flight >= host.cap:
        return (
            f"{host.name} is busy: {counted(host.in_flight, 'request')} in flight there for this job or others, "
            f"and no more than {host.cap:,} may be."
        )
    if host.opens_in > SOON_S:
        return (
            f"{host.name} is asked once each {_said(host.pause)}{_because_of_robots(host)}: again in "
            f"{said_time(host.opens_in)}."
        )
    return ""


def _apart(facts: Facts) -> str:
    if facts.hosts or not facts.waiting:
        return ""
    return f"{counted(facts.waiting, 'URL')} whose workers died wait to be fetched by a worker that does nothing else."


def _in_turn(facts: Facts) -> str:
    host = facts.next_host
    wait = f"{counted(facts.waiting, 'URL')} {'waits' if facts.waiting == 1 else 'wait'}"
    if host is None or not host.pause:
        return f"{wait} for a turn, which is about to come."
    return f"{wait} for a turn: {host.name} is asked once each {_said(host.pause)}{_because_of_robots(host)}."


def _but_blocked(facts: Facts) -> str:
    """Return what is to be added to a time, because URLs that are blocked need none."""
    return ", less for what is blocked" if facts.fleet.blocked & {"", str(facts.job.get("name"))} else ""


def _because_of_robots(host: HostState) -> str:
    return ", as its robots.txt asks" if host.crawl_delay and host.crawl_delay >= host.pause else ""


def _class(outcome: Outcome) -> str:
    return f"{outcome.value} ({OUTCOME_MEANINGS[outcome]})"


def _opens_in(host: HostState) -> float:
    if host.asks_robots or host.in_flight >= host.cap:
        return max(host.opens_in, host.resting)
    return max(host.opens_in, host.resting, host.next_retry or 0)


def _said(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else said_time(seconds)


RULES: tuple[Callable[[Facts], str], ...] = (
    _ended,
    _cancelling,
    _paused,
    _open_ended,
    _no_worker,
    _full,
    _held,
    _troubled,
    _fetching,
    _retrying,
    _host_in_trouble,
    _host_busy,
    _apart,
    _in_turn,
)

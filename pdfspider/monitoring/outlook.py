"""The speed of a job, and the time when it will end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.formatting import said_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdfspider.frontier.reports.host_states import HostState
    from pdfspider.frontier.reports.worker_reports import Sample

RATE_WINDOW_S = 60.0
"""Seconds over which a rate is taken."""
SLOWEST_SHOWN = 3
"""Hosts that are named as the slowest."""
SOON_S = 1.0
"""Seconds of which nothing is said."""
LEAST_HISTORY_S = 4.0
"""Seconds of history without which nothing is said of a rate."""


class Outlook(NamedTuple):
    """The speed of a job and its end."""

    rate: float | None
    """URLs that end per second; None: not known yet."""
    shrinks: float | None
    """URLs by which what is left becomes fewer per second."""
    by_politeness: float
    """Seconds that the slowest of the hosts looked at takes at least, given its delay."""
    eta: float | None
    """Seconds until the end; None while as many URLs are found as end, or nothing ends."""


def slowest(hosts: Sequence[HostState]) -> str:
    """Return which of several hosts take longest at least, "" where there is one or all are quick."""
    late = sorted((host for host in hosts if host.seconds_left > SOON_S), key=lambda host: -host.seconds_left)
    if len(hosts) < 2 or not late:
        return ""
    each = (f"{host.name} {host.queued:,} left, {said_time(host.seconds_left)}" for host in late[:SLOWEST_SHOWN])
    return f"slowest hosts: {'; '.join(each)}"


def outlook(job: Mapping[str, Any], history: Sequence[Sample], hosts: Sequence[HostState], now: float) -> Outlook:
    """Return the outlook of a job, from its samples and the queues of its hosts."""
    left = job["queued"] + job["delayed"] + job["leased"]
    ended = job["done"] + job["dead"]
    polite = max((host.seconds_left for host in hosts), default=0.0)
    if not left or job["state"] != "running":
        return Outlook(None, None, polite, None)
    before = [sample for sample in history if now - sample.time >= LEAST_HISTORY_S]
    if not before:
        return Outlook(None, None, polite, None)
    first = next((sample for sample in before if now - sample.time <= RATE_WINDOW_S), before[-1])
    span = now - first.time
    rate, shrinks = (ended - first.ended) / span, (first.left - left) / span
    if rate <= 0 or shrinks <= 0.1 * rate:
        return Outlook(max(rate, 0.0), shrinks, polite, None)
    return Outlook(rate, shrinks, polite, max(left / shrinks, polite))

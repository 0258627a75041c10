"""Compute when the hosts of a job are due again, from the changes that its runs saw; everything here blocks."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from pdfspider.exceptions import RecordsError
from pdfspider.items import Outcome
from pdfspider.records.engine import said
from pdfspider.records.history import runs_before
from pdfspider.records.reader import pages
from pdfspider.records.schema import captures

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    HostOf = Callable[[str], str]

CHANGED_OUTCOMES = {Outcome.DOCUMENT.value, Outcome.DUPLICATE.value, Outcome.GONE.value}
PASSED_OUTCOMES = {Outcome.PAGE.value, Outcome.REDIRECT.value}
UNASKED_OUTCOMES = (
    Outcome.ROBOTS_DENIED,
    Outcome.OVER_BUDGET,
    Outcome.TRAP,
    Outcome.BLOCKED,
    Outcome.CANCELLED,
    Outcome.HOST_DOWN,
)


class RevisitInterval(NamedTuple):
    """The least and the most seconds between two visits of a host."""

    least: float
    most: float

    def after(self, interval: float, *, changed: bool) -> float:
        """Return the interval that follows this one: half of it after a change, else twice as long."""
        return max(interval / 2, self.least) if changed else max(min(2 * interval, self.most), self.least)


class HostVisits(NamedTuple):
    """The past visits of a host."""

    last: int
    """The run that visited the host last; its number is a time in milliseconds."""
    interval: float
    """Seconds until the next visit."""

    @property
    def due(self) -> float:
        """The time of the next visit, in seconds since the epoch."""
        return self.last / 1000 + self.interval


@dataclass(slots=True)
class _Seen:
    """The hosts that one run saw, and whether they changed."""

    visited: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    ways: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The hosts whose pages and redirects led to pages of a host."""

    def add(self, host: str, sources: set[str], outcome: str) -> None:
        self.visited.add(host)
        if outcome in CHANGED_OUTCOMES:
            self.changed |= {host, *sources}
        elif outcome in PASSED_OUTCOMES and sources:
            self.ways[host] |= sources

    def spread(self) -> None:
        """Count a change also for the hosts on the way to it, because it is found only through them."""
        todo = [*self.changed]
        while todo:
            new = self.ways.get(todo.pop(), set()) - self.changed
            self.changed |= new
            todo += new


def visits(engine: Engine, job: str, before: int, pace: RevisitInterval, host_of: HostOf) -> dict[str, HostVisits]:
    """Return a bounded number of the hosts that the runs of a job before this one have visited.

    The first visit sets the least interval; each further one halves or doubles it. Raises RecordsError.
    """
    try:
        with engine.connect() as connection:
            runs = [*runs_before(connection, job, before)]
    except SQLAlchemyError as error:
        raise RecordsError(f"The database cannot be read: {said(error)}") from None
    found: dict[str, HostVisits] = {}
    for run in reversed(runs):
        seen = _seen(engine, job, run, host_of)
        for host in seen.visited:
            known = found.get(host)
            interval = pace.after(known.interval, changed=host in seen.changed) if known else pace.least
            found[host] = HostVisits(run, interval)
    return found


def _seen(engine: Engine, job: str, run: int, host_of: HostOf) -> _Seen:
    fields = (captures.c.url, captures.c.found_on, captures.c.hops, captures.c.outcome)
    query = select(*fields).where(captures.c.job == job, captures.c.run == run)
    seen = _Seen()
    rows: Any = pages(engine, query.where(captures.c.outcome.not_in([outcome.value for outcome in UNASKED_OUTCOMES])))
    for page in rows:
        for url, found_on, hops, outcome in page:
            host = host_of(url)
            sources = {host_of(found_on)} if found_on else set()
            if hops != "[]":
                sources.update(host_of(hop) for _, hop in json.loads(hops))
            seen.add(host, sources - {host}, outcome)
    seen.spread()
    return seen

"""The audit of a run: the web server's log, the store's files and the database's rows against what the site holds."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from pdfspider.frontier.connection import connect
from tests.frontier.audit import audit as audit_frontier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.log import Entry
    from tests.faults.world import World

ROUNDING = 0.001
THAW = 0.5
"""Seconds that a server which was frozen needs to read what has piled up."""


@dataclass
class Row:
    """What became of the runs of one fault."""

    fault: str
    runs: int = 0
    injected: int = 0
    urls: int = 0
    lost: int = 0
    missing: int = 0
    wrong: int = 0
    again: int = 0
    bound: int = 0
    gate: int = 0
    starts: int = 0
    """Requests, as the workers sent them, that were too close together; ``gate`` counts them too."""
    silence: float = 0.0
    """The longest time in seconds without a request after a fault."""
    recovery: float = -inf
    """The longest time in seconds, after its lease, until what a killed worker had held was available to others."""
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Faults that this machine cannot have, each with the reason."""

    @property
    def good(self) -> bool:
        return not (self.lost or self.missing or self.wrong or self.gate or self.notes or self.again > self.bound)

    def add(self, other: Row) -> None:
        for name in (column.name for column in fields(self) if column.name not in ("fault", "silence", "recovery")):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.silence = max(self.silence, other.silence)
        self.recovery = max(self.recovery, other.recovery)


def audit(world: World, row: Row) -> None:
    """Fills in what the sources say; to be called when every worker has ended."""
    rows = world.captures()
    log = world.web.log()
    _audit_rows(world, row, rows)
    _audit_store(world, row, rows)
    _audit_log(world, row, log)
    _audit_starts(world, row)
    row.recovery = max(world.recoveries, default=-inf)
    if row.recovery > world.scale.recovery:
        row.notes.append(f"what a killed worker had was available only {row.recovery:.1f} s after its lease")
    row.bound += sum(record["attempt"] - 1 for record in rows)
    row.notes += world.surprises + world.contradictions()
    row.notes += asyncio.run(_contradictions(world, rows))


def _audit_rows(world: World, row: Row, rows: list[dict[str, Any]]) -> None:
    """Every URL has one row, in the class that it belongs to."""
    expected = world.expected()
    found = Counter((record["job"], record["url"]) for record in rows)
    row.urls = len(expected)
    row.lost = len(expected.keys() - found.keys())
    row.wrong += sum(count - 1 for count in found.values()) + len(found.keys() - expected.keys())
    for record in rows:
        if record["outcome"] != expected.get((record["job"], record["url"])):
            row.wrong += 1
            row.notes.append(f"{record['job']} {record['url']} is {record['outcome']} ({record['reason']})")


def _audit_store(world: World, row: Row, rows: list[dict[str, Any]]) -> None:
    """Every document is there once, whole and under its hash, and the rows say which."""
    kept, documents = world.documents(), world.expected_documents()
    row.missing = len(documents - kept)
    row.wrong += len(kept - documents)
    row.missing += len(documents - {record["sha256"] for record in rows})


def _audit_log(world: World, row: Row, log: list[Entry]) -> None:
    """Nothing was fetched without need, and no host too often."""
    visits = Counter((entry.address, entry.path) for entry in log if entry.path != "/robots.txt")
    row.again = sum(visits.values()) - len(visits)
    by_host = defaultdict(list)
    for entry in log:
        by_host[entry.address].append(entry)
    violations = [
        note for entries in by_host.values() for note in _too_close(world, entries) + _too_many(world, entries)
    ]
    row.gate += len(violations)
    row.notes += violations
    row.silence = _silence(world, [entry.received for entry in log])


def _audit_starts(world: World, row: Row) -> None:
    """By the workers' own clock, nothing was sent too early, not by a millisecond."""
    by_host = defaultdict(list)
    for start in world.starts():
        by_host[urlsplit(start.url).hostname].append(start)
    close = [
        f"{later.at - earlier.at:.4f} s between {earlier.url} and {later.url}"
        for starts in by_host.values()
        for earlier, later in pairwise(starts)
        if later.at - earlier.at < world.pace.delay - ROUNDING
    ]
    row.gate += len(close)
    row.starts += len(close)
    row.notes += close


def _too_close(world: World, entries: list[Entry]) -> list[str]:
    least, late = world.pace.delay - world.tolerance, _late(world, entries)
    return [
        f"{later.received - earlier.received:.3f} s between {_said(earlier)} and {_said(later)}"
        for earlier, later in pairwise(entries)
        if later.received - earlier.received < least and not _held_up(world, later.received) and earlier not in late
    ]


def _too_many(world: World, entries: list[Entry]) -> list[str]:
    """Where the cap was exceeded. What a dead or stopped worker left hanging counts as long as a lease may last."""
    longest = world.scale.lease / 2
    events: list[tuple[float, int, Entry]] = []
    for entry in entries:
        ended = min(entry.ended or float("inf"), entry.received + longest)
        events += [(entry.received, 1, entry), (ended, -1, entry)]
    in_flight: list[Entry] = []
    notes = []
    for at, change, entry in sorted(events):
        if change < 0:
            in_flight.remove(entry)
            continue
        if len(in_flight) >= world.pace.cap and not _held_up(world, at):
            notes.append(f"{_said(entry)} beside {', '.join(map(_said, in_flight))}")
        in_flight.append(entry)
    return notes


def _late(world: World, entries: list[Entry]) -> set[Entry]:
    """What was on its way for longer than the tolerance: that the next one came soon after it says nothing."""
    sent = defaultdict(list)
    for start in world.starts():
        url = urlsplit(start.url)
        sent[url.hostname, urlunsplit(("", "", *url[2:4], ""))].append(start.at)
    return {
        entry
        for entry in entries
        if not any(0 <= entry.received - at <= world.tolerance for at in sent[entry.address, entry.path])
    }


def _held_up(world: World, at: float) -> bool:
    """A server that was frozen or cut off sees together what was sent apart."""
    return any(0 < at - thaw < THAW for thaw in world.web.thawed)


def _said(entry: Entry) -> str:
    ended = entry.ended - entry.received if entry.ended else float("inf")
    return f"{entry.address}{entry.path} ({entry.received:.3f}, for {ended:.3f} s)"


def _silence(world: World, receptions: Iterable[float]) -> float:
    if not world.injuries:
        return 0.0
    times = [world.injuries[0], *(at for at in receptions if at > world.injuries[0])]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


async def _contradictions(world: World, rows: list[dict[str, Any]]) -> list[str]:
    """What the frontier's keys say against each other or against the rows."""
    client = connect(world.redis.url)
    try:
        await audit_frontier(client)
    except AssertionError as error:
        return [f"the frontier contradicts itself: {error}"]
    finally:
        await client.aclose()
    ended = world.remains().ended
    return [] if ended == len(rows) else [f"{ended} URLs have ended and {len(rows)} are recorded"]

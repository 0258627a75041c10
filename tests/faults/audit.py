"""The audit of a run: the web server's log, the store's files and the database's rows against what the site holds."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING

from pdfspider.frontier.connection import connect
from tests.faults.world import JOB
from tests.frontier.audit import audit as audit_frontier
from tests.support import query, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.log import Entry
    from tests.faults.world import World

TOLERANCE = 0.05
"""Seconds by which the server may see two requests closer together than they were sent."""
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
    silence: float = 0.0
    """The longest time in seconds without a request after a fault."""
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.missing or self.wrong or self.gate or self.notes or self.again > self.bound)

    def add(self, other: Row) -> None:
        for name in (column.name for column in fields(self) if column.name not in ("fault", "silence")):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.silence = max(self.silence, other.silence)


def audit(world: World, row: Row) -> None:
    """Fills in what the sources say; to be called when every worker has ended."""
    rows = query(world.fleet.data / "pdfs.db", f"SELECT * FROM captures WHERE job = '{JOB}'")
    log = world.web.log()
    _audit_rows(world, row, rows)
    _audit_store(world, row, rows)
    _audit_log(world, row, log)
    row.bound += sum(record["attempt"] - 1 for record in rows)
    row.notes += world.surprises
    row.notes += asyncio.run(_contradictions(world, rows))


def _audit_rows(world: World, row: Row, rows: list[dict[str, object]]) -> None:
    """Every URL has one row, in the class that it belongs to."""
    expected = world.expected()
    found = Counter(str(record["url"]) for record in rows)
    row.urls = len(expected)
    row.lost = len(expected.keys() - found.keys())
    row.wrong += sum(count - 1 for count in found.values()) + len(found.keys() - expected.keys())
    for record in rows:
        url = str(record["url"])
        if record["outcome"] != expected.get(url):
            row.wrong += 1
            row.notes.append(f"{url} is {record['outcome']} ({record['reason']})")


def _audit_store(world: World, row: Row, rows: list[dict[str, object]]) -> None:
    """Every document is there once, whole and under its hash, and the rows say which."""
    files = stored(world.store)
    expected = world.expected()
    documents = {sha for url, sha in world.web.site.expected().items() if expected[url] == "document"}
    row.missing = len(documents - files)
    row.wrong += len(files - documents)
    row.missing += len(documents - {record["sha256"] for record in rows})


def _audit_log(world: World, row: Row, log: list[Entry]) -> None:
    """Nothing was fetched without need, and no host too often."""
    visits = Counter((entry.address, entry.path) for entry in log if entry.path != "/robots.txt")
    row.again = sum(visits.values()) - len(visits)
    by_host = defaultdict(list)
    for entry in log:
        by_host[entry.address].append(entry)
    for entries in by_host.values():
        row.gate += len(_too_close(world, entries)) + _too_many(world, entries)
    row.silence = _silence(world, [entry.received for entry in log])


def _too_close(world: World, entries: list[Entry]) -> list[float]:
    """A server that was frozen sees together what was sent apart."""
    least = world.pace.delay - TOLERANCE
    gaps = [(other.received - one.received, other.received) for one, other in pairwise(entries)]
    return [gap for gap, at in gaps if gap < least and not any(0 < at - thaw < THAW for thaw in world.web.thawed)]


def _too_many(world: World, entries: list[Entry]) -> int:
    """How often the cap was exceeded. What a dead or stopped worker left hanging counts as long as a lease may last."""
    longest = world.scale.lease / 2
    events = []
    for entry in entries:
        ended = min(entry.ended or float("inf"), entry.received + longest)
        events += [(entry.received, 1), (ended, -1)]
    flying = exceeded = 0
    for _, change in sorted(events):
        flying += change
        exceeded += change > 0 and flying > world.pace.cap
    return exceeded


def _silence(world: World, arrivals: Iterable[float]) -> float:
    if not world.injuries:
        return 0.0
    times = [world.injuries[0], *(at for at in arrivals if at > world.injuries[0])]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


async def _contradictions(world: World, rows: list[dict[str, object]]) -> list[str]:
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

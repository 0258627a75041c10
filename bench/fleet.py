"""Many workers on one frontier, with fetches that only sleep: ``python -m bench.fleet --workers 200``.

Each worker is a client of the frontier, with as many visits at a time as a real one. Every fourth visit is a page that
hands in links, some of them new; the others are documents. The figures are visits a second, what they cost Redis, and
how long a lease and a commit take; then the keys are audited, and the starts at each host are looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from bench.frontier_workload import CALL, entry
from bench.processes import redis_server
from pdfspider.discovery.urls import host_of
from pdfspider.frontier.audit import audit
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.leases import Lease

JOB = "simulation"
PAGE, LINKS, NEW = 4, 22, 4
"""Of so many visits one is a page; it has so many links, of which so many are new."""
LEAST, MOST = 0.05, 0.3
"""Seconds that a fetch takes."""
SLOTS = 32
IDLE = 0.05
ROUNDING = 0.001


@dataclass
class Measured:
    """What the workers of one process have seen; times in seconds."""

    visits: int = 0
    leases: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)


class SimulatedWorker:
    """One worker: it leases what it has room for, sleeps instead of fetching, and commits."""

    def __init__(self, url: str, number: int, until: float, measured: Measured) -> None:
        self._frontier = Frontier(connect(url), worker=f"worker-{number}", ahead=0.5)
        self._chance, self._number = random.Random(number), number
        self._until, self._measured = until, measured
        self._visits: set[asyncio.Task[None]] = set()
        self._made = 0

    async def run(self) -> None:
        """Work until the time is up, and give back the rest."""
        while time.monotonic() < self._until:
            free = SLOTS - len(self._visits)
            if not (leases := await self._lease(free) if free else []):
                await asyncio.sleep(IDLE)
            for lease in leases:
                task = asyncio.create_task(self._visit(lease))
                self._visits.add(task)
                task.add_done_callback(self._visits.discard)
        await asyncio.gather(*self._visits)
        await self._frontier.leave()

    async def _lease(self, free: int) -> list[Lease]:
        before = time.monotonic()
        grant = await self._frontier.lease(free, len(self._visits))
        self._measured.leases.append(time.monotonic() - before)
        return grant.leases

    async def _visit(self, lease: Lease) -> None:
        assert lease.entry
        host = host_of(lease.entry.url)
        await asyncio.sleep(max(0.0, lease.starts_at - time.monotonic()))
        lease.started_at = time.monotonic()
        self._measured.starts.setdefault(host, []).append(lease.started_at)
        if lease.report:
            await self._frontier.started(lease)
        await asyncio.sleep(self._chance.uniform(LEAST, MOST))
        before = time.monotonic()
        links = list(self._links(host)) if self._measured.visits % PAGE == 0 else []
        await self._frontier.commit(CommitRequest(lease, "d", dead=False, links=links))
        self._measured.commits.append(time.monotonic() - before)
        self._measured.visits += 1

    def _links(self, host: str) -> Iterator[Entry]:
        for link in range(LINKS):
            if link < NEW:
                self._made += 1
                yield entry(host, f"{self._number}-{self._made}")
            else:
                yield entry(host, self._chance.randrange(50))


async def simulate(url: str, numbers: range, seconds: float) -> Measured:
    """Run the workers with these numbers in this process."""
    measured, until = Measured(), time.monotonic() + seconds
    await asyncio.gather(*(SimulatedWorker(url, number, until, measured).run() for number in numbers))
    return measured


async def seed(url: str, hosts: int, per_host: int, delay: int) -> None:
    """Queue so many URLs at each host."""
    client = connect(url)
    frontier = Frontier(client)
    entries = [entry(f"host-{number % hosts}.test", number // hosts) for number in range(hosts * per_host)]
    options = JobOptions(robots=0, delay=delay, cap=1)
    for i in range(0, len(entries), CALL):
        await frontier.submit(JOB, entries[i : i + CALL], options=options)
    await client.aclose()


async def redis_cpu(url: str) -> float:
    """Return the CPU seconds that Redis has used."""
    async with connect(url) as client:
        info = await client.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def run(url: str, workers: int, processes: int, seconds: float) -> Measured:
    """Run the workers in so many processes, and return what all of them have seen."""
    command = [sys.executable, "-m", "bench.fleet", "--part", url, str(seconds)]
    parts = [[str(part), str(workers), str(processes)] for part in range(processes)]
    running = [subprocess.Popen([*command, *part], stdout=subprocess.PIPE) for part in parts]
    total = Measured()
    for process in running:
        part = Measured(**json.loads(process.communicate()[0]))
        total.visits += part.visits
        total.leases += part.leases
        total.commits += part.commits
        for host, starts in part.starts.items():
            total.starts.setdefault(host, []).extend(starts)
    return total


def early(starts: dict[str, list[float]], delay: float) -> int:
    """Return how many starts followed another at their host too early."""
    gaps = (after - before for times in starts.values() for before, after in pairwise(sorted(times)))
    return sum(gap < delay - ROUNDING for gap in gaps)


def percentiles(seconds: list[float]) -> str:
    """Return the median and the 99th percentile in milliseconds."""
    cuts = quantiles(seconds, n=100)
    return f"median {1000 * cuts[49]:.1f} ms, 99th percentile {1000 * cuts[98]:.1f} ms"


async def measure(url: str, options: argparse.Namespace) -> None:
    """Fill the frontier, let the workers work, and print what was measured."""
    await seed(url, options.hosts, options.per_host, round(options.delay * 1000))
    before, started = await redis_cpu(url), time.monotonic()
    found = await asyncio.to_thread(run, url, options.workers, options.processes, options.seconds)
    used, took = await redis_cpu(url) - before, time.monotonic() - started
    print(f"{options.workers} workers, {found.visits:,} visits in {took:.0f} s: {found.visits / took:,.0f} a second")
    share = f"{used / took:.0%} of a core"
    print(f"Redis: {1e6 * used / found.visits:.0f} µs a visit, {share}; {found.visits / used:,.0f} visits a CPU-second")
    print(f"lease: {percentiles(found.leases)}; commit: {percentiles(found.commits)}")
    async with connect(url) as client:
        findings = (await audit(client, looks=1)).findings
    print(f"starts too early: {early(found.starts, options.delay)}; findings of the audit: {len(findings)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--hosts", type=int, default=20_000)
    parser.add_argument("--per-host", type=int, default=50)
    parser.add_argument("--delay", type=float, default=0.5, help="seconds between two starts at a host")
    parser.add_argument("--part", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        url, seconds, *numbers = options.part
        part, workers, processes = map(int, numbers)
        measured = asyncio.run(simulate(url, range(part, workers, processes), float(seconds)))
        print(json.dumps(vars(measured)))
        return
    with tempfile.TemporaryDirectory(prefix="fleet-") as directory, redis_server(Path(directory)) as url:
        asyncio.run(measure(url, options))


if __name__ == "__main__":
    main()

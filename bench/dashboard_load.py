"""The dashboard over a large frontier and a large database: what each page takes, and what it costs Redis.

``make dashboard-load`` fills both with 10,000 jobs, 1,000,000 hosts and 10,000,000 captures, all of them real entries
of the frontier's scripts and of the database's tables, and asks for each page again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import psutil
from aiohttp import ClientSession, web
from scrapy.settings import Settings

from bench.processes import redis_server
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.dashboard.access import AccessControl
from pdfspider.dashboard.application import make_application
from pdfspider.dashboard.state import Dashboard
from pdfspider.documents.copies import DirectoryCopies
from pdfspider.frontier.connection import connect
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions, Submission
from pdfspider.monitoring.reading import Monitor
from pdfspider.records import Database
from pdfspider.records.listings import Listings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

OPTIONS = JobOptions(delay=500, robots=0)
LARGE = "large"
CLASSES = ("document", "page", "page", "page", "duplicate", "timeout", "not-found", "robots-denied", "page", "document")
"""The classes of ten captures in a row."""
CAPTURES = """
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :count)
INSERT INTO captures (job, run, fingerprint, url, hops, depth, outcome, sha256, size, finished, worker, attempt, token)
SELECT :job, :run, n, 'http://h' || (n % 1000) || '.test/files/' || n || '.pdf', '[]', 1, outcome,
  CASE WHEN outcome IN ('document', 'duplicate') THEN printf('%064x', n / 10 * 10) END, 1000, 1700000000 + n * 0.01,
  'w', 1, printf('%020d', n)
FROM number JOIN class ON class.place = n % 10
"""
DOCUMENTS = """
INSERT INTO documents (sha256, size, first_seen, path)
SELECT sha256, 1000, min(finished), sha256 || '.pdf' FROM captures WHERE sha256 IS NOT NULL GROUP BY sha256
"""


@dataclass(frozen=True)
class Cost:
    """What one page takes."""

    path: str
    seconds: list[float]
    redis_microseconds: float
    """The least of all its calls: what it costs where nothing else disturbs."""
    commands: int

    @property
    def p95(self) -> float:
        return quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 1 else self.seconds[0]


def entry(number: int) -> Entry:
    url = f"http://h{number}.test/"
    return Entry(url=url, fingerprint=blake2b(url.encode(), digest_size=8).digest(), host=f"h{number}.test")


async def fill_frontier(frontier: Frontier, jobs: int, hosts: int) -> int:
    """One job with all hosts, and many with one URL each; returns the run of the large one."""
    run = 0
    for start in range(0, hosts, 5000):
        entries = [entry(number) for number in range(start, min(start + 5000, hosts))]
        run = (await frontier.submit(LARGE, entries, options=OPTIONS)).run
    for start in range(0, jobs - 1, 100):
        numbers = range(start, min(start + 100, jobs - 1))
        await frontier.submit_all([Submission(f"job-{n}", [entry(n)], OPTIONS, seal=True, task=None) for n in numbers])
    return run


def fill_database(path: Path, run: int, captures: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("CREATE TEMP TABLE class (place INTEGER PRIMARY KEY, outcome TEXT)")
        connection.executemany("INSERT INTO class VALUES (?, ?)", enumerate(CLASSES))
        connection.execute(CAPTURES, {"count": captures, "job": LARGE, "run": run})
        connection.execute(DOCUMENTS)
    connection.close()


@asynccontextmanager
async def loaded(redis_url: str, directory: Path, jobs: int, hosts: int, captures: int) -> AsyncIterator[ClientSession]:
    """A dashboard over so much, and a client of it."""
    known = Settings()
    known.setmodule(defaults)
    known.update({"DATA_DIR": directory, "REDIS_URL": redis_url})
    config, redis = Config.from_settings(known), connect(redis_url)
    records, listings, frontier = (
        await Database.open(config.database_url),
        Listings(config.database_url),
        Frontier(redis),
    )
    run = await fill_frontier(frontier, jobs, hosts)
    await asyncio.to_thread(fill_database, directory / "pdfs.db", run, captures)
    parts = Dashboard(
        config=config,
        frontier=frontier,
        records=records,
        listings=listings,
        monitor=Monitor(frontier),
        copies=DirectoryCopies(directory),
    )
    runner = web.AppRunner(make_application(parts, AccessControl("")), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with ClientSession(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        await runner.cleanup()
        listings.close()
        await records.close()
        await redis.aclose()


def paths(jobs: int, captures: int) -> Iterator[str]:
    """Every page, also far behind in the lists."""
    middle = f"{1.7e9 + captures * 0.005!r}~{captures // 2}"
    yield from ("/", "/?show=open", f"/jobs/{LARGE}", f"/jobs/job-{jobs // 2}", "/hosts", "/hosts?start=5000")
    yield from ("/hosts/h7.test", "/workers", "/documents", f"/documents/{captures // 20 * 10:064x}", "/failures")
    yield from (f"/documents?after={middle}", "/documents?text=files/7.pdf", "/documents?host=h7.test")
    yield from (f"/documents?job={LARGE}", f"/jobs/{LARGE}/classes/failed")
    yield f"/jobs/{LARGE}/classes/page?after={middle}"
    yield from (f"/jobs/{LARGE}/cancel", f"/jobs/{LARGE}/change", "/submit", "/masters", "/health")
    yield from ("/schedules", "/schedule?job=job-1", f"/jobs/{LARGE}/changes")
    yield from (f"/block?pattern=*7*&job={LARGE}", "/block?host=h7.test")


async def used(redis: Any) -> tuple[float, int]:
    """The microseconds that Redis has worked, and the commands that it has done."""
    stats = [each for name, each in (await redis.info("commandstats")).items() if name != "cmdstat_info"]
    return sum(each["usec"] for each in stats), sum(each["calls"] for each in stats)


async def measure(client: ClientSession, redis: Any, path: str, times: int) -> Cost:
    seconds, costs = [], []
    for _ in range(times):
        before, began = await used(redis), time.perf_counter()
        async with client.get(path) as answer:
            await answer.read()
            assert answer.status == 200, (path, answer.status, await answer.text())
        seconds.append(time.perf_counter() - began)
        after = await used(redis)
        costs.append((after[0] - before[0], after[1] - before[1]))
    return Cost(path, seconds, min(cost[0] for cost in costs), max(cost[1] for cost in costs))


async def main(jobs: int, hosts: int, captures: int, times: int) -> None:
    with tempfile.TemporaryDirectory(prefix="load-") as directory, redis_server(Path(directory)) as url:
        redis, began = connect(url), time.monotonic()
        async with loaded(url, Path(directory), jobs, hosts, captures) as client:
            print(f"{jobs:,} jobs, {hosts:,} hosts, {captures:,} captures: filled in {time.monotonic() - began:.0f} s")
            before = psutil.Process().memory_info().rss
            print(f"{'page':60} {'p95 ms':>8} {'Redis ms':>9} {'commands':>9}")
            for path in paths(jobs, captures):
                cost = await measure(client, redis, path, times)
                print(f"{path[:60]:60} {1000 * cost.p95:8.1f} {cost.redis_microseconds / 1000:9.2f} {cost.commands:9,}")
            print(f"memory: {psutil.Process().memory_info().rss / 1e6:.0f} MB, {before / 1e6:.0f} MB before")
        await redis.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard_load", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=1_000_000)
    parser.add_argument("--captures", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=20, help="how often each page is asked for")
    asyncio.run(main(**vars(parser.parse_args())))

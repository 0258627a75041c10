"""Queue a very large job for one host, and see that Redis stays small and others are served meanwhile.

``python -m bench.frontier_load [--links 10000000] [--processes 2]``; ``make frontier-load`` does so.

A generator hands in the links of one host with several processes. As soon as the first are in, a hundred jobs of one
page each at hosts of their own are handed in, and a worker leases and ends whatever it gets, without fetching anything.
Then a part of what waits is leased, to see that it comes in its order.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.processes import redis_server
from pdfspider.discovery.urls import fingerprint
from pdfspider.frontier.connection import connect
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest

if TYPE_CHECKING:
    from redis.asyncio import Redis

LARGE, SMALL = "large", 100
PART, LEASES = 512, 5000
HOST = "archive.example"
OPTIONS = JobOptions(robots=0)
MIB = 2**20


@dataclass
class Finding:
    """What was measured; times in seconds, sizes in bytes."""

    most_memory: int = 0
    memory: int = 0
    seconds: float = 0.0
    redis_seconds: float = 0.0
    queued: int = 0
    spilled: int = 0
    ends: list[float] = field(default_factory=list)
    """When each of the small jobs was finished, from when they were handed in."""
    leased: int = 0
    out_of_order: int = 0


def link(number: int) -> Entry:
    """Return the entry of a document of the large job."""
    url = f"http://{HOST}/{number // 10_000}/{number // 100 % 100}/report-{number:09}.pdf"
    found_on = f"http://{HOST}/{number // 10_000}/"
    return Entry(url, fingerprint(url), HOST, depth=2, technique="a", found_on=found_on, document=True)


async def generate(url: str, first: int, links: int, step: int) -> None:
    """Hand in every so many-th link."""
    client = connect(url)
    frontier = Frontier(client)
    numbers = range(first, links, step)
    for i in range(0, len(numbers), PART):
        await frontier.submit(LARGE, [link(number) for number in numbers[i : i + PART]], options=OPTIONS)
    await client.aclose()


async def measure(url: str, links: int, processes: int) -> Finding:
    client, found = connect(url), Finding()
    started = time.monotonic()
    command = [sys.executable, "-m", "bench.frontier_load", "--generate", url]
    generators = [subprocess.Popen([*command, str(n), str(links), str(processes)]) for n in range(processes)]
    watching = asyncio.create_task(_watch(client, found))
    try:
        await _serve_small_jobs(url, found)
        while any(generator.poll() is None for generator in generators):
            await asyncio.sleep(0.1)
    finally:
        for generator in generators:
            generator.kill()
            generator.wait()
    found.seconds = time.monotonic() - started
    sweeper = Frontier(client)
    while await sweeper.sweep():
        pass
    watching.cancel()
    info = await client.info()
    found.memory = info["used_memory"]
    found.redis_seconds = info["used_cpu_user"] + info["used_cpu_sys"]
    await _count(client, found)
    await _check_order(url, found, processes)
    await client.aclose()
    return found


async def _watch(client: Redis, found: Finding) -> None:
    while True:
        found.most_memory = max(found.most_memory, (await client.info("memory"))["used_memory"])
        await asyncio.sleep(0.05)


async def _serve_small_jobs(url: str, found: Finding) -> None:
    client = connect(url)
    frontier = Frontier(client, worker="small")
    while not await client.hexists("{pdfs}:jobs", LARGE):
        await asyncio.sleep(0.05)
    started, left = time.monotonic(), {}
    for number in range(SMALL):
        address = f"http://small-{number}.example/"
        seed = Entry(address, fingerprint(address), f"small-{number}.example", technique="seed")
        left[(await frontier.submit(f"small-{number}", [seed], options=OPTIONS, seal=True)).run] = number
    while left:
        grant = await frontier.lease(32, 0)
        await asyncio.gather(*(frontier.commit(CommitRequest(lease, "p", dead=False)) for lease in grant.leases))
        for lease in grant.leases:
            if lease.run in left:
                del left[lease.run]
                found.ends.append(time.monotonic() - started)
    await frontier.leave()
    await client.aclose()


async def _count(client: Any, found: Finding) -> None:
    run = (await client.hget("{pdfs}:jobs", LARGE)).decode()
    found.queued, found.spilled = map(int, await client.hmget(f"{{pdfs}}:job:{run}", "queued", "spilled"))


async def _check_order(url: str, found: Finding, processes: int) -> None:
    """Lease some links: those of each process have to come as they were handed in, none left out."""
    client = connect(url)
    frontier = Frontier(client, worker="order")
    last: dict[int, int] = {}
    for _ in range(LEASES):
        for lease in (await frontier.lease(1, 0)).leases:
            assert lease.entry
            number = int(lease.entry.url[-13:-4])
            part = number % processes
            found.out_of_order += last.get(part, number - processes) != number - processes
            found.leased, last[part] = found.leased + 1, number
            await frontier.commit(CommitRequest(lease, "d", dead=False))
    await client.aclose()


def report(found: Finding, links: int) -> None:
    per_link = found.memory / max(found.queued, 1)
    print(f"{links:,} links of one host in {found.seconds:,.0f} s ({found.redis_seconds:,.0f} s of Redis's CPU)")
    print(f"{found.spilled:,} of {found.queued:,} that wait are in compressed blocks")
    print(
        f"Redis: {found.memory / MIB:,.0f} MiB ({per_link:.1f} B per link), {found.most_memory / MIB:,.0f} MiB at most"
    )
    print(f"{found.leased:,} leased, {found.out_of_order} of them out of order")
    print(f"{SMALL} jobs of one page were finished after {found.ends[0]:.2f} to {found.ends[-1]:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.frontier_load")
    parser.add_argument("--links", type=int, default=10_000_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--generate", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        url, *numbers = options.generate
        asyncio.run(generate(url, *map(int, numbers)))
        return
    with tempfile.TemporaryDirectory(prefix="frontier-load-") as directory, redis_server(Path(directory)) as url:
        report(asyncio.run(measure(url, options.links, options.processes)), options.links)


if __name__ == "__main__":
    main()

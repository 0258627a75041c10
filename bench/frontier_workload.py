"""What the frontier is asked to do while ``bench.frontier_cost`` measures it; imports nothing but pdfspider.

It runs in a process of its own, ``python -P bench/frontier_workload.py REDIS_URL URLS [URLS_PER_HOST]``, on the
checkout that is first in PYTHONPATH, and prints one JSON object: for each part the number of things done, the CPU
seconds that Redis needed for them and those of this process; with a number of URLs per host, other figures (see
``grow``).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pdfspider.frontier import leases as leases_module
from pdfspider.frontier.connection import connect
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

CommitRequest: Any = next(
    value for value in vars(leases_module).values() if getattr(value, "_fields", ())[:2] == ("lease", "code")
)
"""What a commit takes; older checkouts have another name for it."""
OPTIONS = JobOptions(cap=8, robots=0)
HOSTS, CALL, BATCH, LINKS, LEASES = 1000, 512, 32, 22, 50


def entry(host: str, number: str | int) -> Entry:
    """Return the entry of a link as an ordinary page has them."""
    url = f"http://{host}/archive/2024/documents/{number}/report.pdf"
    fingerprint = blake2b(url.encode(), digest_size=8).digest()
    found_on = f"http://{host}/archive/2024/index.html"
    return Entry(url=url, fingerprint=fingerprint, host=host, technique="a", found_on=found_on, depth=2)


class Workload:
    """The parts that are measured, on one empty Redis."""

    def __init__(self, url: str, urls: int) -> None:
        self.redis, self.urls = connect(url), urls
        self.frontier = Frontier(self.redis, worker="bench", ahead=0.5)
        self.figures: dict[str, tuple[int, float, float]] = {}

    async def cpu(self) -> tuple[float, float]:
        """Return the CPU seconds of Redis and of this process."""
        info = await self.redis.info("cpu")
        return info["used_cpu_user"] + info["used_cpu_sys"], time.process_time()

    async def measure(self, name: str, number: int, work: Any) -> None:
        """Run a part that does so many things."""
        before = await self.cpu()
        await work
        redis, client = (after - start for after, start in zip(await self.cpu(), before, strict=True))
        self.figures[name] = (number, redis, client)

    async def submit(self, job: str, entries: Sequence[Entry], call: int) -> None:
        for i in range(0, len(entries), call):
            await self.frontier.submit(job, entries[i : i + call], options=OPTIONS)

    async def visit(self, visits: int, links: Sequence[Sequence[Entry]] = ()) -> None:
        """Lease and commit so many URLs, each with the links of a page if there are any."""
        done = 0
        while done < visits:
            leases = (await self.frontier.lease(min(BATCH, visits - done), 0)).leases
            for lease in leases:
                lease.started_at = time.monotonic()
            found = links[done : done + len(leases)] or [()] * len(leases)
            ends = [CommitRequest(lease, "d", False, 100, page) for lease, page in zip(leases, found, strict=True)]
            await asyncio.gather(*map(self.frontier.commit, ends))
            done += len(leases)

    async def run(self) -> dict[str, Any]:
        """Measure all parts."""
        chance, urls = random.Random(1), self.urls
        await self.submit("spread", [entry(f"host-{i}.test", "first") for i in range(HOSTS)], CALL)
        spread = [entry(f"host-{chance.randrange(HOSTS)}.test", i) for i in range(urls)]
        await self.measure("new links, 22 a call, over 1,000 hosts", urls, self.submit("spread", spread, LINKS))
        await self.measure("known links, 512 a call", urls, self.submit("spread", spread, CALL))
        few = [entry(f"few-{i % 64}.test", i) for i in range(urls)]
        await self.measure("new links, 512 a call, over 64 hosts", urls, self.submit("few", few, CALL))
        await self.measure("leases with their commits", urls // 2, self.visit(urls // 2))
        pages = urls // LINKS
        links = [[entry(f"few-{i % 64}.test", f"{i}-{k}") for k in range(LINKS)] for i in range(pages)]
        await self.measure("the same with 22 new links", pages, self.visit(pages, links))
        own = [entry(f"own-{i}.test", i) for i in range(urls)]
        await self.measure("new links, each at a host of its own", urls, self.submit("own", own, CALL))
        return self.figures

    async def grow(self, per_host: int) -> dict[str, Any]:
        """Queue all URLs, so many at each host, and return what that and a lease of 64 cost."""
        self.frontier = Frontier(self.redis, worker="bench", ahead=0.5, queue_max=0)
        empty = (await self.redis.info("memory"))["used_memory"]
        hosts, together, before = max(self.urls // per_host, 1), min(per_host, 32), await self.cpu()
        for i in range(0, self.urls, CALL):
            some = [entry(f"host-{n // together % hosts}.test", n) for n in range(i, min(i + CALL, self.urls))]
            await self.frontier.submit("large", some, options=OPTIONS)
        redis = (await self.cpu())[0] - before[0]
        used = (await self.redis.info("memory"))["used_memory"] - empty
        known = await self._bytes_of_known()
        before = await self.cpu()
        for _ in range(LEASES):
            await self.frontier.lease(64, 0)
        lease = (await self.cpu())[0] - before[0]
        return {
            "hosts": hosts,
            "known": known,
            "queued": used / self.urls - known,
            "submit": redis / self.urls * 1e6,
            "lease": lease / LEASES * 1e6,
        }

    async def _bytes_of_known(self) -> float:
        """Return the bytes of Redis that one known URL takes, from a sample of the buckets."""
        run = (await self.redis.hget("{pdfs}:jobs", "large")).decode()
        level, split = map(int, await self.redis.hmget(f"{{pdfs}}:job:{run}", "level", "split"))
        buckets, size = 2**level + split, 0
        sample = random.Random(1).choices(range(buckets), k=500)
        for bucket in sample:
            size += await self.redis.memory_usage(f"{{pdfs}}:seen:{run}:{bucket}") or 0
        return size / len(sample) * buckets / self.urls


async def main() -> None:
    url, urls, *per_host = sys.argv[1:]
    workload = Workload(url, int(urls))
    figures = await (workload.grow(int(per_host[0])) if per_host else workload.run())
    await workload.redis.aclose()
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())

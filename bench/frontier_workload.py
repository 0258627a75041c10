"""What the frontier is asked to do while ``bench.frontier_cost`` measures it; imports nothing but pdfspider.

It runs in a process of its own, ``python -P bench/frontier_workload.py REDIS_URL URLS``, on the checkout that is first
in PYTHONPATH, and prints one JSON object: for each part the number of things done, the CPU seconds that Redis needed
for them and those of this process. With ``REDIS_URL URLS_PER_HOST SIZE …`` it queues ever more URLs (see ``grow``).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from hashlib import blake2b
from itertools import pairwise
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
        self.redis: Any = connect(url)
        self.urls = urls
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

    async def grow(self, sizes: Sequence[int], per_host: int) -> None:
        """Queue ever more URLs, so many at each host, and print one JSON object for each size as it is reached."""
        self.frontier = Frontier(self.redis, worker="bench", ahead=0.5, queue_max=0)
        empty = (await self.redis.info("memory"))["used_memory"]
        for first, size in pairwise([0, *sizes]):
            submitted = await self._seconds(self._spread(range(first, size), per_host))
            used = (await self.redis.info("memory"))["used_memory"] - empty
            known = await self._bytes_of_known(size)
            queued, hosts = await self._count(), await self.redis.zcard("{pdfs}:hosts")
            found = {"urls": size, "hosts": hosts, "known": known, "queued": (used - known * size) / queued}
            found |= await self._cost_of_visits()
            print(json.dumps(found | {"submit": submitted / (size - first) * 1e6}), flush=True)

    async def _spread(self, numbers: range, per_host: int) -> None:
        """Submit URLs for new hosts; neighbours are links of one page: some for each of a few hosts."""
        hosts, together = max(len(numbers) // per_host, 1), min(per_host, 32)
        for i in range(0, len(numbers), CALL):
            some = [
                entry(f"host-{numbers[0]}-{(n - numbers[0]) // together % hosts}.test", n)
                for n in numbers[i : i + CALL]
            ]
            await self.frontier.submit("large", some, options=OPTIONS)

    async def _cost_of_visits(self) -> dict[str, float]:
        """Return the microseconds of Redis for a lease of 64 URLs and for the commit of one of them."""
        lease = commit = 0.0
        for _ in range(LEASES):
            before = await self.cpu()
            leases = (await self.frontier.lease(64, 0)).leases
            between = await self.cpu()
            assert len(leases) == 64
            for one in leases:
                one.started_at = time.monotonic()
            await asyncio.gather(*(self.frontier.commit(CommitRequest(one, "d", False, 100)) for one in leases))
            lease, commit = lease + between[0] - before[0], commit + (await self.cpu())[0] - between[0]
        return {"lease": lease / LEASES * 1e6, "commit": commit / LEASES / 64 * 1e6}

    async def _seconds(self, work: Any) -> float:
        """Return the CPU seconds of Redis for a piece of work."""
        before, _ = await self.cpu()
        await work
        after, _ = await self.cpu()
        return after - before

    async def _count(self) -> int:
        """Return how many URLs are queued."""
        run = (await self.redis.hget("{pdfs}:jobs", "large")).decode()
        return int(await self.redis.hget(f"{{pdfs}}:job:{run}", "queued"))

    async def _bytes_of_known(self, urls: int) -> float:
        """Return the bytes of Redis that one of so many known URLs takes, from a sample of the buckets."""
        run = (await self.redis.hget("{pdfs}:jobs", "large")).decode()
        level, split = map(int, await self.redis.hmget(f"{{pdfs}}:job:{run}", "level", "split"))
        buckets, size = 2**level + split, 0
        sample = random.Random(1).choices(range(buckets), k=500)
        for bucket in sample:
            size += await self.redis.memory_usage(f"{{pdfs}}:seen:{run}:{bucket}") or 0
        return float(size / len(sample) * buckets / urls)


async def main() -> None:
    url, *numbers = sys.argv[1:]
    workload = Workload(url, int(numbers[-1]))
    if len(numbers) > 1:
        per_host, *sizes = map(int, numbers)
        await workload.grow(sizes, per_host)
    else:
        print(json.dumps(await workload.run()))
    await workload.redis.aclose()


if __name__ == "__main__":
    asyncio.run(main())

"""Four workers, eight hosts with a delay each; one worker is killed, one stops for longer than its lease lasts."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.server import serve
from bench.site import Site
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.submission.seeds import seed
from tests.crawl.hostile import Request, document, hostile, reply
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.log import Entry
    from tests.support import Fleet, Worker

DELAYS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)
CAPS = (1, 2)
LEASE = 2.0
ENOUGH = 100
"""URLs at each host: more than can be fetched here."""
ROUNDING = 0.001
TOLERANCE = 0.05


class Drip:
    """A document that comes for ever where it is asked for first; notes when the one who asked hung up."""

    def __init__(self) -> None:
        self.begun, self.hung_up = 0.0, 0.0

    def __call__(self, request: Request) -> None:
        answer = reply(document(size=200_000))
        if self.begun:
            request.send(answer)
            return
        self.begun = time.monotonic()
        try:
            for start in range(0, len(answer), 100):
                request.send(answer[start : start + 100])
                request.stopped.wait(0.02)
        except OSError:
            self.hung_up = time.monotonic()


@dataclass
class Host:
    """One host: how it may be asked, and how it was."""

    address: str
    delay: float
    cap: int
    starts: list[float] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def latency(self) -> float:
        """Where two may be in flight, they are."""
        return 0.05 if self.cap == 1 else 1.5 * self.delay

    def least_gaps(self) -> tuple[float, float]:
        """By the workers' clocks and by the server's."""
        receptions = [entry.received for entry in self.entries]
        return (
            min(later - earlier for earlier, later in pairwise(self.starts)),
            min(later - earlier for earlier, later in pairwise(receptions)),
        )

    def most_flying(self) -> int:
        events = [(entry.received, 1) for entry in self.entries]
        events += [(entry.ended, -1) for entry in self.entries if entry.ended]
        in_flight = most = 0
        for _, change in sorted(events):
            in_flight += change
            most = max(most, in_flight)
        return most

    def rate(self, begin: float, end: float, silences: Iterable[Silence]) -> float:
        """The part of the starts that the delay allows which took place. Where a worker that fell silent held a slot of
        the host, the time that it cost does not count: its lease, and that for which the host was left alone then.
        """
        starts = [at for at in self.starts if begin <= at <= end]
        seconds = starts[-1] - starts[0]
        for silence in silences:
            last = silence.at + LEASE + 1 + self.delay
            gaps = [(a, b) for a, b in pairwise(starts) if b > silence.at and a < last and b <= last + self.delay]
            lost = sum(max(later - earlier - self.delay, 0) for earlier, later in gaps)
            if lost > self.delay / 2:
                silence.felt_by.append(self.address)
                seconds -= lost
        return (len(starts) - 1) * self.delay / seconds


@dataclass
class Silence:
    """When a worker fell silent, with how many leases, and the hosts that felt it."""

    at: float
    leases: int
    felt_by: list[str] = field(default_factory=list)


async def submit(url: str, hosts: list[Host], port: int, drip: str) -> None:
    client = connect(url)
    frontier = Frontier(client)
    await frontier.submit("drip", [seed(drip, depth=1)], options=JobOptions(delay=100))
    for host in hosts:
        prefix = f"http://{host.address}:{port}/slow?ms={1000 * host.latency:.0f}&n="
        entries = [seed(f"{prefix}{n}", depth=1) for n in range(ENOUGH)]
        options = JobOptions(delay=round(host.delay * 1000), cap=host.cap)
        await frontier.submit(f"job-{host.address}", entries, options=options)
    await client.aclose()


def silence(fleet: Fleet, worker: Worker, signum: int) -> Silence:
    worker.send(signum)
    at = time.monotonic()
    leases = {name: worker["leases"] for name, worker in fleet.status()["workers"].items()}
    return Silence(at, next(count for name, count in leases.items() if f"-{worker.process.pid}-" in name))


def test_the_fleet_keeps_every_delay(fleet: Fleet) -> None:
    drip, site = Drip(), Site(hosts=len(DELAYS), pages=1, documents=0)
    with serve(site) as server, hostile({"/drip.pdf": drip}, hosts=9) as dripping:
        hosts = [
            Host(address, delay, CAPS[number % 2])
            for number, (address, delay) in enumerate(zip(server.site.addresses, DELAYS, strict=True))
        ]
        workers = fleet.stand(4, FRONTIER_LEASE_SECONDS=LEASE, FRONTIER_GRACE=0.1)
        asyncio.run(submit(fleet.redis_url or "", hosts, server.port, dripping.url("/drip.pdf", host=9)))
        until(lambda: drip.begun)
        paused = next(worker for worker in workers if any(start.url.endswith("/drip.pdf") for start in worker.starts()))
        time.sleep(1)
        begin = time.monotonic()
        time.sleep(2)
        killed = next(worker for worker in workers if worker is not paused)
        silences = [silence(fleet, killed, signal.SIGKILL)]
        time.sleep(LEASE + 3)
        silences.append(silence(fleet, paused, signal.SIGSTOP))
        time.sleep(LEASE + 1)
        paused.send(signal.SIGCONT)
        until(lambda: drip.hung_up)
        time.sleep(4)
        end = time.monotonic()
        for worker in set(workers) - {killed}:
            worker.dismiss()
        log = server.log()
    sort(hosts, log, fleet)
    way = longest_way(fleet, log)
    print(f"the way to the server took {1000 * way:.0f} ms at most")
    for host in hosts:
        starts, receptions = host.least_gaps()
        rate = host.rate(begin, end, silences)
        print(
            f"{host.delay} s: starts {starts:.3f} s apart, receptions {receptions:.3f} s, "
            f"{host.most_flying()} of {host.cap} in flight, {rate:.1%} of the rate"
        )
        assert starts >= host.delay - ROUNDING
        assert receptions >= host.delay - max(way, TOLERANCE)
        assert host.most_flying() <= host.cap
    print(f"silences: {silences}")


def longest_way(fleet: Fleet, log: list[Entry]) -> float:
    """Seconds from a worker to the server at most: where that is long, the machine is busy with other things."""
    sent = defaultdict(list)
    for start in fleet.starts():
        url = urlsplit(start.url)
        sent[url.hostname, f"{url.path}?{url.query}"].append(start.at)
    ways = [
        min(entry.received - at for at in sent[entry.address, entry.path] if at <= entry.received)
        for entry in log
        if entry.path != "/robots.txt"
    ]
    return max(ways)


def sort(hosts: list[Host], log: list[Entry], fleet: Fleet) -> None:
    """Starts and receptions to their hosts."""
    by_address = {host.address: host for host in hosts}
    for entry in log:
        by_address[entry.address].entries.append(entry)
    for start in fleet.starts():
        if host := by_address.get(urlsplit(start.url).hostname or ""):
            host.starts.append(start.at)

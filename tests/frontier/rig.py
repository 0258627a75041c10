"""A frontier on a real Redis with the clock in the test's hand."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from redis import Redis as SyncRedis
from redis.exceptions import RedisError

from pdfspider.frontier.connection import connect
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.frontier.leases import CommitRequest, LeaseKind
from pdfspider.items import Outcome
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from redis.asyncio import Redis

    from pdfspider.frontier.job_calls import Submitted
    from pdfspider.frontier.leases import Lease, LeaseGrant

FREE = JobOptions(cap=8, robots=0)
"""Nothing but the order holds URLs back."""
on_one_server = pytest.mark.parametrize("binary", ["bundled"], indirect=True)
"""Marks what takes seconds. All scripts run on the oldest Redis as well in random histories and in shorter tests."""


class Server:
    """A redis-server on a socket of its own, stopped by its process."""

    def __init__(self, binary: str, directory: Path) -> None:
        self.binary, self.directory = binary, directory
        self.socket = directory / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self, *options: str) -> None:
        command = [self.binary, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory)]
        log = (self.directory / "log").open("ab")
        with log:
            self._process = subprocess.Popen([*command, "--save", "", *options], stdout=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        try:
            with SyncRedis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False


class Clock:
    """Redis's clock and the machine's monotonic one: a step moves only the first."""

    def __init__(self) -> None:
        self.redis_us = 1_800_000_000_000_000
        self.monotonic_us = 1_000_000_000

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        """Makes it the clock that the frontier's own code reads."""
        for module in ("frontier", "leases"):
            monkeypatch.setattr(f"pdfspider.frontier.{module}.time", self)
        return self

    def __call__(self) -> int:
        return self.redis_us

    def monotonic(self) -> float:
        return self.monotonic_us / 1e6

    def advance(self, seconds: float) -> None:
        self.redis_us += round(seconds * 1e6)
        self.monotonic_us += round(seconds * 1e6)

    def step(self, seconds: float) -> None:
        self.redis_us += round(seconds * 1e6)


class Worker:
    """One worker, as the frontier sees it: it counts what it holds."""

    def __init__(self, frontier: Frontier, clock: Clock) -> None:
        self.frontier, self.clock = frontier, clock
        self.held: list[Lease] = []

    async def ask(self, wanted: int = 1, held: int | None = None, watched: int | None = None, **how: int) -> LeaseGrant:
        grant = await self.frontier.lease(wanted, len(self.held) if held is None else held, watched, **how)
        self.held += grant.leases
        return grant

    async def lease(self, wanted: int = 1) -> list[Lease]:
        return (await self.ask(wanted)).leases

    async def urls(self, wanted: int = 1) -> list[str]:
        """Leases, and says what was leased."""
        return [subject(lease) for lease in await self.lease(wanted)]

    async def one(self) -> Lease:
        (lease,) = await self.lease()
        return lease

    def start(self, lease: Lease) -> Lease:
        lease.started_at = self.clock.monotonic()
        return lease

    async def commit(self, lease: Lease, outcome: Outcome = Outcome.PAGE, *links: Entry, size: int = 0) -> None:
        await self.frontier.commit(CommitRequest(lease, outcome.code, outcome.dead, size, list(links)))
        self.held.remove(lease)

    async def release(self, lease: Lease, **how: Any) -> None:
        await self.frontier.release(lease, **how)
        self.held.remove(lease)

    async def commit_robots(self, lease: Lease, *, ttl: float = 3600, **what: Any) -> None:
        await self.frontier.commit_robots(lease, ttl=ttl, **what)
        self.held.remove(lease)

    async def work(self, outcome: Outcome = Outcome.PAGE) -> list[str]:
        """Leases and commits until nothing more is granted; says what was leased."""
        done = []
        while leases := await self.lease(64):
            for lease in leases:
                done.append(subject(lease))
                verdict = next((o for o in Outcome if o.code == lease.verdict), None)
                await self.commit(lease, verdict or outcome)
        return done


@dataclass
class Rig:
    """Workers that share one Redis and one clock."""

    url: str
    redis: Redis
    clock: Clock = field(default_factory=Clock)
    opened: list[Redis] = field(default_factory=list)

    @cached_property
    def _tick(self) -> Frontier:
        return self.worker("tick").frontier

    def worker(self, name: str = "w1", **options: Any) -> Worker:
        redis = connect(self.url)
        self.opened.append(redis)
        return Worker(Frontier(redis, worker=name, clock=self.clock, **{"ahead": 0, **options}), self.clock)

    async def submit(self, name: str, *urls: str | Entry, options: JobOptions | None = FREE, **how: Any) -> Submitted:
        entries = [entry(url) if isinstance(url, str) else url for url in urls]
        return await self.worker("command").frontier.submit(name, entries, options=options, **how)

    async def sleep(self, seconds: float, *alive: Worker) -> None:
        """Lets time pass in steps that are no jump of the clock; workers that are alive renew their leases."""
        while seconds > 0:
            self.clock.advance(min(seconds, 2))
            seconds -= 2
            await self._tick.renew()
            for worker in alive:
                assert await worker.frontier.renew()

    async def expire(self, *alive: Worker, seconds: float = 31) -> None:
        """Lets the leases of all workers but those that are alive run out, and sweeps."""
        await self.sleep(seconds, *alive)
        await self.sweep()

    async def sweep(self, **options: Any) -> int:
        """Sweeps until there is nothing more to do; says how many calls that took."""
        sweeper, calls = self.worker("command", **options).frontier, 1
        while await sweeper.sweep():
            calls += 1
            assert calls < 500
        return calls

    async def status(self, name: str) -> Mapping[str, Any]:
        frontier = self.worker("command").frontier
        status = await frontier.status_of_run(await frontier.run_of(name))
        assert status is not None
        return status

    async def control(self, name: str, action: str) -> str:
        return await self.worker("command").frontier.control(name, action)

    async def close(self) -> None:
        for redis in self.opened:
            await redis.aclose()


def subject(lease: Lease) -> str:
    """The URL of a lease; the origin and "robots" for a robots lease, the verdict's code in front of a verdict."""
    if lease.kind is LeaseKind.ROBOTS:
        return f"robots {lease.origin}"
    assert lease.entry is not None
    return f"{lease.verdict} {lease.entry.url}" if lease.verdict else lease.entry.url


def entry(url: str, **fields: Any) -> Entry:
    digest = blake2b(url.encode(), digest_size=8).digest()
    return Entry(**{"url": url, "fingerprint": digest, "host": urlsplit(url).netloc, **fields})


def pages(count: int, host: str = "a.test", **fields: Any) -> Sequence[Entry]:
    return [entry(f"http://{host}/{i}", **fields) for i in range(count)]

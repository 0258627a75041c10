"""What a run happens in: workers behind proxies, one Redis, one store, one database, one web site."""

from __future__ import annotations

import json
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import redis

from bench.site import Site
from tests.faults.injected import PIPELINES, SPRUNG
from tests.faults.proxy import Proxy
from tests.faults.servers import P, RedisProcess, Web, remains
from tests.support import Fleet, Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.servers import Remains

JOB = "faults"
POLL = 0.05
CONCURRENCY = 4
EXITS = (0, -signal.SIGKILL, -signal.SIGTERM)
"""How workers end here: asked to, killed, or asked to before they have begun."""


@dataclass(frozen=True)
class Scale:
    """How large a run is; times in seconds."""

    pages: int = 60
    workers: int = 3
    lease: float = 2.0
    patience: float = 90.0


@dataclass(frozen=True)
class Pace:
    """How often a host may be asked."""

    delay: float
    cap: int
    latency: int
    """Milliseconds that the site takes to answer."""


PACES = (Pace(0.15, 1, 50), Pace(0.12, 2, 150), Pace(0, 2, 250))


@dataclass(eq=False)
class Member:
    """A worker with its own way to Redis."""

    worker: Worker
    proxy: Proxy

    @property
    def pid(self) -> int:
        return self.worker.process.pid

    @property
    def alive(self) -> bool:
        return self.worker.process.poll() is None


class World:
    """A crawl that is under way while faults are injected. Raises Unavailable where this machine cannot hold it."""

    settings: ClassVar[dict[str, Any]] = {}
    paces: ClassVar[tuple[Pace, ...]] = PACES

    def __init__(self, directory: Path, seed: int, scale: Scale) -> None:
        self.random = random.Random(seed)
        self.scale, self.pace = scale, self.random.choice(self.paces)
        self.directory = directory
        self.stack = ExitStack()
        self.members: list[Member] = []
        self.surprises: list[str] = []
        self.injuries: list[float] = []
        """When (monotonic) each fault hit."""
        self.begun = 0.0
        """When the crawl was seen to be under way."""

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _open(self) -> None:
        site = Site(hosts=4, pages=self.scale.pages, documents=2 * self.scale.pages, seed=self.random.getrandbits(31))
        self.web = Web(site, self.pace.latency)
        self.stack.callback(self.web.close)
        self.redis = self.make_redis("redis")
        self.traps = self.directory / "traps"
        self.traps.mkdir()
        self.fleet = Fleet(self.directory, None, self._worker_settings())
        self.stack.callback(self.fleet.stop)
        with self.redis.client() as client:
            client.lpush(
                "pdfs:start_urls", json.dumps({"url": self.seed_url, "job": JOB, "scope": "any", "seal": True})
            )
        for _ in range(self.scale.workers):
            self.add()

    @property
    def seed_url(self) -> str:
        return self.web.site.url

    @property
    def store(self) -> Path:
        return self.fleet.data / "files"

    def expected(self) -> dict[str, str]:
        """Every URL of the site, and the class in which it belongs."""
        site = self.web.site
        return dict.fromkeys(site.page_urls(), "page") | dict.fromkeys(site.document_urls(), "document")

    def make_redis(self, name: str, *options: str) -> RedisProcess:
        server = RedisProcess(self.directory / name, *options)
        self.stack.callback(server.kill)
        server.start()
        return server

    def _worker_settings(self) -> dict[str, Any]:
        return {
            "CONCURRENT_REQUESTS": CONCURRENCY,
            "DOWNLOAD_DELAY": self.pace.delay,
            "CONCURRENT_REQUESTS_PER_DOMAIN": self.pace.cap,
            "FRONTIER_LEASE_SECONDS": self.scale.lease,
            "FRONTIER_GRACE": 0.1,
            "RETRY_TIMES": 12,
            "ITEM_PIPELINES": PIPELINES,
            "FAULT_TRAPS": self.traps,
            **self.settings,
        }

    # The workers

    def add(self) -> Member:
        proxy = Proxy(self.redis.port)
        self.stack.callback(proxy.close)
        worker = self.fleet.start(REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
        member = Member(worker, proxy)
        self.members.append(member)
        return member

    def any_member(self) -> Member:
        """One that is at work."""
        self.wait(lambda: any(self.leases(member) for member in self.members) or self.finished())
        at_work = [member for member in self.members if member.alive and self.leases(member)]
        return self.random.choice(at_work or [member for member in self.members if member.alive])

    def revive(self) -> None:
        """Puts a new worker in the place of each that has ended."""
        for member in [member for member in self.members if not member.alive]:
            self.members.remove(member)
            if member.worker.process.returncode not in EXITS:
                last = "\n".join(member.worker.output.splitlines()[-30:])
                self.surprises.append(f"a worker ended with {member.worker.process.returncode}:\n{last}")
            if self.redis.answers():
                self.add()

    def leases(self, member: Member) -> int:
        """How many leases the worker has, dead or alive."""
        with self.redis.client() as client:
            names = [name.decode() for name in client.zrange(f"{P}workers", 0, -1)]
            return sum(client.hlen(f"{P}worker:{name}") for name in names if f"-{member.pid}-" in name)

    def spring(self, trap: str, signum: int) -> Member | None:
        """Lays out a trap and waits until a worker has fallen into it; None where the job ends before."""
        before, laid = set(self.traps.iterdir()), self.directory / "trap"
        laid.write_text(str(int(signum)))
        laid.rename(self.traps / trap)
        self.wait(lambda: set(self.traps.glob(f"*{SPRUNG}")) - before or self.finished())
        (self.traps / trap).unlink(missing_ok=True)
        pids = {int(path.name.split(".")[1]) for path in set(self.traps.glob(f"*{SPRUNG}")) - before}
        return next((member for member in self.members if member.pid in pids), None)

    # The frontier

    def remains(self) -> Remains:
        return remains(self.redis.client())

    def finished(self) -> bool:
        try:
            with self.redis.client() as client:
                run = client.hget(f"{P}jobs", JOB)
                return run is not None and client.hget(f"{P}job:{run.decode()}", "state") == b"finished"
        except redis.RedisError:
            return False

    # Time

    def hurt(self) -> None:
        """Notes that a fault has hit just now."""
        self.injuries.append(time.monotonic())

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)
        self.revive()

    def wait(self, condition: Callable[[], Any]) -> bool:
        """Waits until it is true, with new workers for those that end; False when patience has run out."""
        deadline = time.monotonic() + self.scale.patience
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.pause(POLL)
        return True

    def dismiss(self) -> None:
        """Every worker is asked to end, and does."""
        for member in self.members:
            if member.alive:
                member.worker.send(signal.SIGTERM)
        for member in self.members:
            code = member.worker.wait()
            if code not in EXITS:
                self.surprises.append(f"a worker that was dismissed ended with {code}:\n{member.worker.output[-2000:]}")

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
from tests.faults.injected import POISON
from tests.faults.proxy import Proxy
from tests.faults.redis_server import P, RedisProcess, remains
from tests.faults.web import Web
from tests.support import PATIENCE, Fleet, Start, Worker, query, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.redis_server import Remains

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
    patience: float = PATIENCE
    tolerance: float = 0.05
    """By how much the server may see two requests closer together than they were sent."""
    recovery: float = 1.0
    """Seconds after its lease at which what a killed worker had is available, at the latest."""
    crowd: int = 20_000
    """URLs of the job beside which others have to go on."""


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
    excuses: ClassVar[tuple[str, ...]] = ("no Redis at",)
    """What a worker says that may end by itself: as when it is started while Redis is away."""

    def __init__(self, directory: Path, seed: int, scale: Scale) -> None:
        self.random = random.Random(seed)
        self.scale, self.pace = scale, self.random.choice(self.paces)
        self.directory = directory
        self.stack = ExitStack()
        self.members: list[Member] = []
        self.surprises: list[str] = []
        self.injuries: list[float] = []
        """When (monotonic) each fault hit."""
        self.recoveries: list[float] = []
        """Seconds, after the lease of a killed worker, until what it held was available."""
        self.begun = 0.0
        """When the crawl was seen to be under way."""
        self.poisoned: list[str] = []
        """URLs that kill whoever fetches them."""

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
        self.web = self._open_web()
        self.stack.callback(self.web.close)
        self.redis = self.make_redis("redis")
        self.fleet = Fleet(self.directory, None, self._worker_settings())
        self.stack.callback(self.fleet.stop)
        self._begin()
        for _ in range(self.scale.workers):
            self.add()

    @property
    def tolerance(self) -> float:
        return self.scale.tolerance

    @property
    def lease(self) -> float:
        return self.scale.lease

    def _open_web(self) -> Web:
        return Web(self._site(), self.pace.latency)

    def _site(self) -> Site:
        return Site(hosts=4, pages=self.scale.pages, documents=2 * self.scale.pages, seed=self.random.getrandbits(31))

    def _begin(self) -> None:
        """Submits what there is to do at first."""
        self.submit(self.web.site.url)

    def submit(self, url: str, job: str = JOB, **message: Any) -> None:
        with self.redis.client() as client:
            client.lpush(
                "pdfs:start_urls", json.dumps({"url": url, "job": job, "scope": "any", "seal": True, **message})
            )

    # What is to become of it

    def expected(self) -> dict[tuple[str, str], str]:
        """Job and URL of everything there is to do, and the class in which it belongs."""
        site = self.web.site
        ends = dict.fromkeys(site.page_urls(), "page") | dict.fromkeys(site.document_urls(), "document")
        return {(JOB, url): end for url, end in (ends | dict.fromkeys(self.poisoned, "poison")).items()}

    def expected_documents(self) -> set[str]:
        return set(self.web.site.expected().values())

    def captures(self) -> list[dict[str, Any]]:
        """The database's rows."""
        return query(self.fleet.data / "pdfs.db", "SELECT * FROM captures")

    def documents(self) -> set[str]:
        """The hashes of what the store has, each document read."""
        return stored(self.fleet.data / "files")

    def starts(self) -> list[Start]:
        """Every request, as the workers sent it."""
        return self.fleet.starts()

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
            "FRONTIER_BREAKER_SECONDS": 0.5,
            "FRONTIER_BREAKER_OPENINGS": 12,
            "DOWNLOADER_MIDDLEWARES": {POISON: 100},
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
            self._look_at_end(member)
            if self.redis.answers():
                self.add()

    def _look_at_end(self, member: Member) -> None:
        code, output = member.worker.process.returncode, member.worker.output
        if code not in EXITS and not any(excuse in output for excuse in self.excuses):
            last = "\n".join(output.splitlines()[-30:])
            self.surprises.append(f"a worker ended with {code}:\n{last}")

    def serves(self, member: Member) -> bool:
        """Whether the worker has begun to."""
        with self.redis.client() as client:
            names = client.zrange(f"{P}workers", 0, -1)
        return member.alive and any(f"-{member.pid}-" in name.decode() for name in names)

    def leases(self, member: Member) -> int:
        """How many leases the worker has, dead or alive."""
        with self.redis.client() as client:
            names = [name.decode() for name in client.zrange(f"{P}workers", 0, -1)]
            return sum(client.hlen(f"{P}worker:{name}") for name in names if f"-{member.pid}-" in name)

    # The frontier

    def remains(self) -> Remains:
        return remains(self.redis.client())

    def finished(self) -> bool:
        """Whether all there is to do is done."""
        return self.has_finished(JOB)

    def goes_on(self) -> bool:
        """Whether a fault would still hit anything."""
        return not self.finished()

    def has_finished(self, job: str) -> bool:
        try:
            with self.redis.client() as client:
                run = client.hget(f"{P}jobs", job)
                return run is not None and client.hget(f"{P}job:{run.decode()}", "state") == b"finished"
        except redis.RedisError:
            return False

    def contradictions(self) -> list[str]:
        """What else is not as it should be, once every worker has ended."""
        return []

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
                member.worker.send(signal.SIGCONT)  # one may have fallen into a trap as the job ended
        for member in self.members:
            member.worker.wait()
            self._look_at_end(member)

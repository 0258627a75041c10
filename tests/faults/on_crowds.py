"""Many jobs at once: each ends exactly when its last URL has, and none waits for another."""

from __future__ import annotations

import asyncio
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import redis

from pdfspider.discovery.urls import normalise
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.jobs import JobOptions
from pdfspider.submission.seeds import seed
from tests.faults import on_redis, on_workers
from tests.faults.faults import fault
from tests.faults.redis_server import CROWD, P
from tests.faults.world import Pace, World

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL_JOBS = 200
WAVES = 5
ONE_PAGERS = 10
LINKS = 2
CHUNK = 5000
MISHAPS = (
    on_workers.kill_one,
    on_workers.kill_all,
    on_workers.zombie,
    on_workers.terminate,
    on_workers.dies_before_commit,
    on_workers.fenced_before_commit,
    on_redis.kill_redis,
    on_redis.cut_off,
    on_redis.reset,
    on_redis.lose_lease,
    on_redis.lose_commit,
)


class Finish(NamedTuple):
    """What there was of a run when its end was announced."""

    job: str
    admitted: int
    ended: int
    recorded: int


class Watch:
    """Looks at every run whose end is announced, at once."""

    def __init__(self, world: World) -> None:
        self.finishes: list[Finish] = []
        self._world, self._last = world, "0"
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def look_a_last_time(self) -> None:
        self.close()
        self._look()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            try:
                self._look()
            except (redis.RedisError, OSError):
                continue

    def _look(self) -> None:
        with self._world.redis.client() as client:
            for number, event in client.xrange(f"{P}events", min=f"({self._last}"):
                job = event[b"job"].decode()
                self.finishes.append(self.state(client, job, event[b"run"].decode()))
                self._last = number.decode()

    def state(self, client: redis.Redis, job: str, run: str) -> Finish:
        admitted, done, dead = client.hmget(f"{P}job:{run}", "seen", "done", "dead")
        recorded = sum(row["job"] == job for row in self._world.captures())
        return Finish(job, int(admitted or 0), int(done or 0) + int(dead or 0), recorded)


class SmallJobs(on_workers.Trapped):
    """Not one job but many small ones, submitted in waves."""

    paces = (Pace(0.05, 2, 20),)

    def _begin(self) -> None:
        self.names: list[str] = []
        self.send_wave()
        self.watch = Watch(self)
        self.stack.callback(self.watch.close)

    def send_wave(self) -> None:
        count = SMALL_JOBS // WAVES
        for number in range(len(self.names), len(self.names) + count):
            name = f"small-{number}"
            self.names.append(name)
            self.submit(self._urls(name)[0], name, scope="host", depth=2)

    def expected(self) -> dict[tuple[str, str], str]:
        return {(name, url): "page" for name in self.names for url in self._urls(name)}

    def expected_documents(self) -> set[str]:
        return set()

    def finished(self) -> bool:
        return all(self.has_finished(name) for name in self.names)

    def goes_on(self) -> bool:
        return len(self.names) < SMALL_JOBS or super().goes_on()

    def contradictions(self) -> list[str]:
        """Runs whose end came early, twice, never, or was not the end."""
        self.watch.look_a_last_time()
        announced = {finish.job: finish for finish in self.watch.finishes}
        notes = [] if len(announced) == len(self.watch.finishes) else ["the end of a run was announced twice"]
        notes += [f"the end of {name} was not announced" for name in self.names if name not in announced]
        with self.redis.client() as client:
            runs = {name.decode(): run.decode() for name, run in client.hgetall(f"{P}jobs").items()}
            notes += [f"early: {finish}" for finish in announced.values() if len(set(finish[1:])) > 1]
            for name, finish in announced.items():
                if (state := self.watch.state(client, name, runs[name])) != finish:
                    notes.append(f"not the end: {finish}, then {state}")
        return notes

    def _urls(self, name: str) -> Sequence[str]:
        """A page and what it links to."""
        site = self.web.site
        origin = f"http://{site.addresses[int(name.partition('-')[2]) % site.hosts]}:{site.port}"
        prefix = f"/slow?ms=5&id={name}-"
        links = [normalise(f"{origin}{prefix}{link}") for link in range(LINKS)]
        return [normalise(f"{origin}/list?n={LINKS}&prefix={quote(prefix, safe='')}"), *links]


class Crowded(World):
    """A job of very many URLs waits at the same hosts."""

    paces = (Pace(0.05, 2, 20),)

    def _begin(self) -> None:
        super()._begin()
        self.names: list[str] = []
        begun = time.monotonic()
        asyncio.run(self._fill())
        print(f"{self.scale.crowd:,} URLs submitted in {time.monotonic() - begun:.0f} s")

    def expected(self) -> dict[tuple[str, str], str]:
        return super().expected() | {(name, self._url(name)): "page" for name in self.names}

    def captures(self) -> list[dict[str, Any]]:
        return [row for row in super().captures() if row["job"] != CROWD]

    def send(self) -> list[str]:
        """Submits jobs of one page each, and names them."""
        names = [f"one-{len(self.names) + number}" for number in range(ONE_PAGERS)]
        self.names += names
        for name in names:
            self.submit(self._url(name), name, depth=1)
        return names

    def waiting(self) -> int:
        with self.redis.client() as client:
            run = client.hget(f"{P}jobs", CROWD)
            return int(client.hget(f"{P}job:{run.decode()}", "queued") or 0)

    def _url(self, name: str) -> str:
        site = self.web.site
        address = site.addresses[int(name.partition("-")[2]) % site.hosts]
        return normalise(f"http://{address}:{site.port}/slow?ms=1&id={name}")

    async def _fill(self) -> None:
        client = connect(self.redis.url)
        frontier, site = Frontier(client), self.web.site
        options = JobOptions(delay=round(self.pace.delay * 1000), cap=self.pace.cap)
        for start in range(0, self.scale.crowd, CHUNK):
            numbers = range(start, min(start + CHUNK, self.scale.crowd))
            urls = [f"{site.page_url(n % site.hosts).rpartition('/')[0]}/status/200?n={n}" for n in numbers]
            await frontier.submit(CROWD, [seed(url, depth=1) for url in urls], options=options)
        await client.aclose()


@fault("200 small jobs, whatever happens", SmallJobs, injections=WAVES - 1)
def mishap(world: World) -> int:
    assert isinstance(world, SmallJobs)
    world.send_wave()
    return world.random.choice(MISHAPS)(world)


@fault("a large job beside jobs of one page", Crowded, injections=3, once=True)
def crowd(world: World) -> int:
    """With a worker killed while they wait."""
    assert isinstance(world, Crowded)
    names = world.send()
    in_flight = on_workers.kill_one(world)
    if not world.wait(lambda: all(map(world.has_finished, names))):
        world.surprises.append("jobs of one page wait for a large one")
    if world.waiting() < 0.9 * world.scale.crowd:
        world.surprises.append("the large job did not wait")
    return in_flight

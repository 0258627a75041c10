"""What there is to see of the frontier, for whoever has it before them: a worker, a command, the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.jobs import Job, job_name, status_of
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

JOBS_KNOWN = 1024


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """A host's robots.txt as the fleet knows it; ``failure`` is the class code that its URLs end in, if any."""

    body: bytes
    failure: str


class View:
    """Reads what the frontier knows of jobs, hosts and workers, and changes nothing."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis  # its replies are bytes, which redis-py's types leave open
        self._jobs: dict[int, Job] = {}
        self._networks: dict[int, str] = {}

    async def run_of(self, name: str) -> int:
        """The newest run of a job. Raises JobNotFound."""
        run = await self.redis.hget(f"{PREFIX}jobs", job_name(name))
        if run is None:
            raise JobNotFound(f"there is no job {name!r}")
        return int(run)

    async def job(self, run: int) -> Job:
        """A run by its number, remembered. Raises JobNotFound."""
        if run not in self._jobs:
            if len(self._jobs) >= JOBS_KNOWN:
                self._jobs.clear()
            raw = await self.redis.hgetall(f"{PREFIX}job:{run}")
            if not raw:
                raise JobNotFound(f"run {run} is gone")
            self._jobs[run] = Job.from_hash(run, raw)
        return self._jobs[run]

    async def jobs(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Name and status of every job in the frontier."""
        async for name, run in self.redis.hscan_iter(f"{PREFIX}jobs", count=500):
            raw = await self.redis.hgetall(f"{PREFIX}job:{int(run)}")
            if raw:
                yield name.decode(), status_of({**raw, b"run": run})

    async def status(self) -> dict[str, Any]:
        """Jobs, hosts and workers, as ``scrapy status --json`` prints them."""
        jobs = {name: status async for name, status in self.jobs()}
        workers = [(name, await self.redis.hlen(f"{PREFIX}worker:{name}")) async for name in self.workers()]
        return {
            "jobs": dict(sorted(jobs.items())),
            "hosts": {
                "waiting": await self.redis.zcard(f"{PREFIX}hosts"),
                "breakers_open": await self.redis.zcard(f"{PREFIX}breakers"),
            },
            "workers": {name: {"leases": leases} for name, leases in workers},
        }

    async def status_of_run(self, run: int) -> dict[str, Any] | None:
        """The status of one run, with the number of its ``hosts`` and of all ``workers``; None where it is gone."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(f"{PREFIX}job:{run}")
            pipe.scard(f"{PREFIX}job:{run}:hosts")
            pipe.zcard(f"{PREFIX}workers")
            raw, hosts, workers = await pipe.execute()
        return {**status_of({**raw, b"run": str(run).encode()}), "hosts": hosts, "workers": workers} if raw else None

    async def workers(self) -> AsyncIterator[str]:
        """Names of the workers that may hold leases."""
        for name in await self.redis.zrange(f"{PREFIX}workers", 0, -1):
            yield name.decode()

    async def robots(self, origin: str, reach: int = 0) -> RobotsRecord | None:
        """Return the robots.txt of an origin, if the fleet knows it.

        One whose address may not be reached is known to URLs of the same reach only.
        """
        base = f"{PREFIX}robots:{sha1(origin.encode()).hexdigest()}"
        for key in (base, f"{base}:{reach}"):
            body, failure = await self.redis.hmget(key, "body", "failure")
            if body is not None:
                return RobotsRecord(body, (failure or b"").decode())
        return None

    async def networks(self, number: int) -> str:
        """Return the list of networks that has this number; "" where the frontier has none."""
        if number and number not in self._networks:
            found = await self.redis.hget(f"{PREFIX}networks", number)
            if found is None:
                return ""
            self._networks[number] = found.decode()
        return self._networks[number] if number else ""

    async def memory(self) -> float:
        """How much of its ``maxmemory`` Redis uses: 1 is all of it; 0 where there is no limit."""
        info = await self.redis.info("memory")
        limit = int(info.get("maxmemory", 0))
        return int(info["used_memory"]) / limit if limit else 0.0

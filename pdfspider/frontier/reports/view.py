"""Read access to the frontier, for workers, commands and the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import JobNotFound
from pdfspider.frontier.jobs import STATUS_NAMES, Job, job_name, options_from_hash, status_of
from pdfspider.frontier.reports.job_lists import JobLists
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from redis.asyncio import Redis

    from pdfspider.frontier.jobs import JobOptions

JOB_CACHE_SIZE = 1024
MAX_JOBS = 1000
"""Jobs that ``status`` returns at most."""


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """The robots.txt of a host, as the fleet knows it.

    ``failure`` is the class code in which all URLs of the host end, if there is one.
    """

    body: bytes
    failure: str


class View:
    """Reads jobs, hosts and workers, and changes nothing."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis  # its replies are bytes, which redis-py's types leave open
        self.job_lists = JobLists(redis)
        self._jobs: dict[int, Job] = {}
        self._networks: dict[int, str] = {}

    async def run_of(self, name: str) -> int:
        """Return the newest run of a job.

        Raises JobNotFound.
        """
        run = await self.redis.hget(f"{PREFIX}jobs", job_name(name))
        if run is None:
            raise JobNotFound(f"there is no job {name!r}")
        return int(run)

    async def options_of(self, name: str) -> JobOptions | None:
        """Return the options of the newest run of a job, None if the frontier has none."""
        run = await self.redis.hget(f"{PREFIX}jobs", job_name(name))
        raw = await self.redis.hgetall(f"{PREFIX}job:{int(run)}") if run else None
        return options_from_hash(raw) if raw else None

    async def job(self, run: int) -> Job:
        """Return a run by its number; the answer is cached.

        Raises JobNotFound.
        """
        if run not in self._jobs:
            if len(self._jobs) >= JOB_CACHE_SIZE:
                self._jobs.clear()
            raw = await self.redis.hgetall(f"{PREFIX}job:{run}")
            if not raw:
                raise JobNotFound(f"run {run} is gone")
            self._jobs[run] = Job.from_hash(run, raw)
        return self._jobs[run]

    async def jobs(self, limit: int = MAX_JOBS) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield name and status of the newest jobs."""
        for job in (await self.job_lists.page(limit)).jobs:
            yield job["name"], _status(job)

    async def status(self, job: str | None = None) -> dict[str, Any]:
        """Return the newest jobs, or one, the hosts and the workers in the form that ``scrapy status --json`` prints.

        Raises JobNotFound.
        """
        listed = [(job, await self.run_of(job))] if job else None
        found = await self.job_lists.read(listed) if listed else (await self.job_lists.page(MAX_JOBS)).jobs
        jobs = {each["name"]: _status(each) for each in found}
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
        """Return the status of one run, None if it is gone.

        It has the number of the run's ``hosts`` and of all ``workers``.
        """
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(f"{PREFIX}job:{run}")
            pipe.scard(f"{PREFIX}job:{run}:hosts")
            pipe.zcard(f"{PREFIX}workers")
            raw, hosts, workers = await pipe.execute()
        return {**status_of({**raw, b"run": str(run).encode()}), "hosts": hosts, "workers": workers} if raw else None

    async def workers(self) -> AsyncIterator[str]:
        """Yield the names of the workers that may hold leases."""
        for name in await self.redis.zrange(f"{PREFIX}workers", 0, -1):
            yield name.decode()

    async def robots(self, origin: str, reach: int = 0) -> RobotsRecord | None:
        """Return the robots.txt of an origin, None if the fleet does not know it.

        ``origin_key`` is the SHA-1 of the origin's text. A record from an address that is not public serves only URLs
        with the same reach.
        """
        base = f"{PREFIX}robots:{sha1(origin.encode()).hexdigest()}"
        for key in (base, f"{base}:{reach}"):
            body, failure = await self.redis.hmget(key, "body", "failure")
            if body is not None:
                return RobotsRecord(body, (failure or b"").decode())
        return None

    async def networks(self, number: int) -> str:
        """Return the list of networks with this number, "" if the frontier has none."""
        if number and number not in self._networks:
            found = await self.redis.hget(f"{PREFIX}networks", number)
            if found is None:
                return ""
            self._networks[number] = found.decode()
        return self._networks[number] if number else ""

    async def memory(self) -> float:
        """Return how much of its ``maxmemory`` Redis uses: 1 is all of it, 0 means no limit."""
        info = await self.redis.info("memory")
        limit = int(info.get("maxmemory", 0))
        return int(info["used_memory"]) / limit if limit else 0.0


def _status(job: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in job.items() if field in STATUS_NAMES}

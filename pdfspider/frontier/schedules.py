"""Schedules: when the next run of a job begins, and with which seeds.

One step of ``submit.lua`` starts a run and sets the next time, only while the time that it was started for stands. So
each run starts once, whichever workers see that it is time and whenever they are killed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from pdfspider.exceptions import FrontierError, InvalidInput
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.jobs import OPTION_NAMES, JobOptions
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

TIMES_KEY = f"{PREFIX}schedules"
SEEDS_PER_ELEMENT = 500
"""Seeds in one element of the list."""
MAX_SEEDS = 100_000
MAX_SCHEDULES = 10_000


class PlannedRun(NamedTuple):
    """The time for which a run is started, and the one that follows it, in milliseconds."""

    at: int
    following: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The schedule by which a job is crawled again; times in milliseconds of the frontier's clock."""

    job: str
    options: JobOptions
    every: int = 0
    """The interval, if it is not a cron expression."""
    cron: str = ""
    networks: str = ""
    """The list of networks to whose number the reach of the seeds refers."""
    seeds: int = 0
    next: int = 0
    started: int = 0
    """The run that was started last, 0 if there was none."""
    skipped: int = 0
    """The number of times at which the run before had not ended."""


class Schedules:
    """The schedules of a frontier."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    async def put(self, schedule: Schedule, seeds: Sequence[Entry]) -> None:
        """Store a schedule, which replaces that of the same job, except for what was counted.

        Raises InvalidInput and RedisError.
        """
        if not 0 < len(seeds) <= MAX_SEEDS:
            raise InvalidInput(f"{len(seeds):,} seeds: a schedule has 1 to {MAX_SEEDS:,}")
        if (
            await self._redis.zcard(TIMES_KEY) >= MAX_SCHEDULES
            and await self._redis.zscore(TIMES_KEY, schedule.job) is None
        ):
            raise FrontierError(f"there are {MAX_SCHEDULES:,} schedules already")
        chunks = [seeds[i : i + SEEDS_PER_ELEMENT] for i in range(0, len(seeds), SEEDS_PER_ELEMENT)]
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_seeds_key(schedule.job))
            pipe.hset(_key(schedule.job), mapping=_fields(schedule, len(seeds)))
            for chunk in chunks:
                pipe.rpush(_seeds_key(schedule.job), msgpack.packb([_pack(seed) for seed in chunk]))
            pipe.zadd(TIMES_KEY, {schedule.job: schedule.next})
            await pipe.execute()

    async def remove(self, job: str) -> bool:
        """Remove the schedule of a job, and return whether there was one."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(TIMES_KEY, job)
            pipe.delete(_key(job), _seeds_key(job))
            return bool((await pipe.execute())[0])

    async def get(self, job: str) -> Schedule | None:
        """Return the schedule of a job, None if it has none."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(_key(job))
            pipe.zscore(TIMES_KEY, job)
            fields, at = await pipe.execute()
        return _schedule(job, fields, int(at)) if fields and at is not None else None

    async def all(self) -> list[Schedule]:
        """Return all schedules, the next ones first."""
        return await self.page(MAX_SCHEDULES)

    async def next_times(self, jobs: Sequence[str]) -> dict[str, int]:
        """Return when the next run of each of these jobs begins that has a schedule."""
        times = await self._redis.zmscore(TIMES_KEY, jobs) if jobs else []
        return {job: int(at) for job, at in zip(jobs, times, strict=True) if at is not None}

    async def count(self) -> int:
        """Return the number of schedules."""
        return int(await self._redis.zcard(TIMES_KEY))

    async def page(self, limit: int, start: int = 0) -> list[Schedule]:
        """Return up to ``limit`` schedules by their next time, without the first ``start``."""
        known = await self._redis.zrange(TIMES_KEY, start, start + limit - 1, withscores=True)
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, _ in known:
                pipe.hgetall(_key(name.decode()))
            found = zip(known, await pipe.execute(), strict=True)
        return [_schedule(name.decode(), fields, int(at)) for (name, at), fields in found if fields]

    async def seeds(self, job: str) -> list[Entry]:
        """Return the seeds of a schedule."""
        chunks = await self._redis.lrange(_seeds_key(job), 0, -1)
        return [_unpack(*seed) for chunk in chunks for seed in msgpack.unpackb(chunk)]


def _key(job: str) -> str:
    return f"{PREFIX}schedule:{job}"


def _seeds_key(job: str) -> str:
    return f"{PREFIX}schedule:{job}:seeds"


def _fields(schedule: Schedule, seeds: int) -> dict[str, str | bytes | int]:
    options = {name: value for name, value in asdict(schedule.options).items() if name != "meta"}
    return {
        "every": schedule.every,
        "cron": schedule.cron,
        "networks": schedule.networks,
        "options": json.dumps(options),
        "meta": schedule.options.meta,
        "seeds": seeds,
    }


def _schedule(job: str, fields: dict[bytes, bytes], at: int) -> Schedule:
    options = {name: value for name, value in json.loads(fields[b"options"]).items() if name in OPTION_NAMES}
    return Schedule(
        job=job,
        every=int(fields[b"every"]),
        cron=fields[b"cron"].decode(),
        networks=fields[b"networks"].decode(),
        options=JobOptions(**options, meta=fields[b"meta"]),
        seeds=int(fields[b"seeds"]),
        next=at,
        started=int(fields.get(b"started", 0)),
        skipped=int(fields.get(b"skipped", 0)),
    )


def _pack(seed: Entry) -> tuple[bytes, str, bytes]:
    return seed.fingerprint, seed.host, seed.pack()


def _unpack(fingerprint: bytes, host: str, payload: bytes) -> Entry:
    return Entry.unpack(payload, fingerprint=fingerprint, host=host)

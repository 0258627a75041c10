"""Reports that workers write every few seconds, and the history of the jobs that have not ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

REPORT_INTERVAL_S = 5.0
"""Seconds between two reports."""
TTL_S = 30
MAX_JOBS_SAMPLED = 32
"""Open jobs that one report samples, some by chance where there are more."""
MAX_WORKERS = 1000
"""Workers that are read at most."""
MAX_LEASES = 20
"""Leases of one worker that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """The report of one worker."""

    host: str
    pid: int
    job: str
    """The job after which it ends, "" if it serves all."""
    since: float
    memory: int
    """Bytes in memory."""
    ended: int
    """URLs that it has ended."""
    rate: float
    """URLs that it ends per second."""
    bytes_rate: float
    trouble: str
    """Why it leases nothing, "" if it does."""


class Sample(NamedTuple):
    """The state of a run at one time, in seconds since 1970."""

    time: float
    left: int
    ended: int
    documents: int


class WorkerState(NamedTuple):
    """A worker as the frontier sees it, and its report, if there is one."""

    name: str
    deadline: float
    """Seconds until its leases expire unless it renews them; below 0: they have."""
    leases: int
    report: WorkerReport | None


class HeldLease(NamedTuple):
    """A lease that a worker holds."""

    host: str
    """The id of the host."""
    url: str
    """The URL, or that of a robots.txt."""


class WorkerReports:
    """Writes and reads reports."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._sample = redis.register_script((files("pdfspider.frontier") / "lua/sample.lua").read_text("utf-8"))

    async def write(self, worker: str, report: WorkerReport) -> None:
        """Store the report of a worker for a while, and sample jobs.

        Raises RedisError.
        """
        await self._redis.set(f"{PREFIX}report:{worker}", json.dumps(asdict(report)), ex=TTL_S)
        await self._sample(args=[MAX_JOBS_SAMPLED, int(REPORT_INTERVAL_S * 1000)])

    async def forget(self, worker: str) -> None:
        """Remove the report of a worker that ends.

        Raises RedisError.
        """
        await self._redis.delete(f"{PREFIX}report:{worker}")

    async def history(self, run: int) -> list[Sample]:
        """Return the samples of a run, the oldest first."""
        packed = await self._redis.get(f"{PREFIX}history:{run}")
        if packed is None:
            return []
        numbers = msgpack.unpackb(packed)[1:]
        return [Sample(at / 1000, *counts) for at, *counts in zip(*[iter(numbers)] * 4, strict=True)]

    async def workers(self, now: int) -> list[WorkerState]:
        """Return the workers that may hold leases; ``now`` is the frontier's time in milliseconds."""
        found = await self._redis.zrevrange(f"{PREFIX}workers", 0, MAX_WORKERS - 1, withscores=True)
        async with self._redis.pipeline(transaction=False) as pipe:
            for name, _ in found:
                pipe.hlen(f"{PREFIX}worker:{name.decode()}")
                pipe.get(f"{PREFIX}report:{name.decode()}")
            answers = await pipe.execute() if found else []
        return [
            WorkerState(name.decode(), (deadline - now) / 1000, leases, _report(raw))
            for (name, deadline), leases, raw in zip(found, answers[::2], answers[1::2], strict=True)
        ]

    async def held(self, workers: Sequence[str]) -> dict[str, list[HeldLease]]:
        """Return up to ``MAX_LEASES`` leases of each of these workers."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for worker in workers:
                pipe.hscan(f"{PREFIX}worker:{worker}", count=MAX_LEASES)
            answers = await pipe.execute() if workers else []
        return {
            worker: [_held(packed) for packed in [*leases.values()][:MAX_LEASES]]
            for worker, (_, leases) in zip(workers, answers, strict=True)
        }


def _report(raw: bytes | None) -> WorkerReport | None:
    return WorkerReport(**json.loads(raw)) if raw else None


def _held(packed: bytes) -> HeldLease:
    lease = msgpack.unpackb(packed, raw=True)
    host = lease.get(b"hid", b"").decode()
    if member := lease.get(b"member"):
        return HeldLease(host, str(msgpack.unpackb(member[13:], raw=False)[0]))
    return HeldLease(host, f"{lease.get(b'origin', b'').decode()}/robots.txt")

"""The state of the whole fleet in a few numbers, read in two calls however much there is."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.reports.transports import KEY as TRANSPORTS
from pdfspider.frontier.reports.transports import RESULTS, read_messages
from pdfspider.frontier.scripts import PREFIX, UNREACHED_SCORE
from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

JOB_STATES = ("running", "paused", "cancelling", "finished", "cancelled")
URL_STATES = ("queued", "delayed", "leased")
SOON_MS = 30_000
"""Milliseconds, about as long as a worker takes to start: what begins later needs none yet."""
FULL_SHARE = 0.9
"""The part of Redis's memory at which workers stop leasing."""


class ReadyWork(NamedTuple):
    """The work that waits for workers."""

    hosts: int
    """Hosts with work that may be asked now."""
    soon: int
    """Other work that begins within ``SOON_MS``: hosts, start URLs, leases of dead workers, housekeeping."""
    leased: int

    def workers(self, concurrency: int) -> int:
        """Return how many workers with so many requests in flight could lease now.

        A host counts once however many URLs it has, because they wait for each other.
        """
        return max(ceil((self.hosts + self.leased) / concurrency), int(self.soon > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The state of the fleet; times in seconds, sizes in bytes."""

    ended: Mapping[str, int]
    """URLs that have ended, by outcome class, also those of runs that are gone."""
    retried: Mapping[str, int]
    """Failures that were given back for another try, by outcome class."""
    stored: int
    """Bytes of documents."""
    expired: int
    """Leases that have expired."""
    urls: Mapping[str, int]
    jobs: Mapping[str, int]
    hosts_waiting: int
    hosts_failing: int
    """Hosts whose breaker is not closed."""
    workers: int
    workers_wanted: int
    oldest_ready: float
    """The time for which the host that may be asked and waits longest has waited."""
    memory: float
    """The part of its ``maxmemory`` that Redis uses, 0 if there is no limit."""
    messages: Mapping[tuple[str, str], int]
    """Messages of masters by transport and result."""
    pending_results: Mapping[str, int]
    """Runs that have ended and are not answered yet, by transport."""


async def read_fleet(redis: Redis, start_urls: str, concurrency: int, now: int | None = None) -> Fleet:
    """Return the state of the fleet, whose workers have ``concurrency`` requests in flight.

    ``now`` is the time of the frontier in milliseconds, by default that of Redis. Raises RedisError.
    """
    client: Any = redis
    now = now or await frontier_time(client)
    async with client.pipeline(transaction=False) as pipe:
        _ask(pipe, start_urls, now)
        totals, states, *first, memory = (found := await pipe.execute())[:5]
    sums = {name.decode(): int(value) for name, value in totals.items()}
    names = {name.decode().partition(":")[2] for name in states} | {transport for transport, _ in read_messages(sums)}
    pending = {name: await client.xlen(f"{PREFIX}owed:{name}") for name in sorted(names)}
    messages = {(name, result): 0 for name in names for result in RESULTS}
    waiting, failing, workers, ready, unreached, *soon = found[5:]
    urls = {state: max(sums.get(state, 0), 0) for state in URL_STATES}
    wanted, used = ReadyWork(ready + unreached, sum(soon), urls["leased"]).workers(concurrency), _share(memory)
    return Fleet(
        **_totals(sums),
        urls=urls,
        hosts_waiting=waiting,
        hosts_failing=failing,
        workers=workers,
        workers_wanted=min(wanted, 1) if used >= FULL_SHARE else wanted,
        oldest_ready=max([now - score % UNREACHED_SCORE for head in first for _, score in head], default=0.0) / 1000,
        memory=used,
        messages=messages | read_messages(sums),
        pending_results=pending,
    )


async def frontier_time(redis: Redis) -> int:
    """Return the time by the frontier's clock, in milliseconds.

    Raises RedisError.
    """
    client: Any = redis
    (seconds, microseconds), shift = await client.time(), await client.hget(f"{PREFIX}meta", "shift")
    return int(seconds * 1000 + microseconds // 1000 + int(shift or 0))


def _ask(pipe: Any, start_urls: str, now: int) -> None:
    pipe.hgetall(f"{PREFIX}totals")
    pipe.hkeys(TRANSPORTS)
    for start in (0, UNREACHED_SCORE):
        pipe.zrangebyscore(f"{PREFIX}hosts", start, start + now, start=0, num=1, withscores=True)
    pipe.info("memory")
    pipe.zcard(f"{PREFIX}hosts")
    pipe.zcard(f"{PREFIX}breakers")
    pipe.zcount(f"{PREFIX}workers", now, "+inf")
    for start in (0, UNREACHED_SCORE):
        pipe.zcount(f"{PREFIX}hosts", start, start + now)
    # From here on: what needs a worker soon.
    for start in (0, UNREACHED_SCORE):
        pipe.zcount(f"{PREFIX}hosts", f"({start + now}", start + now + SOON_MS)
    pipe.zcount(f"{PREFIX}schedules", "-inf", now + SOON_MS)
    pipe.zcount(f"{PREFIX}deadlines", "-inf", now + SOON_MS)
    pipe.zcount(f"{PREFIX}workers", "-inf", f"({now}")
    pipe.zcount(f"{PREFIX}solo", "-inf", now + SOON_MS)
    pipe.scard(f"{PREFIX}chores")
    pipe.exists(start_urls, f"{PREFIX}unclaimed")


def _totals(sums: Mapping[str, int]) -> dict[str, Any]:
    """Return the fields of a fleet that are sums over all runs."""
    return {
        "ended": _by_class(sums, "c:"),
        "retried": _by_class(sums, "r:"),
        "stored": sums.get("bytes", 0),
        "expired": sums.get("expired", 0),
        "jobs": {state: max(sums.get(f"jobs:{state}", 0), 0) for state in JOB_STATES},
    }


def _by_class(sums: Mapping[str, int], prefix: str) -> dict[str, int]:
    """Return the totals of all outcome classes; those that never came are 0."""
    return {outcome.value: sums.get(prefix + code, 0) for code, outcome in OUTCOMES_BY_CODE.items()}


def _share(memory: Mapping[str, Any]) -> float:
    limit = int(memory.get("maxmemory", 0))
    return int(memory["used_memory"]) / limit if limit else 0.0

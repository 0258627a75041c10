"""The state of hosts: what waits for them, and when they may be asked; each call reads a bounded number of hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.entries import host_id
from pdfspider.frontier.scripts import PREFIX
from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis

    from pdfspider.items import Outcome

NUMBER_FIELDS = ("last", "gap", "delay", "cap", "crawl", "until", "auto")
FIELDS = (*NUMBER_FIELDS, "name", "robots", "trouble", "cause")
MAX_RUNS = 8
"""Runs at one host whose queues are counted."""
DELAYED_SCORE = 2**52
"""The least score of what is delayed, as in lua/shared/keys.lua."""


class Clock(NamedTuple):
    """The frontier's time, and since when it counts; in milliseconds."""

    now: int
    boot: int
    """The time since which all starts are known."""
    hold: int
    """The time until which nothing is leased after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """One host; times in seconds."""

    id: str
    name: str
    opens_in: float
    """Seconds until it may be asked, as far as its delays say."""
    pause: float
    """Seconds between two starts, as jobs, robots.txt and its latency ask."""
    crawl_delay: float
    """Seconds, from its robots.txt."""
    resting: float
    """Seconds until it gets requests again, after it asked for a pause or failed."""
    cap: int
    in_flight: int
    failures: int
    """Failures in a row."""
    cause: Outcome | None
    """The class of the last failure that is or was tried again."""
    openings: int
    """Number of times that its breaker has opened since the last success; 0: it is closed."""
    given_up: bool
    """True if its URLs end as host-down."""
    asks_robots: bool
    """True while its robots.txt is being fetched."""
    queued: int
    """URLs of the first runs that wait for it, also those that are delayed."""
    next_retry: float | None
    """Seconds until the first of the URLs that are delayed; None where something else waits, or nothing."""
    runs: tuple[int, ...]
    """The first runs that have work there."""

    @property
    def trouble(self) -> str:
        """The trouble that the host has: "down", "failing", "resting" or nothing."""
        if self.given_up:
            return "down"
        return "failing" if self.openings else "resting" if self.resting > 0 else ""

    @property
    def seconds_left(self) -> float:
        """The least time that its queue takes, given its delay."""
        return max(self.opens_in, 0) + max(self.queued - 1, 0) * self.pause


class HostPage(NamedTuple):
    """A part of a list of hosts; ``next`` is where the following part begins, 0 at the end."""

    hosts: list[HostState]
    next: int
    known: int
    """The number of hosts in the list."""


class HostStates:
    """Reads the state of hosts; ``clock`` returns microseconds and replaces Redis's TIME in tests."""

    def __init__(self, redis: Redis, clock: Callable[[], int] | None = None) -> None:
        self._redis: Any = redis
        self._clock = clock

    async def clock(self) -> Clock:
        """Return the frontier's time."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hmget(f"{PREFIX}meta", "shift", "boot", "hold")
            (seconds, microseconds), (shift, boot, hold) = await pipe.execute()
        now = self._clock() // 1000 if self._clock else seconds * 1000 + microseconds // 1000
        return Clock(now + int(shift or 0), int(boot or 0), int(hold or 0))

    async def page(self, limit: int, start: int = 0, *, failing: bool = False) -> HostPage:
        """Return up to ``limit`` hosts by the time of their next opening, or those whose breaker is not closed."""
        key = f"{PREFIX}{'breakers' if failing else 'hosts'}"
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zrange(key, start, start + limit - 1)
            pipe.zcard(key)
            ids, known = await pipe.execute()
        more = start + limit if start + limit < known else 0
        return HostPage(await self.read([hid.decode() for hid in ids]), more, known)

    async def of_run(self, run: int, limit: int) -> HostPage:
        """Return up to ``limit`` hosts of a run, all of them or some by chance."""
        key = f"{PREFIX}job:{run}:hosts"
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.srandmember(key, limit)
            pipe.scard(key)
            ids, known = await pipe.execute()
        return HostPage(await self.read([hid.decode() for hid in ids]), 0, known)

    async def named(self, host: str) -> HostState | None:
        """Return the host of that name, None if the frontier does not know it."""
        found = await self.read([host_id(host)])
        return found[0] if found else None

    async def read(self, ids: Sequence[str]) -> list[HostState]:
        """Return these hosts; those that the frontier does not know are left out."""
        if not ids:
            return []
        clock = await self.clock()
        async with self._redis.pipeline(transaction=False) as pipe:
            for hid in ids:
                pipe.hmget(f"{PREFIX}host:{hid}", FIELDS)
                pipe.scard(f"{PREFIX}host:{hid}:flight")
                pipe.zrange(f"{PREFIX}host:{hid}:jobs", 0, MAX_RUNS - 1)
            answers = await pipe.execute()
        gates = [*zip(ids, answers[::3], answers[1::3], answers[2::3], strict=True)]
        queues = await self._queues([(hid, run.decode()) for hid, _, _, runs in gates for run in runs])
        return [
            _state(gate, [queues[gate[0], run.decode()] for run in gate[3]], clock)
            for gate in gates
            if any(value is not None for value in gate[1])
        ]

    async def _queues(self, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, list[Any], int]]:
        """Return for each host and run the length of the queue, its first member with its score, and its blocks."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for hid, run in places:
                pipe.zcard(f"{PREFIX}q:{hid}:{run}")
                pipe.zrange(f"{PREFIX}q:{hid}:{run}", 0, 0, withscores=True)
                pipe.zrange(f"{PREFIX}overflow:{hid}:{run}", 0, 0)
                pipe.zcard(f"{PREFIX}overflow:{hid}:{run}")
            answers = await pipe.execute() if places else []
        found = zip(places, answers[::4], answers[1::4], answers[2::4], answers[3::4], strict=True)
        return {
            place: (length + _members(first) * blocks, head, blocks) for place, length, head, first, blocks in found
        }


def _members(first: Sequence[bytes]) -> int:
    """Return how many members the first block has, which is about what each has."""
    return int(first[0].partition(b":")[0]) if first else 0


def _state(gate: Any, queues: Sequence[tuple[int, list[Any], int]], clock: Clock) -> HostState:
    hid, values, in_flight, runs = gate
    known = dict(zip(FIELDS, values, strict=True))
    number = {name: int(known[name] or 0) for name in NUMBER_FIELDS}
    fails, _, opened, _, down = _trouble(known["trouble"])
    pause = max(number["delay"], number["crawl"], number["auto"])
    last, gap = max(number["last"], clock.boot), max(number["gap"], pause)
    due = max(last + gap if gap else 0, number["until"])
    return HostState(
        id=hid,
        name=(known["name"] or b"").decode() or hid,
        opens_in=(due - clock.now) / 1000,
        pause=pause / 1000,
        crawl_delay=number["crawl"] / 1000,
        resting=max(number["until"] - clock.now, 0) / 1000,
        cap=1 if opened else max(number["cap"], 1),
        in_flight=in_flight,
        failures=fails,
        cause=OUTCOMES_BY_CODE.get((known["cause"] or b"").decode()),
        openings=opened,
        given_up=down > clock.now,
        asks_robots=known["robots"] is not None,
        queued=sum(length for length, _, _ in queues),
        next_retry=_next_retry(queues, clock),
        runs=tuple(int(run) for run in runs),
    )


def _next_retry(queues: Sequence[tuple[int, list[Any], int]], clock: Clock) -> float | None:
    """Return the seconds until the first URL of these queues is tried again, None if any of them need not wait."""
    heads = [head[0][1] for _, head, _ in queues if head]
    if not heads or min(heads) < DELAYED_SCORE or any(blocks for _, _, blocks in queues):
        return None
    return float(min(heads) - DELAYED_SCORE - clock.now) / 1000


def _trouble(text: bytes | None) -> list[int]:
    """Return failures, back-off, openings, since when, and until when the host is given up."""
    numbers = [int(number) for number in (text or b"").split()]
    return numbers if len(numbers) == 5 else [0] * 5

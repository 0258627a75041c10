"""Read the frontier's raw keys in bounded steps."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis.asyncio import Redis

PREFIX = "{pdfs}:"
PIPELINE_SIZE = 256
"""Commands in one pipeline."""
SCAN_COUNT = 1000
"""Entries that one scan asks for."""

T = TypeVar("T")

HOST_ID = "[0-9a-f]{16}"
NAMES_BY_TYPE = {
    "hash": rf"meta|jobs|networks|job:\d+|seen:\d+:\d+|host:{HOST_ID}|worker:[^:]+(:calls)?"
    r"|robots:[0-9a-f]{40}(:\d+)?|pages:\d+|blocks:[0-9a-f]{16}:\d+|transports|totals|blocked|progress|alerts|schedule:[\w.-]+"
    r"|(tasks|answered):\d+:[\w.-]+",
    "set": rf"chores|queued|overfull|unanswered|untold:\d+:[\w.-]+|job:\d+:(hosts|parked)|host:{HOST_ID}:flight",
    "zset": rf"recent|open|offsets|deadlines|schedules|hosts|workers|solo|finished|breakers|(q|overflow):{HOST_ID}:\d+"
    rf"|host:{HOST_ID}:jobs",
    "string": r"dashboard|history:\d+|report:[^:]+|progress:turn|alerts:turn",
    "list": r"garbage|unclaimed|taking:[^:]+|schedule:[\w.-]+:seeds",
    "stream": r"events|(owed|found):[\w.-]+|log:\d+",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A key that breaks a rule.

    ``detail`` says how. It does not count when two findings are compared.
    """

    key: str
    rule: str
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.key}: {self.rule}{f' ({self.detail})' if self.detail else ''}"


class LeaseRecord(NamedTuple):
    """A lease, as a worker's hash stores it."""

    worker: str
    run: str
    host: str
    kind: str
    member: bytes
    moved: bool = False
    """True for a robots lease that was redirected to another host, which it may wait for."""


class SoloMember(NamedTuple):
    """A URL that is to be leased alone."""

    run: str
    host: str
    member: bytes
    at: float


class KeyReader:
    """An index of all keys, and the small state that every look reads again.

    The index is read once.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis
        self.types: dict[str, str] = {}
        self.runs: set[str] = set()
        self.hosts: set[str] = set()
        self.queues: dict[str, set[str]] = defaultdict(set)
        """The hosts of a run's queues, by run."""
        self.owners: set[str] = set()
        """Workers, alive or not, that have a hash of leases."""
        self.workers: dict[str, float] = {}
        self.leases: dict[str, LeaseRecord] = {}
        self.unreadable: set[Finding] = set()
        self.solo: list[SoloMember] = []
        self.urls: Counter[str] = Counter()
        """The number of URLs of each run."""
        self.now, self.lease_period = 0.0, 0.0
        self.secret = b""
        """The key of the hash that puts fingerprints into buckets."""

    @property
    def names(self) -> list[str]:
        """Return the names of all keys, without their prefix."""
        return list(self.types)

    async def begin(self) -> None:
        """Read the names and types of all keys, then call ``refresh``."""
        cursor = -1
        while cursor:
            cursor, found = await self.redis.scan(max(cursor, 0), match=f"{PREFIX}*", count=SCAN_COUNT)
            for key, kind in zip(found, await self.ask([("TYPE", key) for key in found]), strict=True):
                self._note(key.decode("utf-8", "backslashreplace").removeprefix(PREFIX), kind.decode())
        if self.types.get("hosts") == "zset":
            self.hosts |= {host async for host in self.members("hosts")}
        if not await self.wrong_types():
            await self.refresh()

    def _note(self, name: str, kind: str) -> None:
        if kind == "none":
            return
        self.types[name] = kind
        match name.split(":"):
            case ["job", run, *_] | ["seen", run, _]:
                self.runs.add(run)
            case ["q" | "overflow", host, run]:
                self.queues[run].add(host)
                self.hosts.add(host)
            case ["host", host, *_]:
                self.hosts.add(host)
            case ["worker", worker]:
                self.owners.add(worker)

    async def wrong_types(self) -> set[Finding]:
        """Return the keys that the frontier does not know, or that have the wrong type."""
        return {
            Finding(PREFIX + name, f"is a {expected}", f"it is a {kind}")
            for name, kind in self.types.items()
            if (expected := type_of(name)) not in (None, kind)
        }

    async def refresh(self) -> None:
        """Read the leases, the workers, the URLs to be leased alone and the clock."""
        workers, solo = await self.ask(
            [("ZRANGE", f"{PREFIX}workers", 0, -1, "WITHSCORES"), ("ZRANGE", f"{PREFIX}solo", 0, -1, "WITHSCORES")]
        )
        self.workers = {name.decode(): float(score) for name, score in _pairs(workers)}
        self.solo = [_solo(packed, float(score)) for packed, score in _pairs(solo)]
        names = sorted(self.owners | set(self.workers))
        held = await self.ask([("HGETALL", f"{PREFIX}worker:{name}") for name in names])
        self.leases, self.unreadable = {}, set()
        for name, records in zip(names, held, strict=True):
            for token, packed in records.items():
                self._add_lease(name, token.decode("utf-8", "backslashreplace"), packed)
        # Last, so that no deadline lies ahead of it by more than a lease period.
        time, period, secret = await self.redis.hmget(f"{PREFIX}meta", "time", "lease", "secret")
        self.secret = secret or b"0" * 64
        self.now, self.lease_period = float(time or 0), float(period or 0)

    def _add_lease(self, worker: str, token: str, packed: bytes) -> None:
        try:
            record = msgpack.unpackb(packed, raw=True)
            run, host, kind = (record[name].decode() for name in (b"run", b"hid", b"kind"))
            place = record.get(b"at", host.encode()).decode()
            self.leases[token] = LeaseRecord(
                worker, run, place, kind, record.get(b"member", b""), moved=b"at" in record
            )
        except (ValueError, TypeError, KeyError, AttributeError, msgpack.UnpackException):
            self.unreadable.add(Finding(f"{PREFIX}worker:{worker}", f"the lease {token} can be read"))

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the answers to many commands, which are sent in bounded batches."""
        answers: list[Any] = []
        for part in batches(commands, PIPELINE_SIZE):
            pipe = self.redis.pipeline(transaction=False)
            for command in part:
                pipe.execute_command(*command)
            answers += await pipe.execute()
        return answers

    async def members(self, name: str) -> Any:
        """Return the members of a set or sorted set as text."""
        scan = self.redis.zscan_iter if type_of(name) == "zset" else self.redis.sscan_iter
        async for member in scan(PREFIX + name, count=SCAN_COUNT):
            yield (member[0] if isinstance(member, tuple) else member).decode("utf-8", "backslashreplace")


def type_of(name: str) -> str | None:
    """Return the type that a key must have, None if it is not a key of the frontier."""
    return next((kind for kind, pattern in NAMES_BY_TYPE.items() if re.fullmatch(pattern, name)), None)


def batches(items: Iterable[T], size: int = PIPELINE_SIZE) -> Iterator[list[T]]:
    """Yield the items in lists of at most ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _pairs(answer: Sequence[Any]) -> list[tuple[bytes, Any]]:
    """Return members and scores, in either form that the client returns them."""
    if answer and not isinstance(answer[0], bytes):
        return list(answer)
    return list(zip(answer[::2], answer[1::2], strict=True))


def _solo(packed: bytes, at: float) -> SoloMember:
    run, host, member, _ = msgpack.unpackb(packed, raw=True)
    return SoloMember(run.decode(), host.decode(), member, at)

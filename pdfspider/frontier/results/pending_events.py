"""Documents that masters are told of when they are found, and the log of a watched run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.results.stream_consumer import StreamConsumer
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from pdfspider.frontier.results.stream_consumer import OthersRun


class PendingEvent(NamedTuple):
    """A document that was found; ``id`` is the id of its stream entry."""

    id: bytes
    run: int
    job: str
    fingerprint: bytes


class PendingEvents:
    """The events that masters of one transport have not received yet.

    A fingerprint stays pending until ``told`` is called. The notes only say early that there are some.
    """

    def __init__(self, redis: Redis, transport: str, others_run: OthersRun | None = None) -> None:
        self._redis: Any = redis
        self._transport = transport
        self._notes = StreamConsumer(redis, f"{PREFIX}found:{transport}", others_run)

    async def next(self, count: int, timeout: float) -> list[PendingEvent]:
        """Return up to ``count`` notes, after waiting at most ``timeout`` seconds for the first."""
        return [_note(*note) for note in await self._notes.next(count, timeout)]

    async def give_back(self) -> None:
        """Make the events that this gateway has not handled available to others at once.

        Raises RedisError.
        """
        await self._notes.give_back()

    async def settle(self, notes: Sequence[PendingEvent]) -> None:
        """Remove notes that have been handled."""
        await self._notes.settle(*(note.id for note in notes))

    async def untold(self, run: int, fingerprints: Sequence[bytes]) -> list[bytes]:
        """Return those of these fingerprints that masters were not told of yet."""
        known = await self._redis.smismember(self._untold(run), list(dict.fromkeys(fingerprints)))
        return [fingerprint for fingerprint, there in zip(dict.fromkeys(fingerprints), known, strict=True) if there]

    async def any_untold(self, run: int, count: int) -> list[bytes]:
        """Return some fingerprints of a run that masters were not told of yet, none if there are no more."""
        members: list[bytes] = await self._redis.srandmember(self._untold(run), count)
        return members

    async def told(self, run: int, fingerprints: Sequence[bytes]) -> None:
        """Record that masters were told of these documents."""
        await self._redis.srem(self._untold(run), *fingerprints)

    def _untold(self, run: int) -> str:
        return f"{PREFIX}untold:{run}:{self._transport}"


class RunLog:
    """The documents of a run, from now on, if the run keeps a log."""

    def __init__(self, redis: Redis, run: int) -> None:
        self._redis: Any = redis
        self._key = f"{PREFIX}log:{run}"
        self.last = "0-0"
        """The id of the last entry that was read."""

    async def skip(self) -> None:
        """Go to the end of the log."""
        for entry, _ in await self._redis.xrevrange(self._key, count=1):
            self.last = entry.decode()

    async def resume(self, entry: str) -> bool:
        """Go to an entry, and return whether it still exists, so that no later one is missing."""
        if not entry or not await self._redis.xrange(self._key, min=entry, max=entry, count=1):
            return False
        self.last = entry
        return True

    async def next(self, count: int) -> dict[str, bytes]:
        """Return up to ``count`` entries with the fingerprints of their documents, none if there are no more yet."""
        entries = await self._redis.xrange(self._key, min=f"({self.last}", count=count)
        if entries:
            self.last = entries[-1][0].decode()
        return {entry.decode(): fields[b"fp"] for entry, fields in entries}


def _note(entry: bytes, fields: dict[bytes, bytes]) -> PendingEvent:
    return PendingEvent(entry, int(fields[b"run"]), fields[b"job"].decode(), fields[b"fp"])

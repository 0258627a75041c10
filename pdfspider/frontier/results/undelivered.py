"""Results that a destination has refused for good; the newest of each transport are kept to be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.reports.transports import MESSAGES_PREFIX, TOTALS_KEY
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

MAX_KEPT = 10_000
"""About how many are kept for each transport."""
BATCH_SIZE = 100
TRANSPORTS_KEY = f"{PREFIX}undelivered"


class Undelivered(NamedTuple):
    """A result that was refused: ``entry`` is its own id, ``record`` is the record of its message."""

    entry: str
    transport: str
    run: int
    job: str
    state: str
    key: bytes
    record: bytes
    reason: str

    @property
    def time(self) -> float:
        """The time at which the result was given up, in seconds since 1970."""
        return int(self.entry.partition("-")[0]) / 1000


def keep_undelivered(pipe: Any, result: Undelivered) -> None:
    """Add the command that stores a result to a pipeline."""
    fields = result._asdict()
    for name in ("entry", "transport"):
        del fields[name]
    pipe.sadd(TRANSPORTS_KEY, result.transport)
    pipe.xadd(_stream(result.transport), fields, maxlen=MAX_KEPT, approximate=True)
    pipe.hincrby(TOTALS_KEY, f"{MESSAGES_PREFIX}{result.transport}:undelivered", 1)


async def undelivered(redis: Redis, transport: str | None = None) -> AsyncIterator[Undelivered]:
    """Yield the results that one transport, or all, could not deliver, the oldest first.

    Raises RedisError.
    """
    client: Any = redis
    names = [transport] if transport else sorted(name.decode() for name in await client.smembers(TRANSPORTS_KEY))
    for name in names:
        newest = await client.xrevrange(_stream(name), count=1)
        first = "-"
        while newest and (entries := await client.xrange(_stream(name), first, newest[0][0], BATCH_SIZE)):
            for entry, fields in entries:
                yield _read(entry.decode(), name, fields)
            first = f"({entries[-1][0].decode()}"


async def send_again(redis: Redis, result: Undelivered) -> None:
    """Queue a result to be published again.

    Raises RedisError.
    """
    client: Any = redis
    async with client.pipeline(transaction=True) as pipe:
        pipe.hset(f"{PREFIX}tasks:{result.run}:{result.transport}", result.key, result.record)
        pipe.sadd(f"{PREFIX}unanswered", f"{result.run}:{result.transport}")
        pending = {"run": result.run, "job": result.job, "state": result.state}
        pipe.xadd(f"{PREFIX}owed:{result.transport}", pending)
        pipe.xdel(_stream(result.transport), result.entry)
        await pipe.execute()


def _stream(transport: str) -> str:
    return f"{TRANSPORTS_KEY}:{transport}"


def _read(entry: str, transport: str, fields: dict[bytes, bytes]) -> Undelivered:
    return Undelivered(
        entry,
        transport,
        int(fields[b"run"]),
        fields[b"job"].decode(),
        fields[b"state"].decode(),
        fields[b"key"],
        fields[b"record"],
        fields[b"reason"].decode(),
    )

"""Results that masters wait for: the runs that have ended, and the messages that asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.frontier.jobs import KEY_LENGTH
from pdfspider.frontier.results.stream_consumer import GROUP, StreamConsumer
from pdfspider.frontier.results.undelivered import Undelivered, keep_undelivered
from pdfspider.frontier.scripts import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from pdfspider.frontier.results.stream_consumer import OthersRun

TASKS_PER_STEP = 100
MAX_SENDERS = 100
SETTLE_TASK = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""


class EndedRun(NamedTuple):
    """A run that has ended and needs a result; ``id`` is the id of its stream entry."""

    id: bytes
    run: int
    job: str
    state: str


class PendingResults:
    """The results that one transport has to deliver; each is returned until it is settled."""

    def __init__(self, redis: Redis, transport: str, others_run: OthersRun | None = None) -> None:
        self._redis: Any = redis
        self._transport = transport
        self._stream = f"{PREFIX}owed:{transport}"
        self._notes = StreamConsumer(redis, self._stream, others_run)

    async def next(self, count: int, timeout: float) -> list[EndedRun]:
        """Return up to ``count`` runs that have ended, after waiting at most ``timeout`` seconds."""
        return [_ended(*note) for note in await self._notes.next(count, timeout)]

    async def give_back(self) -> None:
        """Make the entries that this gateway has not settled available to others at once.

        Raises RedisError.
        """
        await self._notes.give_back()

    async def tasks(self, run: int) -> AsyncIterator[tuple[bytes, bytes]]:
        """Yield keys and records of the messages that wait for the end of this run."""
        async for key, record in self._redis.hscan_iter(self._tasks(run), count=TASKS_PER_STEP):
            yield key, record

    async def settle_task(self, run: int, key: bytes, record: bytes) -> None:
        """Record that one message has its result.

        If the message has another record by now, it needs another result.
        """
        await self._redis.eval(SETTLE_TASK, 1, self._tasks(run), key, record)

    async def give_up(self, ended: EndedRun, key: bytes, record: bytes, reason: str) -> None:
        """Set the result for one message aside after its destination has refused it for good."""
        result = Undelivered("", self._transport, ended.run, ended.job, ended.state, key, record, reason)
        async with self._redis.pipeline(transaction=True) as pipe:
            keep_undelivered(pipe, result)
            pipe.eval(SETTLE_TASK, 1, self._tasks(ended.run), key, record)
            await pipe.execute()

    async def settle(self, ended: EndedRun) -> None:
        """Record that all messages that waited for this run have their result."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._stream, GROUP, ended.id)
            pipe.xdel(self._stream, ended.id)
            pipe.srem(f"{PREFIX}unanswered", f"{ended.run}:{self._transport}")
            await pipe.execute()

    def _tasks(self, run: int) -> str:
        return f"{PREFIX}tasks:{run}:{self._transport}"


def _ended(entry: bytes, fields: dict[bytes, bytes]) -> EndedRun:
    return EndedRun(entry, int(fields[b"run"]), fields[b"job"].decode(), fields[b"state"].decode())


async def only_task(redis: Any, transport: str, run: int, kind: str = "tasks") -> tuple[bytes, bytes] | None:
    """Return key and record of the message that led to a run, None unless it was exactly one.

    The message may have been delivered several times. ``kind`` is "tasks" for messages that wait, or "answered".
    """
    name = f"{PREFIX}{kind}:{run}:{transport}"
    found: dict[bytes, bytes] = await redis.hgetall(name) if await redis.hlen(name) <= MAX_SENDERS else {}
    return next(iter(found.items())) if len({key[:KEY_LENGTH] for key in found}) == 1 else None


async def unanswered(redis: Redis) -> int:
    """Return the number of runs whose masters wait for a result."""
    return int(await redis.scard(f"{PREFIX}unanswered"))

"""Redis: messages come from a list or a stream, results go to a stream."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from redis.exceptions import RedisError, ResponseError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import ConfigurationError
from pdfspider.frontier.blocking_pop import something_waits
from pdfspider.frontier.connection import connect, is_away
from pdfspider.frontier.results.stream_consumer import IDLE_MS, Takeover, give_back, make_group
from pdfspider.gateway.base import Delivery, Transport, TransportError
from pdfspider.gateway.rejects import of_list
from pdfspider.gateway.transports.redis.scripts import MOVE, SET_ASIDE
from pdfspider.tasks import end_with, raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from redis.asyncio import Redis

    from pdfspider.gateway.base import Event, Options, Receipt, Result
    from pdfspider.gateway.rejects import SetAside
    from pdfspider.gateway.service import GatewayService
    from pdfspider.submission.rejected import Rejected

GROUP = "gateway"
POLL_TIMEOUT_S = 5.0
BATCH_SIZE = 200
NACK_TIMEOUT_S = 2.0


@dataclass(slots=True, kw_only=True)
class RedisDelivery(Delivery):
    """A message from Redis."""

    transport: RedisTransport
    entry: str
    """The id of the stream entry."""
    fields: dict[bytes, bytes]
    """The fields of the stream entry except ``message``."""

    async def ack(self, receipt: Receipt) -> None:
        await self.ack_all([(self, receipt)])

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        await settled[0][0].transport.settle(*(delivery.entry for delivery, _ in settled))

    async def reject(self, reason: str) -> None:
        await self.transport.set_aside(self.entry, self.rejected(reason))

    def metadata(self) -> dict[str, Any]:
        fields = [[name, value] for name, value in self.fields.items()]
        return {"fields": fields} if fields else {}


class RedisTransport(Transport):
    """Takes messages from a list or a stream, and publishes results and events to streams.

    The URL ``redis:`` alone means the frontier's own Redis.

    Messages come by ``LPUSH pdf_tasks MESSAGE`` (or ``SADD``, or ``ZADD``: highest score first), or by ``XADD
    pdf_tasks:stream * message MESSAGE``. Results go to the stream ``pdfs:results``, with the fields ``id``, ``job`` and
    ``result``; ``keep`` bounds it. Events of found documents go to the stream ``events``, and to the list ``items`` in
    the form of scrapy-redis.
    """

    options: ClassVar[Options] = {
        "tasks": "pdf_tasks",
        "results": "pdfs:results",
        "rejects": "pdf_tasks:rejected",
        "events": "",
        "items": "",
        "keep": "",
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        own = self.address.url.partition(":")[2].strip("/")
        self._shared = not own
        self._redis: Any = self._connect() if own else service.frontier.redis
        self._tasks = self.address.options["tasks"]
        self._stream = f"{self._tasks}:stream"
        self._keep = self._read_keep()
        self._consumer = secrets.token_hex(4)
        self._takeover = Takeover(service.others_run)
        self._look_at = 0.0
        self._is_checked = False
        self._unsettled = ConditionLogger(
            f"Messages from {self.name} cannot be acknowledged: they come again", f"{self.name} is acknowledged again"
        )

    def _connect(self) -> Redis:
        """Return a client.

        Raises ConfigurationError for a URL or an option that redis-py does not know.
        """
        try:
            client = connect(self.address.url)
            pool = client.connection_pool
            pool.connection_class(**pool.connection_kwargs)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{self.address.shown} in GATEWAY_URLS: {error}") from None
        return client

    def _read_keep(self) -> int | None:
        keep = self.address.options.get("keep") or "0"
        if not (keep.isascii() and keep.isdigit()):
            raise ConfigurationError(f"keep={keep} in GATEWAY_URLS is not a number")
        return int(keep) or None

    async def serve(self) -> None:
        await end_with(self._persist(self._move), self._persist(self._take))

    async def publish(self, result: Result) -> None:
        fields = {"id": result.id, "job": result.job, "result": result.body}
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xadd(self.address.options["results"], fields, maxlen=self._keep, approximate=True)
                await pipe.execute()
        except RedisError as error:
            raise TransportError(str(error)) from error

    @property
    def tells(self) -> bool:
        return any(self.address.options.get(name) for name in ("events", "items"))

    async def tell(self, event: Event) -> None:
        fields = {"id": event.id, "job": event.job, "document": event.body}
        try:
            await self._check_types()
            async with self._redis.pipeline(transaction=True) as pipe:
                if events := self.address.options["events"]:
                    pipe.xadd(events, fields, maxlen=self._keep, approximate=True)
                if items := self.address.options["items"]:
                    pipe.rpush(items, event.body)
                await pipe.execute()
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def _check_types(self) -> None:
        """Raise TransportError if one of the two keys has another type.

        Otherwise every attempt would write to the other key.
        """
        kinds = {self.address.options["events"]: b"stream", self.address.options["items"]: b"list"}
        if not all(kinds):
            return
        for key, kind in kinds.items():
            if (found := await self._redis.type(key)) not in (kind, b"none"):
                raise TransportError(f"WRONGTYPE {key} is a {found.decode()}, not a {kind.decode()}")

    async def settle(self, *entries: str) -> None:
        """Remove entries of the stream.

        Raises TransportError.
        """
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xack(self._stream, GROUP, *entries)
                pipe.xdel(self._stream, *entries)
                await pipe.execute()
        except RedisError as error:
            self._unsettled.begin(error)
            raise TransportError(str(error)) from error
        self._unsettled.end()

    async def set_aside(self, entry: str, rejected: Rejected) -> None:
        """Move an entry of the stream to the rejects.

        Raises TransportError; the entry then stays.
        """
        try:
            await self._redis.eval(
                SET_ASIDE, 2, self.address.options["rejects"], self._stream, rejected.dump(), GROUP, entry
            )
        except RedisError as error:
            self.kept.begin(error)
            raise TransportError(str(error)) from error
        self.kept.end()

    def rejects(self) -> AsyncGenerator[SetAside, None]:
        return of_list(self._redis, self.address.options["rejects"], self._hand_in)

    async def _hand_in(self, rejected: Rejected) -> None:
        """Add a rejected message to the stream, as it came.

        Raises RedisError.
        """
        fields = dict(rejected.metadata.get("fields") or ())
        if rejected.message or not fields:
            fields[b"message"] = rejected.message
        await self._redis.xadd(self._stream, fields)

    async def close(self) -> None:
        with suppress(RedisError, TimeoutError):
            async with asyncio.timeout(NACK_TIMEOUT_S):
                await give_back(self._redis, self._stream, GROUP, self._consumer)
        if not self._shared:
            await self._redis.aclose()

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat the work for ever.

        A refusal by Redis while other work goes on is logged for this work alone.
        """
        refused = ConditionLogger(
            f"Messages cannot be taken from {self.name}", f"Messages are taken from {self.name} again"
        )
        while True:
            raise_if_cancelled()
            try:
                await self._attempt(work)
                self.health.end()
                refused.end()
            except RedisError as error:
                self.health.note(error)
                (self.health if is_away(error) else refused).begin(error)
                await asyncio.sleep(1)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        if not self._is_checked:
            await self._refuse_cluster()
            self._is_checked = True
        try:
            await work()
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await make_group(self._redis, self._stream, GROUP)

    async def _refuse_cluster(self) -> None:
        """Raise TransportError for a Redis Cluster, in which a message's keys lie on several servers."""
        try:
            is_cluster = (await self._redis.info("cluster")).get("cluster_enabled")
        except ResponseError:  # this user has no access to INFO
            return
        if is_cluster:
            raise TransportError(f"{self.address.shown} is a Redis Cluster: the gateway needs a single primary")

    async def _move(self) -> None:
        await self._move_from(self._tasks)

    async def _move_from(self, tasks: str, end: str = "RIGHT") -> None:
        """Move entries of a list to the stream.

        An entry on its way waits in a list that all gateways share, so any of them moves it on.
        """
        moving = f"{tasks}:moving"
        if await something_waits(self._redis, tasks, moving, timeout=POLL_TIMEOUT_S, side=end):
            await self._redis.eval(MOVE, 3, moving, tasks, self._stream, BATCH_SIZE, end)

    async def _take(self) -> None:
        for entry, fields in await self._take_over() or await self._read():
            with self.one_message():
                if fields is None:  # somebody has deleted it
                    with suppress(TransportError):
                        await self.settle(entry.decode())
                else:
                    await self._received(entry.decode(), dict(fields))

    async def _received(self, entry: str, fields: dict[bytes, bytes]) -> None:
        body = fields.pop(b"message", None)
        delivery = RedisDelivery(body=body or b"", id=entry, transport=self, entry=entry, fields=fields)
        if body is None:
            delivery.invalid = "an entry of a stream without the field message"
        await self.service.accept(self.name, delivery)

    async def _read(self) -> list[Any]:
        streams = {self._stream: ">"}
        block = int(self._takeover.shorten(POLL_TIMEOUT_S) * 1000)
        answer = await self._redis.xreadgroup(GROUP, self._consumer, streams, count=BATCH_SIZE, block=block)
        return answer[0][1] if answer else []

    async def _take_over(self) -> list[Any]:
        """Return entries that a dead gateway has left, looked for now and then."""
        if time.monotonic() < self._look_at:
            return []
        silence = await self._takeover.least_silence()
        answer = await self._redis.xautoclaim(self._stream, GROUP, self._consumer, silence, "0-0", BATCH_SIZE)
        entries: list[Any] = answer[1]
        self._takeover.note(entries, silence)
        if not entries:
            self._look_at = time.monotonic() + self._takeover.shorten(IDLE_MS / 2000)
        return entries

"""Celery with Redis as the broker."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from celery.states import FAILURE, REVOKED, SUCCESS

from pdfspider.crawl.rejected import REASON_LENGTH, Rejected
from pdfspider.gateway.celery import take
from pdfspider.gateway.celery_control import EXCHANGE, REVOCATION, Revocations
from pdfspider.gateway.celery_tasks import Backend, failure, unwrap
from pdfspider.gateway.redis import WAIT, RedisDelivery, RedisTransport
from pdfspider.tasks import end_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Receipt, Result

PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu ends the names of a queue's lists in."""


@dataclass(slots=True, kw_only=True)
class RedisTask(RedisDelivery):
    each_is_answered = True
    transport: CeleryOverRedis
    task: bytes
    """As kombu wrote it."""

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        await RedisDelivery.ack_all(settled)
        for task, receipt in settled:
            await task.transport.revocations.begun(task.id, receipt)

    async def drop(self) -> None:
        """It was revoked. Raises TransportError."""
        await self.transport.answer(self.reply, REVOKED, REVOCATION)
        await self.transport.settle(self.entry)

    async def reject(self, reason: str) -> None:
        await self.transport.answer(self.reply, FAILURE, failure(reason))
        await self.transport.set_aside(self.entry, self.rejected(reason))

    def rejected(self, reason: str) -> Rejected:
        return Rejected(message=self.task, reason=reason[:REASON_LENGTH], metadata=self.metadata())

    def drop_body(self) -> None:
        self.body = self.task = b""


class CeleryOverRedis(RedisTransport):
    """Tasks: the list ``celery``, and those of its priorities. Results: ``backend``, else a stream."""

    options = {**RedisTransport.options, "tasks": "celery", "rejects": "celery:rejected", "backend": ""}  # noqa: RUF012

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self._backend = Backend(self.address.options["backend"])
        self.revocations = Revocations(desk)
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        lists = [f"{self._tasks}{priority}" for priority in PRIORITIES]
        moves = [self._persist(lambda tasks=tasks: self._move_from(tasks)) for tasks in lists]  # type: ignore[misc]
        await end_with(*moves, self._persist(self._take), self._persist(self._hear))

    async def publish(self, result: Result) -> None:
        if not await self.answer(result.reply, SUCCESS, json.loads(result.body)):
            await super().publish(result)

    async def answer(self, reply: dict[str, Any], state: str, value: Any) -> bool:
        """Whether the master has been told by way of Celery. Raises TransportError."""
        return await self._backend.store(reply, state, value)

    async def close(self) -> None:
        for waiting in self._waiting.values():
            waiting.cancel()
        await super().close()

    async def _hear(self) -> None:
        """Listens to what is told to all workers."""
        database = self._redis.connection_pool.connection_kwargs.get("db") or 0
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(f"/{database}.{EXCHANGE}")
            while True:
                if message := await channel.get_message(timeout=WAIT):
                    await self.revocations.hear(unwrap(message["data"]).body)

    async def _received(self, entry: str, fields: dict[bytes, bytes]) -> None:
        if entry in self._waiting:
            return  # claimed once more
        body = fields.pop(b"message", b"")
        task = unwrap(body)
        delivery = RedisTask(
            body=body, id=task.id, reply=task.reply(), transport=self, entry=entry, fields=fields, task=body
        )
        if not task.waits():
            await take(self, task, delivery)
            return
        if len(self._waiting) >= self.desk.config.gateway.unacknowledged:
            await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        self._waiting[entry] = asyncio.create_task(take(self, task, delivery))
        self._waiting[entry].add_done_callback(lambda _: self._waiting.pop(entry))

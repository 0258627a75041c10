"""Celery with Redis as the broker."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from celery.states import FAILURE, REVOKED, SUCCESS

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.transports.celery.control import CONTROL_EXCHANGE, REVOCATION, Revocations
from pdfspider.gateway.transports.celery.messages import EXCEPTIONS_BY_STATE, Backend, failure, unwrap
from pdfspider.gateway.transports.celery.tasks_in import take
from pdfspider.gateway.transports.redis.transport import POLL_TIMEOUT_S, RedisDelivery, RedisTransport
from pdfspider.submission.rejected import REASON_LENGTH, Rejected
from pdfspider.tasks import end_with, raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdfspider.gateway.base import Options, Receipt, Result
    from pdfspider.gateway.service import GatewayService


@dataclass(slots=True, kw_only=True)
class RedisTask(RedisDelivery):
    """A Celery task from Redis."""

    each_is_answered = True
    transport: CeleryOverRedis
    task: bytes
    """The message as kombu wrote it."""
    later: list[dict[str, Any]]
    """The replies of tasks that fail with this one."""
    ends_in: str = FAILURE
    """State of a task that is rejected."""

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        await RedisDelivery.ack_all(settled)
        for task, receipt in settled:
            await task.transport.revocations.begun(task.id, receipt)

    async def drop(self) -> None:
        """Remove a task that was revoked.

        Raises TransportError.
        """
        await self.transport.answer(self.reply, REVOKED, REVOCATION)
        await self.transport.settle(self.entry)

    async def reject(self, reason: str) -> None:
        try:
            for reply in (self.reply, *self.later):
                await self.transport.answer(reply, self.ends_in, failure(reason, EXCEPTIONS_BY_STATE[self.ends_in]))
        except TransportError as error:
            self.transport.kept.begin(error)
            raise
        await self.transport.set_aside(self.entry, self.rejected(reason))

    def rejected(self, reason: str) -> Rejected:
        return Rejected(message=self.task, reason=reason[:REASON_LENGTH], metadata=self.metadata())

    def drop_body(self) -> None:
        self.body = self.task = b""


class CeleryOverRedis(RedisTransport):
    """Takes tasks from the list ``celery`` and the lists of its priorities.

    Results go to ``backend``, or else to a stream.
    """

    options: ClassVar[Options] = {
        **RedisTransport.options,
        "tasks": "celery",
        "rejects": "celery:rejected",
        "backend": "",
        "backend_global_keyprefix": "",
        "backend_master_name": "",
        "global_keyprefix": "",
        "priority_steps": "0,3,6,9",
        "sep": "\x06\x16",
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        self._backend = Backend(self.address.options)
        self._prefix = self.address.options["global_keyprefix"]
        self._tasks = f"{self._prefix}{self._tasks}"
        self._stream = f"{self._tasks}:stream"
        self._lists = self._read_lists()
        self.revocations = Revocations(service)
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        moves = [self._persist(partial(self._move_from, tasks)) for tasks in self._lists]
        await end_with(*moves, self._persist(self._take), self._persist(self._consume_control))

    def _read_lists(self) -> list[str]:
        """Return the keys in which kombu keeps a queue: one for each step of priority."""
        steps = self.address.options["priority_steps"].split(",")
        if not all(step.isascii() and step.isdigit() for step in steps):
            raise ConfigurationError(
                f"priority_steps={','.join(steps)} in GATEWAY_URLS must be numbers, such as 0,3,6,9"
            )
        numbers = sorted({int(step) for step in steps})
        return [f"{self._tasks}{self.address.options['sep']}{step}" if step else self._tasks for step in numbers]

    async def publish(self, result: Result) -> None:
        if not await self.answer(result.reply, SUCCESS, json.loads(result.body)):
            await super().publish(result)

    async def answer(self, reply: dict[str, Any], state: str, value: Any) -> bool:
        """Store the state of a task, and return False if there is no backend for it.

        Raises TransportError.
        """
        return await self._backend.store(reply, state, value)

    async def close(self) -> None:
        for waiting in self._waiting.values():
            waiting.cancel()
        await super().close()

    async def _consume_control(self) -> None:
        """Listen for remote control messages to all workers."""
        database = self._redis.connection_pool.connection_kwargs.get("db") or 0
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(f"{self._prefix}/{database}.{CONTROL_EXCHANGE}")
            while True:
                raise_if_cancelled()
                if message := await channel.get_message(timeout=POLL_TIMEOUT_S):
                    await self.revocations.handle(unwrap(message["data"]).body)

    async def _received(self, entry: str, fields: dict[bytes, bytes]) -> None:
        if entry in self._waiting:
            return  # it was claimed again
        body = fields.pop(b"message", b"")
        task = unwrap(body, self.service.config.gateway.message_size)
        delivery = RedisTask(
            body=body,
            id=task.id,
            reply=task.reply(),
            transport=self,
            entry=entry,
            fields=fields,
            task=body,
            later=task.later(),
        )
        if not task.waits():
            await take(self, task, delivery)
            return
        if len(self._waiting) >= self.service.config.gateway.unacknowledged:
            await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        self._waiting[entry] = asyncio.create_task(take(self, task, delivery))
        self._waiting[entry].add_done_callback(lambda _: self._waiting.pop(entry))

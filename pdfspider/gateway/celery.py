"""Celery: calls of ``download_pdf`` in, the tasks' results out; no worker waits for a crawl.

The gateway takes task messages from the broker as a worker does, in the same format, and stores results where the
masters' app looks for them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiormq.exceptions import PublishError
from celery.states import FAILURE, SUCCESS
from pamqp.commands import Basic

from pdfspider.crawl.intake import letter
from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.amqp import FAILURES, PERSISTENT, AmqpDelivery, AmqpTransport
from pdfspider.gateway.celery_tasks import JSON, Backend, TaskMessage, failure, unwrap
from pdfspider.gateway.redis import RedisDelivery, RedisTransport, end_with
from pdfspider.gateway.transport import TransportError

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Delivery, Result, Transport

logger = logging.getLogger(__name__)

PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""What kombu ends the names of a queue's lists in."""


@dataclass(slots=True, kw_only=True)
class AmqpTask(AmqpDelivery):
    transport: CeleryOverAmqp
    message: DeliveredMessage


class CeleryOverAmqp(AmqpTransport):
    """Tasks: the queue ``celery``. Results: ``backend``, else the master's own if that is ``rpc://``, else a queue."""

    options = {**AmqpTransport.options, "tasks": "celery", "rejects": "celery_rejects", "backend": ""}  # noqa: RUF012

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self._backend = Backend(self.address.options["backend"])

    async def publish(self, result: Result) -> None:
        if not await self._answer(result.reply, SUCCESS, json.loads(result.body)):
            await super().publish(result)

    async def set_aside(self, delivery: AmqpDelivery, reason: str) -> None:
        """The task message as it came, with its reason as a header: it can be moved back."""
        assert isinstance(delivery, AmqpTask)
        await self._answer(delivery.reply, FAILURE, failure(reason))
        properties = delivery.message.header.properties
        properties.headers = {**(properties.headers or {}), "reason": reason[:1000]}
        properties.delivery_mode, properties.expiration, properties.user_id = PERSISTENT, None, None
        await self._publish(self.address.options["rejects"], bytes(delivery.message.body), properties)

    async def _received(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        task = TaskMessage(
            headers=properties.headers or {},
            body=bytes(message.body),
            content_type=properties.content_type,
            reply_to=properties.reply_to,
        )
        assert message.delivery_tag is not None
        delivery = AmqpTask(
            body=task.body,
            id=task.id,
            reply=task.reply(),
            transport=self,
            channel=message.channel,
            tags=self.tags,
            tag=message.delivery_tag,
            message=message,
        )
        await take(self, task, delivery)

    async def _answer(self, reply: dict[str, Any], state: str, value: Any) -> bool:
        """Whether the master has been told by way of Celery. Raises TransportError."""
        if await self._backend.store(reply, state, value):
            return True
        if "oid" not in reply or reply.get("ignored"):
            return False
        task = reply.get("correlation_id")
        body = {"task_id": task, "status": state, "result": value, "traceback": None, "children": []}
        properties = Basic.Properties(
            content_type=JSON, content_encoding="utf-8", correlation_id=task, delivery_mode=PERSISTENT
        )
        try:
            await self._publish(reply["oid"], json.dumps(body).encode(), properties)
        except PublishError:
            return False  # nobody waits for it there
        except FAILURES as error:
            raise TransportError(f"{type(error).__name__}: {error}") from error
        return True


@dataclass(slots=True, kw_only=True)
class RedisTask(RedisDelivery):
    transport: CeleryOverRedis
    envelope: bytes

    async def reject(self, reason: str) -> None:
        await self.transport.fail(self.reply, reason)
        await self.transport.set_aside(self.entry, letter(self.envelope, reason))


class CeleryOverRedis(RedisTransport):
    """Tasks: the list ``celery``, and those of its priorities. Results: ``backend``, else a stream."""

    options = {**RedisTransport.options, "tasks": "celery", "rejects": "celery:rejected", "backend": ""}  # noqa: RUF012

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self._backend = Backend(self.address.options["backend"])
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        lists = [f"{self._tasks}{priority}" for priority in PRIORITIES]
        moves = [self._persist(lambda tasks=tasks: self._move_from(tasks)) for tasks in lists]  # type: ignore[misc]
        await end_with(*moves, self._persist(self._take))

    async def publish(self, result: Result) -> None:
        if not await self._backend.store(result.reply, SUCCESS, json.loads(result.body)):
            await super().publish(result)

    async def fail(self, reply: dict[str, Any], reason: str) -> None:
        """Tells the master. Raises TransportError."""
        await self._backend.store(reply, FAILURE, failure(reason))

    async def close(self) -> None:
        for waiting in self._waiting.values():
            waiting.cancel()
        await super().close()

    async def _received(self, entry: str, body: bytes) -> None:
        if entry in self._waiting:
            return  # claimed once more
        task = unwrap(body)
        delivery = RedisTask(body=body, id=task.id, reply=task.reply(), transport=self, entry=entry, envelope=body)
        if not task.waits():
            await take(self, task, delivery)
            return
        if len(self._waiting) >= self.desk.config.gateway.unacknowledged:
            await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        self._waiting[entry] = asyncio.create_task(take(self, task, delivery))
        self._waiting[entry].add_done_callback(lambda _: self._waiting.pop(entry))


async def take(transport: Transport, task: TaskMessage, delivery: Delivery) -> None:
    """Hands in what the task stands for, when its time has come; what makes no sense is set aside."""
    try:
        delivery.body = task.message()
        await asyncio.sleep(task.wait())
        task.refuse_late()
    except InvalidInput as error:
        logger.warning("A task by %s was rejected: %s: %.200r", transport.name, error, task.body)
        with suppress(TransportError):
            await delivery.reject(str(error))
        return
    await transport.desk.accept(transport.name, delivery)

"""Celery with RabbitMQ as the broker."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from aiormq.exceptions import ChannelClosed, PublishError
from celery.states import FAILURE, REVOKED, SUCCESS
from pamqp.commands import Basic

from pdfspider.gateway.transports.celery import delayed as celery_delayed
from pdfspider.gateway.transports.celery.control import CONTROL_EXCHANGE, REVOCATION, Revocations
from pdfspider.gateway.transports.celery.messages import EXCEPTIONS_BY_STATE, JSON_TYPE, Backend, TaskMessage, failure
from pdfspider.gateway.transports.celery.tasks_in import take
from pdfspider.gateway.transports.rabbitmq.delivery import PERSISTENT, AmqpDelivery
from pdfspider.gateway.transports.rabbitmq.errors import failures
from pdfspider.gateway.transports.rabbitmq.rejects import metadata_of
from pdfspider.gateway.transports.rabbitmq.transport import AmqpTransport
from pdfspider.submission.rejected import REASON_LENGTH, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

    from pdfspider.gateway.base import Options, Receipt, Result
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class AmqpTask(AmqpDelivery):
    """A Celery task from RabbitMQ."""

    each_is_answered = True
    transport: CeleryOverAmqp
    later: list[dict[str, Any]]
    """The replies of tasks that fail with this one."""
    ends_in: str = FAILURE
    """State of a task that is rejected."""

    def rejected(self, reason: str) -> Rejected:
        assert self.message
        return Rejected(
            message=bytes(self.message.body), reason=reason[:REASON_LENGTH], metadata=metadata_of(self.message)
        )

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        await AmqpDelivery.ack_all(settled)
        for task, receipt in settled:
            await task.transport.revocations.begun(task.id, receipt)

    async def drop(self) -> None:
        """Acknowledge a task that was revoked.

        Raises TransportError.
        """
        await self.transport.answer(self.reply, REVOKED, REVOCATION)
        await self.settle()


class CeleryOverAmqp(AmqpTransport):
    """Takes tasks from the queue ``celery``.

    Results go to ``backend``, to the master's own queue if that is ``rpc://``, or else to a queue.
    """

    options: ClassVar[Options] = {
        **AmqpTransport.options,
        "tasks": "celery",
        "rejects": "celery_rejects",
        "backend": "",
        "backend_global_keyprefix": "",
        "backend_master_name": "",
        "exchange": "",
        "routing_key": "",
        "delayed_delivery": celery_delayed.QUEUE_KINDS,
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        self._backend = Backend(self.address.options)
        self.revocations = Revocations(service)

    async def publish(self, result: Result) -> None:
        if not await self.answer(result.reply, SUCCESS, json.loads(result.body)):
            await super().publish(result)

    async def set_aside(self, delivery: AmqpDelivery, reason: str) -> None:
        assert isinstance(delivery, AmqpTask)
        for reply in (delivery.reply, *delivery.later):
            await self.answer(reply, delivery.ends_in, failure(reason, EXCEPTIONS_BY_STATE[delivery.ends_in]))
        await super().set_aside(delivery, reason)

    async def _consume(self, connection: AbstractConnection) -> None:
        await celery_delayed.set_up(connection, self.address.options)
        try:
            await self._consume_control(await connection.channel())
        except ChannelClosed as error:
            logger.warning("Revocations from %s are not received: %s", self.name, error)
        await super()._consume(connection)

    async def _consume_control(self, channel: AbstractChannel) -> None:
        """Listen for remote control messages to all workers."""
        await channel.exchange_declare(CONTROL_EXCHANGE, exchange_type="fanout")
        queue = (await channel.queue_declare("", exclusive=True)).queue
        assert queue
        await channel.queue_bind(queue, CONTROL_EXCHANGE)
        await channel.basic_consume(queue, self._heard, no_ack=True)

    async def _heard(self, message: DeliveredMessage) -> None:
        await self.revocations.handle(bytes(message.body))

    async def _received(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        task = TaskMessage(
            headers=properties.headers or {},
            body=bytes(message.body),
            content_type=properties.content_type,
            reply_to=properties.reply_to,
            limit=self.service.config.gateway.message_size,
        )
        delivery = AmqpTask(body=task.body, id=task.id, reply=task.reply(), later=task.later(), **self.origin(message))
        await take(self, task, delivery)

    async def answer(self, reply: dict[str, Any], state: str, value: Any) -> bool:
        """Store the state of a task, and return False if there is no backend for it.

        Raises TransportError.
        """
        if await self._backend.store(reply, state, value):
            return True
        if "oid" not in reply or reply.get("ignored"):
            return False
        task = reply.get("correlation_id")
        body = {"task_id": task, "status": state, "result": value, "traceback": None, "children": []}
        properties = Basic.Properties(
            content_type=JSON_TYPE, content_encoding="utf-8", correlation_id=task, delivery_mode=PERSISTENT
        )
        with failures():
            try:
                await self._publish(reply["oid"], json.dumps(body).encode(), properties)
            except PublishError:
                return False  # the reply queue is gone
        return True

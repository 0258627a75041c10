"""Celery: calls of ``download_pdf`` are messages, and results are the tasks' results.

The gateway takes task messages from the broker as a worker does, in the same format. It stores results where the
masters' app looks for them, so that no worker waits for a crawl.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from celery.states import REVOKED

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.transports.celery.messages import TaskExpired

if TYPE_CHECKING:
    from typing import TypeAlias

    from pdfspider.gateway.transports.celery.messages import TaskMessage
    from pdfspider.gateway.transports.celery.rabbitmq import AmqpTask, CeleryOverAmqp
    from pdfspider.gateway.transports.celery.redis import CeleryOverRedis, RedisTask

    CeleryDelivery: TypeAlias = AmqpTask | RedisTask
    CeleryTransport: TypeAlias = CeleryOverAmqp | CeleryOverRedis


async def take(transport: CeleryTransport, task: TaskMessage, delivery: CeleryDelivery) -> None:
    """Submit the message of a task when its time has come, or set an invalid one aside."""
    try:
        delivery.body = task.message()
        await asyncio.sleep(task.wait())
        task.refuse_late()
    except InvalidInput as error:
        if isinstance(error, TaskExpired):
            delivery.ends_in = REVOKED
        delivery.invalid = str(error)
    if task.id in transport.revocations:
        with suppress(TransportError):
            await delivery.drop()
        return
    await transport.service.accept(transport.name, delivery)

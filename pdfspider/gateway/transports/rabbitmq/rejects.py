"""RabbitMQ's rejects: what is kept of a message, and how it is sent again."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import aiormq
from aiormq.exceptions import ChannelNotFoundEntity
from pamqp.commands import Basic

from pdfspider.gateway.rejects import SetAside, identify, read
from pdfspider.gateway.transports.rabbitmq.errors import failures

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

    from pdfspider.submission.rejected import Rejected


def metadata_of(message: DeliveredMessage) -> dict[str, Any]:
    """Return the properties of a message that are set, and the exchange and key that it was published to."""
    known = ((name, getattr(message.header.properties, name)) for name in Basic.Properties.attributes())
    properties = {name: value for name, value in known if value not in (None, "", {})}
    return {"properties": properties, "exchange": message.exchange or "", "routing_key": message.routing_key or ""}


def properties_of(rejected: Rejected) -> Basic.Properties:
    """Return the properties with which the message first came.

    It does not expire, and the user that sends it again becomes its user.
    """
    known = rejected.metadata.get("properties", {})
    properties = {name: value for name, value in known.items() if name not in ("expiration", "user_id", "cluster_id")}
    return Basic.Properties(**properties)


def refusal(body: bytes, reason: str) -> bytes:
    """Return the answer to a master whose message was rejected, in ASCII, because no text is refused by that."""
    task_id = None
    with suppress(ValueError, AttributeError, RecursionError):
        task_id = json.loads(body).get("task_id")
    known = task_id if isinstance(task_id, (str, int)) else None
    return json.dumps({"state": "rejected", "task_id": known, "reason": reason}).encode()


async def set_aside(url: str, rejects: str, tasks: str) -> AsyncGenerator[SetAside, None]:
    """Yield the messages of a rejects queue.

    They stay there unless they are sent again. Raises TransportError.
    """
    with failures():
        connection = await aiormq.connect(url)
    try:
        with failures():
            channel = await _channel_of(connection, rejects)
        while channel:
            with failures():
                message = await channel.basic_get(rejects)
            if isinstance(message.delivery, Basic.GetEmpty):
                return
            rejected = read(message.body)
            yield SetAside(identify(message.body), rejected, partial(_send_again, channel, message, rejected, tasks))
    finally:
        await connection.close()  # the broker requeues the messages


async def _channel_of(connection: AbstractConnection, queue: str) -> AbstractChannel | None:
    """Return a channel, None if the queue does not exist."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    try:
        await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return None
    return channel


async def _send_again(channel: AbstractChannel, message: DeliveredMessage, rejected: Rejected, tasks: str) -> None:
    with failures():
        properties = properties_of(rejected)
        await channel.basic_publish(rejected.message, routing_key=tasks, properties=properties, mandatory=True)
        assert message.delivery_tag is not None
        await channel.basic_ack(message.delivery_tag)

"""Celery's native delayed delivery on RabbitMQ, which workers set up for quorum queues.

A task with a ``countdown`` is published to the exchange ``celery_delayed_27``. It passes from level to level. Each
level has a queue in which it waits for 2 to the power of that level seconds, if that bit of its delay is set. The names
and arguments are kombu's (kombu/transport/native_delayed_delivery.py).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiormq.exceptions import ChannelClosed, ChannelPreconditionFailed
from kombu.transport.native_delayed_delivery import CELERY_DELAYED_DELIVERY_EXCHANGE, MAX_LEVEL, level_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiormq.abc import AbstractChannel, AbstractConnection

logger = logging.getLogger(__name__)

QUEUE_KINDS = ("auto", "quorum", "classic", "no")
"""The kinds of the levels' queues; "auto": quorum if the tasks' queue is one and its exchange a topic."""
NOT_QUORUM_ERRORS = ("'x-queue-type'", "'durable'", "'exclusive'", "'auto_delete'")


async def set_up(connection: AbstractConnection, options: Mapping[str, str]) -> None:
    """Declare the levels, and bind the queue ``tasks`` behind them.

    A refusal by the broker is logged.
    """
    kind, queue = options["delayed_delivery"], options["tasks"]
    exchange, key = options["exchange"] or queue, options["routing_key"] or queue
    if kind == "no":
        return
    try:
        if not await _is_topic(connection, exchange):
            if kind != "auto":
                logger.warning("Delayed delivery is not possible: the exchange %s is not a topic exchange", exchange)
            return
        if kind == "auto" and not await _is_quorum(connection, queue):
            return
        channel = await connection.channel()
        await _declare_levels(channel, "quorum" if kind == "auto" else kind)
        await channel.exchange_bind(exchange, CELERY_DELAYED_DELIVERY_EXCHANGE, f"#.{key}")
        await channel.queue_bind(queue, exchange, f"#.{key}")
        await channel.close()
    except ChannelClosed as error:
        logger.warning("Delayed delivery could not be set up: %s", error)


async def _is_topic(connection: AbstractConnection, exchange: str) -> bool:
    """Return whether a topic exchange of that name exists, without making one."""
    channel = await connection.channel()
    try:
        await channel.exchange_declare(exchange, passive=True)
        await channel.exchange_declare(exchange, exchange_type="topic", durable=True)
    except ChannelClosed as error:  # by the broker
        return "inequivalent arg" in str(error) and "inequivalent arg 'type'" not in str(error)
    await channel.close()
    return True


async def _is_quorum(connection: AbstractConnection, queue: str) -> bool:
    """Return whether an existing queue is a quorum queue, which no other queue can be declared as."""
    channel = await connection.channel()
    try:
        await channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    except ChannelPreconditionFailed as error:
        return not any(f"inequivalent arg {name}" in str(error) for name in NOT_QUORUM_ERRORS)
    await channel.close()
    return True


async def _declare_levels(channel: AbstractChannel, kind: str) -> None:
    await channel.exchange_declare(CELERY_DELAYED_DELIVERY_EXCHANGE, exchange_type="topic", durable=True)
    for level in range(MAX_LEVEL + 1):
        name, after = level_name(level), level_name(level - 1) if level else CELERY_DELAYED_DELIVERY_EXCHANGE
        arguments = {
            "x-queue-type": kind,
            "x-overflow": "reject-publish",
            "x-message-ttl": 2**level * 1000,
            "x-dead-letter-exchange": after,
        }
        if kind == "quorum":
            arguments["x-dead-letter-strategy"] = "at-least-once"
        before = "*." * (MAX_LEVEL - level)
        await channel.exchange_declare(name, exchange_type="topic", durable=True)
        await channel.queue_declare(name, durable=True, arguments=arguments)
        await channel.queue_bind(name, name, f"{before}1.#")
        await channel.exchange_bind(after, name, f"{before}0.#")

"""A message from RabbitMQ, and the answers to the broker."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pdfspider.gateway.base import Delivery, TransportError
from pdfspider.gateway.transports.rabbitmq.errors import failures
from pdfspider.gateway.transports.rabbitmq.rejects import metadata_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiormq.abc import AbstractChannel, DeliveredMessage

    from pdfspider.gateway.base import Receipt
    from pdfspider.gateway.transports.rabbitmq.tags import AckBatcher
    from pdfspider.gateway.transports.rabbitmq.transport import AmqpTransport

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.5
PERSISTENT = 2


@dataclass(slots=True, kw_only=True)
class AmqpDelivery(Delivery):
    """A message from RabbitMQ."""

    transport: AmqpTransport
    channel: AbstractChannel
    tags: AckBatcher
    """The tags of the channel."""
    tag: int
    message: DeliveredMessage | None
    """The message, until it is in the frontier."""
    offset: int | None = None
    """The offset in a stream, None for a queue."""

    def metadata(self) -> dict[str, Any]:
        return metadata_of(self.message) if self.message else {}

    def drop_body(self) -> None:
        self.body, self.message = b"", None

    async def ack(self, receipt: Receipt) -> None:
        await self.ack_all([(self, receipt)])

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        try:
            await settled[0][0].transport.settle_offsets(delivery for delivery, _ in settled)
        except TransportError as error:
            logger.debug("Messages of a stream will be delivered again: %s", error)
        channels = {delivery.channel: delivery.tags for delivery, _ in settled}
        for channel, tags in channels.items():
            last, others = tags.settle(delivery.tag for delivery, _ in settled if delivery.channel is channel)
            try:
                with failures():
                    if last:
                        await channel.basic_ack(last, multiple=True, wait=False)
                    for tag in others:
                        await channel.basic_ack(tag, wait=False)
            except TransportError as error:
                logger.debug("Messages will be delivered again: %s", error)

    async def settle(self) -> None:
        """Acknowledge this delivery alone.

        Raises TransportError.
        """
        await self.transport.settle_offsets([self])
        with failures():
            await self.channel.basic_ack(self.tag, wait=False)
        self.tags.settle([self.tag])

    async def reject(self, reason: str) -> None:
        try:
            with failures():
                await self.transport.set_aside(self, reason)
            await self.settle()
        except TransportError as error:
            self.transport.kept.begin(error)
            await self.nack()
            raise
        self.transport.kept.end()

    async def nack(self) -> None:
        await asyncio.sleep(POLL_INTERVAL_S)
        with suppress(TransportError), failures():
            if self.offset is None:
                await self.channel.basic_nack(self.tag)
                self.tags.settle([self.tag])
            else:  # a stream delivers again only to a new consumer
                await self.channel.close()

"""RabbitMQ, and other brokers that speak AMQP 0-9-1: a queue of messages in, a queue of results out."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import aiormq
from aiormq.exceptions import (
    AMQPError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    PublishError,
)
from pamqp.commands import Basic

from pdfspider.crawl.outage import Outage
from pdfspider.gateway.bounds import set_aside
from pdfspider.gateway.tags import Tags
from pdfspider.gateway.transport import Delivery, TooLargeError, Transport, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Event, Receipt, Result

logger = logging.getLogger(__name__)

WAIT = 0.5
TIMEOUT, CLOSING = 30.0, 5.0
MOST_PREFETCHED = 65535
PERSISTENT = 2
logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # it is said here, once, what does not work
FAILURES = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
BARE = (Exception, RuntimeError)
"""What aiormq raises itself where a connection was lost meanwhile."""


@contextmanager
def failures() -> Iterator[None]:
    """Turn what aiormq raises into TransportError."""
    try:
        yield
    except FAILURES as error:
        raise TransportError(f"{type(error).__name__}: {error}") from error
    except Exception as error:
        if type(error) not in BARE:
            raise
        raise TransportError(f"the connection was lost: {error}") from error


@dataclass(slots=True, kw_only=True)
class AmqpDelivery(Delivery):
    transport: AmqpTransport
    channel: AbstractChannel
    tags: Tags
    """Those of the channel."""
    tag: int

    async def ack(self, receipt: Receipt) -> None:
        await self.ack_all([(self, receipt)])

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
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
                logger.debug("Messages will come again: %s", error)

    async def settle(self) -> None:
        """Acknowledges this one alone. Raises TransportError."""
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
            await self.again()
            raise
        self.transport.kept.end()

    async def again(self) -> None:
        await asyncio.sleep(WAIT)
        with suppress(TransportError), failures():
            await self.channel.basic_nack(self.tag)
            self.tags.settle([self.tag])


class AmqpTransport(Transport):
    """Messages: the queue ``pdf_tasks``. Results: ``reply_to`` with the ``correlation_id``, else ``pdf_results``.
    Documents, as they are found: the queue ``events``.

    ``declare_…`` says what becomes of a queue that is not there: it is waited for (``no``), or declared. One that is
    there is taken as it is.
    """

    options = {  # noqa: RUF012 - declared by Transport
        "tasks": "pdf_tasks",
        "results": "pdf_results",
        "rejects": "pdf_rejects",
        "events": "",
        "declare_tasks": ("no", "durable", "transient"),
        "declare_results": ("durable", "transient", "no"),
        "declare_rejects": ("durable", "transient", "no"),
        "declare_events": ("durable", "transient", "no"),
    }

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self._connection: AbstractConnection | None = None
        self._out: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self.tags = Tags()
        self.kept = Outage(
            f"Rejects of {self.name} cannot be set aside: they stay", f"Rejects of {self.name} are set aside"
        )

    async def serve(self) -> None:
        """From connecting until the connection, the channel or the consumer ends."""
        try:
            with failures():
                await self._session()
        except Exception:
            await self.close()
            raise

    has_destinations = True

    def destination(self, reply: dict[str, Any]) -> str:
        return str(reply.get("reply_to") or "")

    async def publish(self, result: Result) -> None:
        properties = Basic.Properties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            message_id=result.id,
            correlation_id=result.reply.get("correlation_id"),
        )
        with failures():
            if reply_to := result.reply.get("reply_to"):
                with suppress(PublishError):  # nobody waits for it there any more
                    await self._publish(reply_to, result.body, properties)
                    return
            await self._publish(self.address.options["results"], result.body, properties)

    @property
    def tells(self) -> bool:
        return bool(self.address.options["events"])

    async def tell(self, event: Event) -> None:
        properties = Basic.Properties(
            content_type="application/json", delivery_mode=PERSISTENT, message_id=event.id, headers={"job": event.job}
        )
        with failures():
            await self._publish(self.address.options["events"], event.body, properties)

    async def set_aside(self, delivery: AmqpDelivery, reason: str) -> None:
        """Publishes what does not parse to the rejects queue. Raises what aiormq does."""
        properties = Basic.Properties(
            content_type="application/json", delivery_mode=PERSISTENT, headers={"reason": reason[:1000]}
        )
        send = partial(self._publish, self.address.options["rejects"], properties=properties)
        await set_aside(send, delivery.body, reason)

    async def _publish(self, queue: str, body: bytes, properties: Basic.Properties) -> None:
        """Returns when the broker has it in that queue. Raises PublishError where there is no such queue, and
        TooLargeError.
        """
        channel = await self._outgoing()
        try:
            await channel.basic_publish(body, routing_key=queue, properties=properties, mandatory=True, timeout=TIMEOUT)
        except ChannelPreconditionFailed as error:
            if f"message size {len(body)} " in str(error):
                raise TooLargeError(str(error)) from error
            raise

    async def _outgoing(self) -> AbstractChannel:
        """The channel for what is published; a new one where the broker has closed it."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed or self._out is None:
                raise ConnectionError("there is no connection")
            if self._out.is_closed:
                self._out = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._out

    async def close(self) -> None:
        connection, self._connection, self._out = self._connection, None, None
        if connection:
            with suppress(TransportError, TimeoutError), failures():
                async with asyncio.timeout(CLOSING):
                    await connection.close()

    async def _session(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            self._connection = connection = await aiormq.connect(self.address.url)
            for kind in ("results", "rejects", *(("events",) if self.tells else ())):
                await self._find(connection, kind)
            self._out = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._find(connection, "tasks")
        await self._consume(await connection.channel())

    async def _find(self, connection: AbstractConnection, kind: str) -> None:
        """Returns when the queue is there: somebody declares it, or this does where it is told to."""
        queue, declare = self.address.options[kind], self.address.options[f"declare_{kind}"]
        while not await _exists(connection, queue):
            if declare != "no":
                channel = await connection.channel()
                await channel.queue_declare(queue, durable=declare == "durable")
                await channel.close()
            elif kind == "tasks":
                self.health.begin(f"there is no queue {queue}")
                await asyncio.sleep(WAIT)
            else:
                return  # whoever publishes to it waits for it

    async def _consume(self, channel: AbstractChannel) -> None:
        self.tags, cancelled = Tags(), asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        await channel.basic_qos(prefetch_count=min(self.desk.config.gateway.unacknowledged, MOST_PREFETCHED))
        await channel.basic_consume(self.address.options["tasks"], self._on_message)
        self.health.end()
        ends = [asyncio.ensure_future(channel.closing), asyncio.create_task(cancelled.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        raise TransportError("the consumer was ended")

    async def _on_message(self, message: DeliveredMessage) -> None:
        with self.one_message():
            await self._received(message)

    async def _received(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        known = {"reply_to": properties.reply_to, "correlation_id": properties.correlation_id}
        assert message.delivery_tag is not None
        delivery = AmqpDelivery(
            body=bytes(message.body),
            id=properties.message_id or "",
            reply={name: value for name, value in known.items() if value},
            transport=self,
            channel=message.channel,
            tags=self.tags,
            tag=message.delivery_tag,
        )
        await self.desk.accept(self.name, delivery)


async def _exists(connection: AbstractConnection, queue: str) -> bool:
    channel = await connection.channel()
    try:
        await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return False  # and the broker has closed the channel
    await channel.close()
    return True

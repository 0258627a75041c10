"""RabbitMQ and other AMQP 0-9-1 brokers: messages come from one queue, results go to another."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import aiormq
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed, DeliveryError, PublishError
from pamqp.commands import Basic

from pdfspider.gateway.base import TooLargeError, Transport, TransportError
from pdfspider.gateway.outbound.bounds import set_aside
from pdfspider.gateway.transports.rabbitmq.codec import be_lenient
from pdfspider.gateway.transports.rabbitmq.delivery import PERSISTENT, POLL_INTERVAL_S, AmqpDelivery
from pdfspider.gateway.transports.rabbitmq.errors import failures
from pdfspider.gateway.transports.rabbitmq.rejects import refusal
from pdfspider.gateway.transports.rabbitmq.rejects import set_aside as rejects_of
from pdfspider.gateway.transports.rabbitmq.streams import OFFSET_HEADER, StreamOffset, offset_of
from pdfspider.gateway.transports.rabbitmq.tags import AckBatcher
from pdfspider.submission.rejected import REASON_LENGTH

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage

    from pdfspider.gateway.base import Event, Options, Result
    from pdfspider.gateway.rejects import SetAside
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)

TIMEOUT_S, CLOSE_TIMEOUT_S = 30.0, 5.0
MAX_PREFETCH = 65535
TOO_LARGE_REPLY = "larger than configured max size"
logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # failures are logged here, once
be_lenient()


class AmqpTransport(Transport):
    """Takes messages from the queue ``pdf_tasks``, and publishes results and events to queues.

    A result goes to ``reply_to`` with the ``correlation_id``, or to ``pdf_results``. Events of found documents go to
    the queue ``events``.

    The options ``declare_…`` say what happens if a queue is missing: the transport waits for it (``no``) or declares
    it. An existing queue is used as it is. ``hosts`` are the other nodes of a cluster, one of which is connected to if
    the last one cannot be used.
    """

    options: ClassVar[Options] = {
        "tasks": "pdf_tasks",
        "results": "pdf_results",
        "rejects": "pdf_rejects",
        "events": "",
        "hosts": "",
        "declare_tasks": ("no", "durable", "transient", "quorum"),
        "declare_results": ("durable", "transient", "quorum", "no"),
        "declare_rejects": ("durable", "transient", "quorum", "no"),
        "declare_events": ("durable", "transient", "quorum", "no"),
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        self._urls = cycle(_urls(self.address.url, self.address.options["hosts"]))
        self._connection: AbstractConnection | None = None
        self._out: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._attempted = asyncio.Event()
        """Set once the first connection is made or has failed."""
        self.tags = AckBatcher()
        self._offset = StreamOffset(service.frontier.redis, self.name, self.address.options["tasks"])

    async def serve(self) -> None:
        """Connect and take messages until the connection, the channel or the consumer ends."""
        try:
            with failures():
                await self._session()
        except Exception:
            self._attempted.set()
            await self.close()
            raise

    has_destinations = True

    def destination(self, reply: dict[str, Any]) -> str:
        return str(reply.get("reply_to") or "").encode("utf-8", "backslashreplace").decode()

    async def publish(self, result: Result) -> None:
        properties = Basic.Properties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            message_id=result.id,
            correlation_id=result.reply.get("correlation_id"),
        )
        with failures():
            if reply_to := result.reply.get("reply_to"):
                with suppress(PublishError):  # the reply queue is gone
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
        """Publish an invalid message to the rejects queue, and tell its master.

        Raises the errors of aiormq.
        """
        await self._refuse(delivery, reason)
        properties = Basic.Properties(
            content_type="application/json", delivery_mode=PERSISTENT, headers={"reason": reason[:REASON_LENGTH]}
        )
        send = partial(self._publish, self.address.options["rejects"], properties=properties)
        await set_aside(send, delivery.rejected(reason))

    async def _refuse(self, delivery: AmqpDelivery, reason: str) -> None:
        """Tell a master that waits for an answer that its message was rejected."""
        if not (reply_to := delivery.reply.get("reply_to")):
            return
        properties = Basic.Properties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            correlation_id=delivery.reply.get("correlation_id"),
        )
        with suppress(DeliveryError):  # the reply queue is gone, or takes no more
            await self._publish(reply_to, refusal(delivery.body, reason), properties)

    def rejects(self) -> AsyncGenerator[SetAside, None]:
        return rejects_of(self.address.url, self.address.options["rejects"], self.address.options["tasks"])

    async def settle_offsets(self, deliveries: Iterable[AmqpDelivery]) -> None:
        """Settle the offsets of deliveries that came from a stream.

        Raises TransportError.
        """
        if offsets := [delivery.offset for delivery in deliveries if delivery.offset is not None]:
            await self._offset.settle(offsets)

    async def _publish(self, queue: str, body: bytes, properties: Basic.Properties) -> None:
        """Publish to a queue, and return when the broker has confirmed it.

        Raises PublishError if the queue does not exist, and TooLargeError.
        """
        channel = await self._outgoing()
        try:
            await channel.basic_publish(
                body, routing_key=queue, properties=properties, mandatory=True, timeout=TIMEOUT_S
            )
        except ChannelPreconditionFailed as error:
            if f"message size {len(body)} " in str(error):
                raise TooLargeError(str(error)) from error
            if TOO_LARGE_REPLY not in str(error):
                raise
            await self._publish(queue, body, properties)  # another one was too large, which has closed the channel

    async def _outgoing(self) -> AbstractChannel:
        """Return the channel for publishing, a new one if the broker has closed the last one."""
        async with asyncio.timeout(TIMEOUT_S):
            await self._attempted.wait()
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
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()

    async def _session(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            self._connection = connection = await aiormq.connect(next(self._urls))
            for kind in ("results", "rejects", *(("events",) if self.tells else ())):
                await self._find(connection, kind)
            self._out = await connection.channel(publisher_confirms=True, on_return_raises=True)
        self._attempted.set()
        await self._find(connection, "tasks")
        await self._consume(connection)

    async def _find(self, connection: AbstractConnection, kind: str) -> None:
        """Return when the queue exists: somebody else declares it, or this does if it is told to."""
        queue, declare = self.address.options[kind], self.address.options[f"declare_{kind}"]
        while not await _exists(connection, queue):
            if declare != "no":
                channel = await connection.channel()
                arguments: dict[str, Any] = {"x-queue-type": "quorum"} if declare == "quorum" else {}
                await channel.queue_declare(queue, durable=declare != "transient", arguments=arguments)
                await channel.close()
            elif kind == "tasks":
                self.health.begin(f"there is no queue {queue}")
                await asyncio.sleep(POLL_INTERVAL_S)
            else:
                return  # publishers wait for this queue

    async def _consume(self, connection: AbstractConnection) -> None:
        channel, cancelled = await self._subscribe(connection), asyncio.Event()
        channel.on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        self.health.end()
        ends = [asyncio.ensure_future(channel.closing), asyncio.create_task(cancelled.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        raise TransportError("the broker has cancelled the consumer")

    async def _subscribe(self, connection: AbstractConnection) -> AbstractChannel:
        """Consume a stream from its settled offset, or else a queue.

        Only a stream accepts an offset.
        """
        first = await self._offset.first()
        with suppress(ChannelPreconditionFailed):
            return await self._subscribe_with(connection, {OFFSET_HEADER: first})
        return await self._subscribe_with(connection, {})

    async def _subscribe_with(self, connection: AbstractConnection, arguments: dict[str, Any]) -> AbstractChannel:
        self.tags, channel = AckBatcher(), await connection.channel()
        await channel.basic_qos(prefetch_count=min(self.service.config.gateway.unacknowledged, MAX_PREFETCH))
        await channel.basic_consume(self.address.options["tasks"], self._on_message, arguments=arguments)
        return channel

    async def _on_message(self, message: DeliveredMessage) -> None:
        with self.one_message():
            await self._received(message)

    async def _received(self, message: DeliveredMessage) -> None:
        properties = message.header.properties
        known = {"reply_to": properties.reply_to, "correlation_id": properties.correlation_id}
        reply = {name: value for name, value in known.items() if value}
        origin = self.origin(message)
        delivery = AmqpDelivery(body=bytes(message.body), id=properties.message_id or "", reply=reply, **origin)
        if delivery.offset is not None and not delivery.id:
            delivery.id = f"offset {delivery.offset}"
        await self.service.accept(self.name, delivery)

    def origin(self, message: DeliveredMessage) -> dict[str, Any]:
        """Return the fields that a delivery needs to be settled."""
        assert message.delivery_tag is not None
        offset = offset_of(message)
        if offset is not None:
            self._offset.take(offset)
        return {
            "transport": self,
            "channel": message.channel,
            "tags": self.tags,
            "tag": message.delivery_tag,
            "message": message,
            "offset": offset,
        }


def _urls(url: str, hosts: str) -> list[str]:
    """Return the URL, and the same with each of the other hosts of a cluster."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    others = filter(None, (host.strip() for host in hosts.split(",")))
    return [url, *(parts._replace(netloc=f"{user}{at}{host}").geturl() for host in others)]


async def _exists(connection: AbstractConnection, queue: str) -> bool:
    channel = await connection.channel()
    try:
        await channel.queue_declare(queue, passive=True)
    except ChannelNotFoundEntity:
        return False  # and the broker has closed the channel
    await channel.close()
    return True

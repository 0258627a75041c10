"""Kafka and compatible brokers: messages come from one topic, results go to another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaException

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.base import Delivery, Transport, TransportError
from pdfspider.gateway.outbound.bounds import set_aside
from pdfspider.gateway.transports.kafka.consumer import TaskConsumer
from pdfspider.gateway.transports.kafka.producer import ResultProducer
from pdfspider.gateway.transports.kafka.rejects import metadata_of, rejects_of
from pdfspider.tasks import end_with

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pdfspider.gateway.base import Event, Options, Receipt, Result
    from pdfspider.gateway.rejects import SetAside
    from pdfspider.gateway.service import GatewayService
    from pdfspider.submission.rejected import Rejected

DEFAULT_PORT = 9092
POLL_INTERVAL_S = 0.5
MESSAGES_PER_TURN = 50
RETRY_DELAY_S = 2.0
"""Seconds after which a message that failed is tried again."""


@dataclass(slots=True, kw_only=True)
class KafkaDelivery(Delivery):
    """A message from Kafka."""

    transport: KafkaTransport
    message: Any

    async def ack(self, receipt: Receipt) -> None:
        self.transport.settle(self.message)

    async def reject(self, reason: str) -> None:
        """Set the message aside, and repeat that until it succeeds.

        Kafka delivers nothing again before the gateway restarts.
        """
        while True:
            try:
                await self.transport.set_aside(self.rejected(reason))
            except TransportError as error:
                self.transport.kept.begin(error)
                await asyncio.sleep(POLL_INTERVAL_S)
            else:
                self.transport.kept.end()
                self.transport.settle(self.message)
                return

    async def nack(self) -> None:
        self.transport.look_again(self.message)

    def metadata(self) -> dict[str, Any]:
        return metadata_of(self.message)


class KafkaTransport(Transport):
    """Takes messages from the topic ``tasks``, and publishes results and events to topics.

    Results go to the topic ``results``, with the job as key and the header ``id``. Events of found documents go to the
    topic ``events`` likewise.

    ``brokers`` names more brokers to begin with. Other parameters of the query are properties of librdkafka. ``kafkas``
    is TLS; a user and a password are SASL's.
    """

    options: ClassVar[Options] = {
        "tasks": "pdf_tasks",
        "results": "pdf_results",
        "rejects": "pdf_rejects",
        "events": "",
        "group": "pdfspider",
        "brokers": "",
    }

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        self.address.shown = self.address.shown.partition("?")[0]  # there may be passwords
        self.properties = self._read()
        self._consumer: TaskConsumer | None = None
        self._producer: ResultProducer | None = None

    async def listen(self) -> None:
        """Create the clients, which connect by themselves."""
        options, limit = self.address.options, self.service.config.gateway.unacknowledged
        try:
            self._producer = ResultProducer(self.properties)
            properties = {"group.id": options["group"], **self.properties}
            self._consumer = TaskConsumer(options["tasks"], properties, limit, self.health)
        except (KafkaException, ValueError) as error:
            raise ConfigurationError(f"{self.address.shown} in GATEWAY_URLS cannot be Kafka: {error}") from error

    async def serve(self) -> None:
        assert self._consumer
        try:
            await end_with(self._consumer.run(), self._hand_over(self._consumer))
        except KafkaException as error:
            raise TransportError(str(error)) from error

    async def publish(self, result: Result) -> None:
        await self._send(self.address.options["results"], result.body, {"id": result.id}, key=result.job)

    @property
    def tells(self) -> bool:
        return bool(self.address.options["events"])

    async def tell(self, event: Event) -> None:
        await self._send(self.address.options["events"], event.body, {"id": event.id}, key=event.job)

    async def set_aside(self, rejected: Rejected) -> None:
        """Publish a rejected message to the topic ``rejects``.

        Raises TransportError.
        """
        send = partial(self._send, self.address.options["rejects"], headers={"reason": rejected.reason})
        await set_aside(send, rejected)

    def rejects(self) -> AsyncGenerator[SetAside, None]:
        return rejects_of(self.properties, self.address.options)

    def settle(self, message: Any) -> None:
        """Note that a message is settled, so that its offset can be committed."""
        assert self._consumer
        self._consumer.positions.settle(message.partition(), message.offset())

    def look_again(self, message: Any) -> None:
        """Take a message again, because Kafka would neither redeliver it nor commit a later one."""
        assert self._consumer
        asyncio.get_running_loop().call_later(RETRY_DELAY_S, self._consumer.inbox.put_nowait, message)

    async def close(self) -> None:
        if self._consumer:
            await self._consumer.close()
        if self._producer:
            await self._producer.close()

    async def _send(self, topic: str, value: bytes, headers: dict[str, str], key: str | None = None) -> None:
        assert self._producer
        await self._producer.send(topic, value, headers, key)

    async def _hand_over(self, consumer: TaskConsumer) -> None:
        while True:
            if consumer.inbox.qsize() % MESSAGES_PER_TURN == 0:
                await asyncio.sleep(0)  # let other tasks run while there is always a next message
            message = await consumer.inbox.get()
            if not consumer.positions.holds(message.partition(), message.offset()):
                continue  # another gateway has it now
            place = f"{message.topic()}:{message.partition()}:{message.offset()}:{message.timestamp()[1]}"
            delivery = KafkaDelivery(body=message.value() or b"", id=place, transport=self, message=message)
            if message.value() is None:
                delivery.invalid = "the message has no value (null)"
            await self.service.accept(self.name, delivery)

    def _read(self) -> dict[str, Any]:
        """Return the properties of librdkafka in the URL."""
        parts = urlsplit(self.address.url)
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        brokers = [f"{host}:{parts.port or DEFAULT_PORT}", self.address.options["brokers"]]
        secure = "ssl" if parts.scheme == "kafkas" else "plaintext"
        properties = {"bootstrap.servers": ",".join(filter(None, brokers)), "security.protocol": secure}
        if parts.username:
            user = {"sasl.username": unquote(parts.username), "sasl.password": unquote(parts.password or "")}
            properties |= {"security.protocol": f"sasl_{secure}", "sasl.mechanism": "PLAIN", **user}
        return properties | dict(parse_qsl(parts.query))

"""Kafka, and what speaks its protocol: a topic of messages in, a topic of results out."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from pdfspider.crawl.intake import letter
from pdfspider.crawl.outage import Outage
from pdfspider.ending import end
from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.positions import Positions
from pdfspider.gateway.redis import end_with
from pdfspider.gateway.transport import Delivery, Transport, TransportError

if TYPE_CHECKING:
    from pdfspider.gateway.desk import Desk
    from pdfspider.gateway.transport import Receipt, Result

PORT = 9092
WAIT = 0.5
AT_ONCE = 500
CONSUMER = {
    "auto.offset.reset": "earliest",  # what was there before the first gateway is served too
    "enable.auto.commit": "false",
    "partition.assignment.strategy": "cooperative-sticky",  # a gateway keeps what another one that comes does not get
    "topic.metadata.refresh.interval.ms": "5000",  # a topic that is made later is found soon
    "queued.max.messages.kbytes": "16384",
}
PRODUCER = {
    "acks": "all",
    "enable.idempotence": "true",
    "compression.type": "gzip",  # what every client can read: aiokafka has no lz4 of its own
    "message.max.bytes": "16777216",  # before compression: the broker has the last word
    "message.timeout.ms": "30000",
}
logging.getLogger("librdkafka").setLevel(logging.CRITICAL)  # it is said here, once, what does not work


@dataclass(slots=True, kw_only=True)
class KafkaDelivery(Delivery):
    transport: KafkaTransport
    partition: int
    offset: int

    async def ack(self, receipt: Receipt) -> None:
        self.transport.positions.settle(self.partition, self.offset)

    async def reject(self, reason: str) -> None:
        """Until it is set aside: Kafka delivers nothing again before the gateway is started again."""
        while True:
            try:
                await self.transport.set_aside(self.body, reason)
            except TransportError:
                await asyncio.sleep(WAIT)
            else:
                self.transport.positions.settle(self.partition, self.offset)
                return


class KafkaTransport(Transport):
    """Messages: the topic ``tasks``. Results: the topic ``results``, with the job as key and the header ``id``.

    ``brokers`` names more brokers to begin with; what else stands in the query is librdkafka's. ``kafkas`` is TLS;
    a user and a password are SASL's.
    """

    options = {  # noqa: RUF012 - declared by Transport
        "tasks": "pdf_tasks",
        "results": "pdf_results",
        "rejects": "pdf_rejects",
        "group": "pdfspider",
        "brokers": "",
    }

    def __init__(self, url: str, desk: Desk) -> None:
        super().__init__(url, desk)
        self.address.shown = self.address.shown.partition("?")[0]  # there may be passwords
        self.positions = Positions()
        self._properties = self._read()
        self._limit = desk.config.gateway.unacknowledged
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._consumer: Any = None
        self._producer: Any = None
        self._paused = False
        self._consuming = ThreadPoolExecutor(1, thread_name_prefix="kafka-in")
        self._producing = ThreadPoolExecutor(1, thread_name_prefix="kafka-out")
        self._polling: asyncio.Task[None] | None = None
        self._trouble = Outage(f"{self.name} cannot be used: waiting for it", f"{self.name} can be used again")

    async def serve(self) -> None:
        group = {"group.id": self.address.options["group"]}
        loop = asyncio.get_running_loop()
        callbacks = {
            "error_cb": lambda error: loop.call_soon_threadsafe(self._failed, error),
            "on_commit": self._committed,
        }
        try:
            self._producer = self._new_producer()
            self._consumer = Consumer({**CONSUMER, **group, **self._properties, **callbacks}, logger=_logger())
        except (KafkaException, ValueError) as error:
            raise ConfigurationError(f"{self.address.shown} in GATEWAY_URLS cannot be Kafka: {error}") from error
        self._polling = asyncio.create_task(self._poll())
        self._consumer.subscribe([self.address.options["tasks"]], on_revoke=self._revoked, on_lost=self._revoked)
        await end_with(self._fetch(), self._hand_over())

    async def publish(self, result: Result) -> None:
        await self._send(self.address.options["results"], result.body, {"id": result.id}, key=result.job)

    async def set_aside(self, body: bytes, reason: str) -> None:
        """Raises TransportError."""
        await self._send(self.address.options["rejects"], letter(body, reason), {"reason": reason[:1000]})

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        if self._consumer:
            await loop.run_in_executor(self._consuming, self._leave)
        if self._polling:
            await end([self._polling])
        self._consuming.shutdown()
        self._producing.shutdown()

    def _read(self) -> dict[str, Any]:
        """Properties of librdkafka, from the URL."""
        parts = urlsplit(self.address.url)
        brokers = [f"{parts.hostname or '127.0.0.1'}:{parts.port or PORT}", self.address.options["brokers"]]
        secure = "ssl" if parts.scheme == "kafkas" else "plaintext"
        properties = {"bootstrap.servers": ",".join(filter(None, brokers)), "security.protocol": secure}
        if parts.username:
            user = {"sasl.username": unquote(parts.username), "sasl.password": unquote(parts.password or "")}
            properties |= {"security.protocol": f"sasl_{secure}", "sasl.mechanism": "PLAIN", **user}
        return properties | dict(parse_qsl(parts.query))

    def _new_producer(self) -> Any:
        return Producer({**PRODUCER, **self._properties}, logger=_logger())

    async def _poll(self) -> None:
        """Lets the producer tell what was delivered."""
        while True:
            await asyncio.get_running_loop().run_in_executor(self._producing, self._producer.poll, WAIT)

    async def _send(self, topic: str, value: bytes, headers: dict[str, str], key: str | None = None) -> None:
        """Returns when all replicas in sync have it. Raises TransportError."""
        if self._producer is None:
            raise TransportError("not connected yet")
        loop, producer = asyncio.get_running_loop(), self._producer
        sent: asyncio.Queue[Any] = asyncio.Queue()

        def delivered(failure: Any, _: Any) -> None:
            loop.call_soon_threadsafe(sent.put_nowait, failure)

        try:
            producer.produce(topic, value=value, key=key, headers=headers, on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            raise TransportError(str(error)) from error
        if failure := await sent.get():
            if failure.fatal() and producer is self._producer:
                self._producer = self._new_producer()
                await loop.run_in_executor(self._producing, _give_up, producer)
            raise TransportError(failure.str())

    async def _fetch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for message in await loop.run_in_executor(self._consuming, self._turn):
                if error := message.error():
                    self._failed(error)
                else:
                    self._inbox.put_nowait(message)
            if self._trouble.lasts and await loop.run_in_executor(self._consuming, self._is_well):
                self._trouble.end()

    def _failed(self, error: Any) -> None:
        if error.name() != "_TRANSPORT":  # one connection of many, which is made again
            self._trouble.begin(error.str())

    async def _hand_over(self) -> None:
        while True:
            message = await self._inbox.get()
            partition, offset = message.partition(), message.offset()
            if not self.positions.holds(partition, offset):
                continue  # it is another gateway's now
            delivery = KafkaDelivery(
                body=message.value() or b"",
                id=f"{message.topic()}:{partition}:{offset}:{message.timestamp()[1]}",
                transport=self,
                partition=partition,
                offset=offset,
            )
            await self.desk.accept(self.name, delivery)

    # In the consumer's thread

    def _turn(self) -> list[Any]:
        """Commits, and waits a moment for messages; called all the time, for else the group goes on without it."""
        self._commit(asynchronous=True)
        self._pace()
        first = self._consumer.poll(WAIT)
        messages = [first] if first else []
        with suppress(KafkaException):
            messages += self._consumer.consume(max(min(AT_ONCE, self._limit - len(self.positions)) - 1, 0), 0)
        for message in messages:
            if not message.error():
                self.positions.take(message.partition(), message.offset())
        return messages

    def _pace(self) -> None:
        """Stops fetching while too much is not settled; the broker keeps the rest."""
        held = len(self.positions)
        if held >= self._limit:
            self._paused = True
            with suppress(KafkaException):  # it may have been revoked this moment
                self._consumer.pause(self._consumer.assignment())
        elif self._paused and held <= self._limit // 2:
            self._paused = False
            with suppress(KafkaException):
                self._consumer.resume(self._consumer.assignment())

    def _is_well(self) -> bool:
        """Whether the brokers know the topic."""
        try:
            found = self._consumer.list_topics(self.address.options["tasks"], timeout=WAIT).topics
        except KafkaException:
            return False
        return all(topic.error is None for topic in found.values())

    def _commit(self, *, asynchronous: bool) -> None:
        """What cannot be committed is delivered again, to whoever has the partition then."""
        topic = self.address.options["tasks"]
        if ahead := [TopicPartition(topic, *position) for position in self.positions.advance().items()]:
            with suppress(KafkaException):
                self._consumer.commit(offsets=ahead, asynchronous=asynchronous)

    def _committed(self, failure: Any, partitions: list[Any]) -> None:
        for partition in partitions:
            if failure or partition.error:
                self.positions.retry(partition.partition, partition.offset)

    def _revoked(self, _: Any, partitions: list[Any]) -> None:
        self._commit(asynchronous=False)
        for partition in partitions:
            self.positions.forget(partition.partition)

    def _leave(self) -> None:
        self._commit(asynchronous=False)
        self._consumer.close()


def _give_up(producer: Any) -> None:
    """What a producer has that does not work any longer, has failed: whoever sent it tries again."""
    producer.purge()
    producer.flush(WAIT)


def _logger() -> logging.Logger:
    return logging.getLogger("librdkafka")

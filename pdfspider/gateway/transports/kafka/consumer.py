"""The consumer of tasks, in a thread of its own because it has to be polled all the time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.gateway.transports.kafka.positions import Positions

if TYPE_CHECKING:
    from pdfspider.gateway.health import Health

METADATA_TIMEOUT_S = 0.5
POLL_TIMEOUT_S = 0.1
"""Seconds of one call that nothing interrupts, by which an end and commits are delayed."""
BATCH_SIZE = 500
CONSUMER_PROPERTIES = {
    "auto.offset.reset": "earliest",  # messages from before the first gateway are served too
    "enable.auto.commit": "false",
    "partition.assignment.strategy": "cooperative-sticky",  # a new gateway takes only the partitions that it gets
    "topic.metadata.refresh.interval.ms": "5000",  # a topic that is created later is found soon
    "queued.max.messages.kbytes": "16384",
}
CLOSE_TIMEOUT_S = 8.0
"""Seconds for the last turn, and for leaving the consumer group."""
_logger = logging.getLogger(__name__)
logger = logging.getLogger("librdkafka")
logger.setLevel(logging.CRITICAL)  # failures are logged here, once


class TaskConsumer:
    """Fetches a topic into ``inbox``, at most ``limit`` messages ahead of those settled by ``positions``.

    Raises KafkaException and ValueError.
    """

    def __init__(self, topic: str, properties: dict[str, Any], limit: int, health: Health) -> None:
        loop = asyncio.get_running_loop()
        told = {
            "error_cb": lambda error: loop.call_soon_threadsafe(self._failed, error),
            "on_commit": self._committed,
        }
        self.positions = Positions()
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._topic, self._limit, self._health = topic, limit, health
        self._paused = False
        self._consumer: Any = Consumer({**CONSUMER_PROPERTIES, **properties, **told}, logger=logger)
        self._thread = BlockingCalls("kafka-in")

    async def run(self) -> None:
        """Fetch messages until cancelled."""
        self._consumer.subscribe([self._topic], on_revoke=self._revoked, on_lost=self._revoked)
        while True:
            for message in await self._thread(self._turn):
                if error := message.error():
                    self._failed(error)
                else:
                    self.inbox.put_nowait(message)
            if self._health.state != "up" and await self._thread(self._is_well):
                self._health.end()

    async def close(self) -> None:
        """Leave the consumer group, which librdkafka may wait for without end while the group changes.

        After ``CLOSE_TIMEOUT_S`` seconds the group is left to notice by itself, as if this gateway was killed.
        """
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._thread(self._leave)
        except TimeoutError:
            _logger.warning("The consumer group of Kafka could not be left within %.0f s", CLOSE_TIMEOUT_S)
        self._thread.end()

    def _failed(self, error: Any) -> None:
        if error.name() != "_TRANSPORT":  # one of many connections, which is made again
            self._health.begin(error.str())

    # In the consumer's thread

    def _turn(self) -> list[Any]:
        """Commit offsets and wait briefly for messages; the group removes a consumer that stops polling."""
        self._commit(asynchronous=True)
        self._pace()
        first = self._consumer.poll(POLL_TIMEOUT_S)
        messages = [] if first is None else [first]  # one without a value is falsy
        with suppress(KafkaException):
            messages += self._consumer.consume(max(min(BATCH_SIZE, self._limit - len(self.positions)) - 1, 0), 0)
        for message in messages:
            if not message.error():
                self.positions.take(message.partition(), message.offset())
        return messages

    def _pace(self) -> None:
        """Stop fetching while too many messages are not settled; the broker keeps the rest."""
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
        """Return whether the brokers know the topic."""
        try:
            found = self._consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_S).topics
        except KafkaException:
            return False
        return all(topic.error is None for topic in found.values())

    def _commit(self, *, asynchronous: bool) -> None:
        """Commit settled offsets; messages whose offset cannot be committed are delivered again."""
        if ahead := [TopicPartition(self._topic, *position) for position in self.positions.advance().items()]:
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

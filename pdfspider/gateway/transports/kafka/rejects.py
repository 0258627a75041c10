"""Kafka's rejects: what is kept of a message, and how it is sent again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.rejects import SetAside, identify, read
from pdfspider.gateway.transports.kafka.positions import Positions
from pdfspider.gateway.transports.kafka.producer import ResultProducer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from pdfspider.submission.rejected import Rejected

TIMEOUT_S = 10.0


def metadata_of(message: Any) -> dict[str, Any]:
    """Return the key and headers of a message, its position, and whether its value was null."""
    return {
        "key": message.key(),
        "headers": [list(header) for header in message.headers() or ()],
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "null": message.value() is None,
    }


async def rejects_of(properties: Mapping[str, Any], options: Mapping[str, Any]) -> AsyncGenerator[SetAside, None]:
    """Yield the messages of the rejects topic, from the first one that was not sent again.

    A topic keeps its messages, so those before are skipped. Raises TransportError.
    """
    reading, calls = _TopicReader(properties, options), BlockingCalls("kafka-rejects")
    producer = ResultProducer(dict(properties))
    try:
        await _do(calls, reading.begin)
        while message := await _do(calls, reading.next):
            rejected = read(message.value() or b"")
            settle = partial(_do, calls, partial(reading.settle, message))
            again = partial(_send_again, producer, settle, rejected, options["tasks"])
            yield SetAside(identify(message.value() or b""), rejected, again)
    finally:
        await producer.close()
        await _do(calls, reading.close)


async def _send_again(
    producer: ResultProducer, settle: Callable[[], Awaitable[None]], rejected: Rejected, tasks: str
) -> None:
    metadata = rejected.metadata
    value = None if metadata.get("null") else rejected.message
    headers = [tuple(header) for header in metadata.get("headers", ())]
    await producer.send(tasks, value, headers, metadata.get("key"))
    await settle()


class _TopicReader:
    """A reader of the topic, from its first message that was not sent again to its present end.

    Its calls block.
    """

    def __init__(self, properties: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._topic = options["rejects"]
        own = {"group.id": f"{options['group']}-rejects", "enable.auto.commit": "false", "enable.partition.eof": "true"}
        self._consumer: Any = Consumer({**properties, **own, "auto.offset.reset": "earliest"})
        self._positions = Positions()
        self._open: set[int] = set()

    def begin(self) -> None:
        partitions = self._consumer.list_topics(self._topic, timeout=TIMEOUT_S).topics[self._topic].partitions
        places = [TopicPartition(self._topic, partition) for partition in partitions]
        places = self._consumer.committed(places, timeout=TIMEOUT_S) if places else []
        for place in places:
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        self._open = {place.partition for place in places}
        self._consumer.assign(places)

    def next(self) -> Any:
        """Return the next message, None at the end."""
        while self._open:
            message = self._consumer.poll(TIMEOUT_S)
            if message is None:
                raise TransportError("the brokers do not answer")
            error = message.error()
            if error is None:
                self._positions.take(message.partition(), message.offset())
                return message
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            self._open.discard(message.partition())
        return None

    def settle(self, message: Any) -> None:
        self._positions.settle(message.partition(), message.offset())
        if ahead := self._positions.advance():
            places = [TopicPartition(self._topic, *place) for place in ahead.items()]
            self._consumer.commit(offsets=places, asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


async def _do(calls: BlockingCalls, call: Callable[[], Any]) -> Any:
    try:
        return await calls(call)
    except KafkaException as error:
        raise TransportError(str(error)) from error

"""The producer of results, which librdkafka drives in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.gateway.base import TooLargeError, TransportError
from pdfspider.tasks import end

FLUSH_TIMEOUT_S = 0.5
POLL_TIMEOUT_S = 0.1
PRODUCER_PROPERTIES = {
    "acks": "all",
    "enable.idempotence": "true",
    "compression.type": "gzip",  # every client can read gzip: aiokafka has no lz4 of its own
    "message.max.bytes": "16777216",  # before compression; the broker has its own limit
    "message.timeout.ms": "30000",
}


class ResultProducer:
    """An idempotent producer, whose messages all replicas in sync confirm.

    Raises KafkaException and ValueError.
    """

    def __init__(self, properties: dict[str, Any]) -> None:
        self._properties = properties
        self._producer = self._make()
        self._thread = BlockingCalls("kafka-out")
        self._polling = asyncio.create_task(self._poll())

    async def send(self, topic: str, value: bytes | None, headers: Any, key: Any) -> None:
        """Send a message, and return when all replicas in sync have it.

        Raises TransportError and TooLargeError.
        """
        loop, producer = asyncio.get_running_loop(), self._producer
        sent: asyncio.Queue[Any] = asyncio.Queue()

        def delivered(failure: Any, _: Any) -> None:
            loop.call_soon_threadsafe(sent.put_nowait, failure)

        try:
            producer.produce(topic, value=value, key=key, headers=headers, on_delivery=delivered)
            failure = await sent.get()
        except KafkaException as error:
            failure = error.args[0]
        except BufferError as error:
            raise TransportError(str(error)) from error
        if failure and failure.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise TooLargeError(failure.str())
        if failure:
            if failure.fatal() and producer is self._producer:
                self._producer = self._make()
                await self._thread(_give_up, producer)
            raise TransportError(failure.str())

    async def close(self) -> None:
        """Stop polling, send for a moment what is left, and end the thread."""
        await end([self._polling])
        await self._thread(self._producer.flush, FLUSH_TIMEOUT_S)
        self._thread.end()

    def _make(self) -> Any:
        return Producer({**PRODUCER_PROPERTIES, **self._properties}, logger=logging.getLogger("librdkafka"))

    async def _poll(self) -> None:
        """Let the producer report deliveries."""
        while True:
            await self._thread(self._producer.poll, POLL_TIMEOUT_S)


def _give_up(producer: Any) -> None:
    """Fail the messages of a producer that no longer works, so that their senders try again."""
    producer.purge()
    producer.flush(FLUSH_TIMEOUT_S)

"""confluent-kafka: an idempotent producer with acks=all; a consumer that commits after each batch that it polled."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer

from bench.ways.base import Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.ways.base import Tell

AT_ONCE = 500


class KafkaWay(Way):
    """On the broker at KAFKA_URL, or on the mock cluster that librdkafka carries."""

    @contextmanager
    def broker(self, directory: Path) -> Iterator[str]:
        real = os.environ.get("KAFKA_URL", "").removeprefix("kafka://")
        owner = Producer({"bootstrap.servers": real} if real else {"test.mock.num.brokers": 1, "log_level": 2})
        (first, *_) = owner.list_topics("pdf_tasks", timeout=10).brokers.values()
        yield real or f"{first.host}:{first.port}"

    def gateway_url(self, address: str) -> str:
        return f"kafka://{address}"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        producer = Producer({"bootstrap.servers": address, "acks": "all", "enable.idempotence": True})
        for message in messages:
            while True:
                with suppress(BufferError):
                    producer.produce("pdf_tasks", message)
                    break
                producer.poll(0.1)
            producer.poll(0)
        producer.flush()

    def consume(self, address: str, count: int, tell: Tell) -> None:
        group = {"group.id": "pdfspider", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        consumer = Consumer({"bootstrap.servers": address, **group})
        consumer.subscribe(["pdf_tasks"], on_assign=lambda *_: tell("READY"))
        while count > 0:
            got = [message for message in consumer.consume(AT_ONCE, 0.1) if not message.error()]
            if got:
                count -= len(got)
                consumer.commit(asynchronous=False)
        tell("DONE")
        consumer.close()

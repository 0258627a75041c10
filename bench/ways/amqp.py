"""pika: publisher confirms and persistent messages; a consumer that acknowledges each message."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pika

from bench.rabbitmq import RabbitMQ
from bench.ways.base import Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.ways.base import Tell

PREFETCH = 200


class OverRabbitMQ(Way):
    @contextmanager
    def broker(self, directory: Path) -> Iterator[str]:
        node = RabbitMQ(directory)
        try:
            yield node.url
        finally:
            node.stop()


class AmqpWay(OverRabbitMQ):
    def gateway_url(self, address: str) -> str:
        return f"{address}?declare_tasks=durable"

    def publish(self, address: str, messages: Sequence[str]) -> None:
        with pika.BlockingConnection(pika.URLParameters(address)) as connection:
            channel = connection.channel()
            channel.queue_declare("pdf_tasks", durable=True)
            channel.confirm_delivery()
            for message in messages:
                channel.basic_publish("", "pdf_tasks", message.encode(), pika.BasicProperties(delivery_mode=2))

    def consume(self, address: str, count: int, tell: Tell) -> None:
        with pika.BlockingConnection(pika.URLParameters(address)) as connection:
            channel = connection.channel()
            channel.queue_declare("pdf_tasks", durable=True)
            channel.basic_qos(prefetch_count=PREFETCH)
            tell("READY")
            for number, (method, _, _) in enumerate(channel.consume("pdf_tasks"), 1):
                channel.basic_ack(method.delivery_tag)
                if number == count:
                    break
            tell("DONE")
            channel.cancel()

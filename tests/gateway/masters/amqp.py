from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pika

from tests.gateway.masters.base import Master
from tests.gateway.rabbitmq import RabbitMQ

if TYPE_CHECKING:
    from pathlib import Path


class AmqpMaster(Master):
    """pika, with a durable queue and persistent messages."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.broker = RabbitMQ(directory)
        self._seen: dict[str, list[dict[str, Any]]] = defaultdict(list)

    @property
    def url(self) -> str:
        return f"{self.broker.url}?events=pdf_documents"

    def submit(self, *messages: str) -> None:
        with self.broker.connect() as connection:
            channel = connection.channel()
            channel.queue_declare("pdf_tasks", durable=True)
            channel.confirm_delivery()
            for message in messages:
                channel.basic_publish("", "pdf_tasks", message.encode(), pika.BasicProperties(delivery_mode=2))

    def results(self) -> list[dict[str, Any]]:
        return self._read("pdf_results")

    def events(self) -> list[dict[str, Any]]:
        return self._read("pdf_documents")

    def rejects(self) -> list[dict[str, Any]]:
        return self._read("pdf_rejects")

    def restart_broker(self) -> None:
        self.broker.restart()

    def close(self) -> None:
        self.broker.stop()

    def _read(self, queue: str) -> list[dict[str, Any]]:
        self._seen[queue] += self.broker.read(queue)
        return self._seen[queue]

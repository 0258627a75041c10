from __future__ import annotations

import json
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
        self._results: list[dict[str, Any]] = []
        self._rejects: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return self.broker.url

    def submit(self, *messages: str) -> None:
        with self.broker.connect() as connection:
            channel = connection.channel()
            channel.queue_declare("pdf_tasks", durable=True)
            channel.confirm_delivery()
            for message in messages:
                channel.basic_publish("", "pdf_tasks", message.encode(), pika.BasicProperties(delivery_mode=2))

    def results(self) -> list[dict[str, Any]]:
        self._results += self._read("pdf_results")
        return self._results

    def rejects(self) -> list[dict[str, Any]]:
        self._rejects += self._read("pdf_rejects")
        return self._rejects

    def restart_broker(self) -> None:
        self.broker.restart()

    def close(self) -> None:
        self.broker.stop()

    def _read(self, queue: str) -> list[dict[str, Any]]:
        found = []
        with self.broker.connect() as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            while (got := channel.basic_get(queue))[0]:
                found.append(json.loads(got[2]))
                channel.basic_ack(got[0].delivery_tag)
        return found

"""A RabbitMQ node of the tests' own, where there is a server."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from bench import rabbitmq

if TYPE_CHECKING:
    from pathlib import Path


class RabbitMQ(rabbitmq.RabbitMQ):
    def __init__(self, directory: Path) -> None:
        try:
            super().__init__(directory)
        except rabbitmq.NotInstalled as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))

    def read(self, queue: str) -> list[dict[str, Any]]:
        """Takes all that waits in a durable queue."""
        found = []
        with self.connect() as connection:
            channel = connection.channel()
            channel.queue_declare(queue, durable=True)
            while (got := channel.basic_get(queue))[0]:
                found.append(json.loads(got[2]))
                channel.basic_ack(got[0].delivery_tag)
        return found

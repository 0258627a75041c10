"""A RabbitMQ node of the tests' own, where there is a server."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bench import rabbitmq
from bench.rabbitmq import SCRIPT
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


class RabbitMQ(rabbitmq.RabbitMQ):
    def __init__(self, directory: Path) -> None:
        try:
            super().__init__(directory)
        except rabbitmq.NotInstalled as error:
            pytest.skip(str(error))

    def set(self, name: str, value: str) -> None:
        """A setting of the server's, for channels that are opened from now on."""
        command = [SCRIPT.with_name("rabbitmqctl"), "eval", f"application:set_env(rabbit, {name}, {value})."]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=PATIENCE)

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

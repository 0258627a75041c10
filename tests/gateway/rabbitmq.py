"""A RabbitMQ node of the tests' own, where there is a server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pdfspider.embedded.binaries import bundled_binary
from tests.gateway.masters.base import Master
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from pathlib import Path


class RedisMaster(Master):
    """redis-py, on a Redis that is not the frontier's."""

    server = RedisProcess

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.broker = self.server(directory)

    @property
    def url(self) -> str:
        return f"{self.broker.url}?events=pdfs:documents"

    def submit(self, *messages: str) -> None:
        self.broker.call("LPUSH", "pdf_tasks", *messages)

    def results(self) -> list[dict[str, Any]]:
        return self._read("pdfs:results", b"result")

    def events(self) -> list[dict[str, Any]]:
        return self._read("pdfs:documents", b"document")

    def rejects(self) -> list[dict[str, Any]]:
        with self.broker.client() as client:
            return [json.loads(letter) for letter in client.lrange("pdf_tasks:rejected", 0, -1)]

    def restart_broker(self) -> None:
        self.broker.kill()
        self.broker.start()

    def close(self) -> None:
        self.broker.kill()

    def _read(self, stream: str, field: bytes) -> list[dict[str, Any]]:
        with self.broker.client() as client:
            return [json.loads(fields[field]) for _, fields in client.xrange(stream)]


class ValkeyProcess(RedisProcess):
    binary = str(bundled_binary() or "")


class ValkeyMaster(RedisMaster):
    """On the Valkey that the project embeds."""

    server = ValkeyProcess

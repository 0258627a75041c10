from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from celery import Celery

from tests.gateway.masters.base import Master
from tests.gateway.rabbitmq import RabbitMQ
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from pathlib import Path


class CeleryMaster(Master):
    """Celery's own client, with RabbitMQ as the broker and Redis as the result backend."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._backend = RedisProcess(directory / "redis")
        self._start(directory)
        self._app = Celery(
            "pdf_crawler", broker=self.url.partition("+")[2].partition("?")[0], backend=self._backend.url
        )
        self._app.conf.broker_transport_options = {"confirm_publish": True}
        self._sent: dict[str, str] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._rejects: dict[str, dict[str, Any]] = {}

        @self._app.task(name="pdf_crawler.download_pdf")
        def download_pdf(url: str, **fields: Any) -> None: ...

        self._download_pdf = download_pdf

    @property
    def url(self) -> str:
        return f"celery+{self._broker.url}?backend={self._backend.url}"

    def submit(self, *messages: str) -> None:
        for message in messages:
            fields = json.loads(message) if message.startswith("{") else {"url": message}
            task = self._download_pdf.apply_async([fields.pop("url")], fields, priority=len(self._sent) % 10)
            self._sent[task.id] = message

    def results(self) -> list[dict[str, Any]]:
        self._read()
        return list(self._results.values())

    def rejects(self) -> list[dict[str, Any]]:
        self._read()
        return list(self._rejects.values())

    def restart_broker(self) -> None:
        self._backend.kill()
        self._broker.restart()
        self._backend.start()

    def close(self) -> None:
        self._app.close()
        self._backend.kill()
        self._broker.stop()

    def _start(self, directory: Path) -> None:
        self._broker: Any = RabbitMQ(directory)

    def _read(self) -> None:
        for task in self._sent.keys() - self._results.keys() - self._rejects.keys():
            answer = self._app.AsyncResult(task)
            if answer.state == "SUCCESS":
                result = answer.result
                known_to_master = None if result["task_id"] == task else result["task_id"]
                self._results[task] = {**result, "task_id": known_to_master}
            elif answer.state == "FAILURE":
                assert isinstance(answer.result, ValueError)
                self._rejects[task] = {"message": self._sent[task], "reason": str(answer.result)}

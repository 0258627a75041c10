from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery

from tests.gateway.masters.base import TaskMaster
from tests.gateway.rabbitmq import RabbitMQ
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from pathlib import Path


class CeleryMaster(TaskMaster):
    """Celery's own client, with RabbitMQ as the broker and Redis as the result backend."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._backend = RedisProcess(directory / "redis")
        self._start(directory)
        self._app = Celery(
            "pdf_crawler", broker=self.url.partition("+")[2].partition("?")[0], backend=self._backend.url
        )
        self._app.conf.broker_transport_options = {"confirm_publish": True}
        self._events: list[dict[str, Any]] = []

        @self._app.task(name="pdf_crawler.download_pdf")
        def download_pdf(url: str, **fields: Any) -> None: ...

        self._download_pdf = download_pdf

    @property
    def url(self) -> str:
        return f"celery+{self.broker.url}?backend={self._backend.url}&events=pdf_documents"

    def events(self) -> list[dict[str, Any]]:
        self._events += self.broker.read("pdf_documents")
        return self._events

    def restart_broker(self) -> None:
        self._backend.kill()
        self.broker.restart()
        self._backend.start()

    def close(self) -> None:
        self._app.close()
        self._backend.kill()
        self.broker.stop()

    def _start(self, directory: Path) -> None:
        self.broker: Any = RabbitMQ(directory)

    def _send(self, url: str, fields: dict[str, Any]) -> str:
        return str(self._download_pdf.apply_async([url], fields, priority=len(self._sent) % 10).id)

    def _look(self, tasks: list[str]) -> None:
        for task in tasks:
            answer = self._app.AsyncResult(task)
            if answer.state == "SUCCESS":
                self._finished(task, answer.result)
            elif answer.state == "FAILURE":
                assert isinstance(answer.result, ValueError)
                self._failed(task, str(answer.result))

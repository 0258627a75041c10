from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rq import Queue
from rq.job import Job, JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer

from tests.gateway.masters.base import TaskMaster
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class RqMaster(TaskMaster):
    """RQ's own client with its JSON serializer."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.broker = RedisProcess(directory)
        self._connection = self.broker.client()
        self._queue = Queue("pdfs", connection=self._connection, serializer=JSONSerializer)

    @property
    def url(self) -> str:
        return f"rq+{self.broker.url}"

    @contextmanager
    def broker_away(self) -> Iterator[None]:
        self.broker.kill()
        yield
        self.broker.start()

    def restart_broker(self) -> None:
        self.broker.kill()
        self.broker.start()

    def close(self) -> None:
        self._connection.close()
        self.broker.kill()

    def _send(self, url: str, fields: dict[str, Any]) -> str:
        return self._queue.enqueue("crawling.download_pdf", args=(url,), kwargs=fields, result_ttl=-1).id

    def _look(self, tasks: list[str]) -> None:
        for job in Job.fetch_many(tasks, self._connection, JSONSerializer):
            assert job
            if job.get_status(refresh=False) is JobStatus.FINISHED:
                self._finished(job.id, job.return_value())
            elif job.get_status(refresh=False) is JobStatus.FAILED:
                failure = job.latest_result()
                assert failure
                assert failure.type is Result.Type.FAILED
                self._failed(job.id, failure.exc_string)

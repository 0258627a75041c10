from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rq import Queue
from rq.job import Job, JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer

from tests.gateway.masters.base import Master
from tests.servers.processes import RedisProcess

if TYPE_CHECKING:
    from pathlib import Path


class RqMaster(Master):
    """RQ's own client with its JSON serializer."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._broker = RedisProcess(directory)
        self._connection = self._broker.client()
        self._queue = Queue("pdfs", connection=self._connection, serializer=JSONSerializer)
        self._sent: dict[str, str] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._rejects: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"rq+{self._broker.url}"

    def submit(self, *messages: str) -> None:
        for message in messages:
            fields = json.loads(message) if message.startswith("{") else {"url": message}
            job = self._queue.enqueue("crawling.download_pdf", args=(fields.pop("url"),), kwargs=fields, result_ttl=-1)
            self._sent[job.id] = message

    def results(self) -> list[dict[str, Any]]:
        self._read()
        return list(self._results.values())

    def rejects(self) -> list[dict[str, Any]]:
        self._read()
        return list(self._rejects.values())

    def restart_broker(self) -> None:
        self._broker.kill()
        self._broker.start()

    def close(self) -> None:
        self._connection.close()
        self._broker.kill()

    def _read(self) -> None:
        waiting = [task for task in self._sent if task not in self._results and task not in self._rejects]
        for job in Job.fetch_many(waiting, self._connection, JSONSerializer):
            assert job
            if job.get_status(refresh=False) is JobStatus.FINISHED:
                result = job.return_value()
                own = None if result["task_id"] == job.id else result["task_id"]
                self._results[job.id] = {**result, "task_id": own}
            elif job.get_status(refresh=False) is JobStatus.FAILED:
                failure = job.latest_result()
                assert failure
                assert failure.type is Result.Type.FAILED
                self._rejects[job.id] = {"message": self._sent[job.id], "reason": failure.exc_string}

"""Celery's remote control: the gateway obeys ``revoke``, as a worker does.

The messages are kombu's (kombu/pidbox.py). They are published to the fanout exchange ``celery.pidbox``, and on Redis to
the channel of that name. A worker that does not listen at that moment misses them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cachetools import LRUCache
from celery.exceptions import TaskRevokedError
from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.gateway.transports.celery.calls import parse
from pdfspider.gateway.transports.celery.messages import failure

if TYPE_CHECKING:
    from pdfspider.gateway.base import Receipt
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)

CONTROL_EXCHANGE = "celery.pidbox"
MAX_TASKS_REMEMBERED = 50_000
REVOCATION = failure("revoked", TaskRevokedError)


class Revocations:
    """The newest ids of revoked tasks, and the jobs of tasks that can still be revoked."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service
        self._revoked: LRUCache[str, str] = LRUCache(MAX_TASKS_REMEMBERED)
        self._jobs: LRUCache[str, str] = LRUCache(MAX_TASKS_REMEMBERED)

    def __contains__(self, task: object) -> bool:
        return task in self._revoked

    async def begun(self, task: str, receipt: Receipt) -> None:
        """Note the job that a task has become; a part of a larger job cannot be cancelled alone."""
        if receipt.key and receipt.job.endswith(f"-{receipt.key}"):
            self._jobs[task] = receipt.job
            if task in self._revoked:
                await self._cancel(task)

    async def handle(self, message: bytes) -> None:
        """Handle a remote control message: remember revoked tasks, and cancel their jobs."""
        for task in _revoked(message):
            self._revoked[task] = ""
            await self._cancel(task)

    async def _cancel(self, task: str) -> None:
        if job := self._jobs.pop(task, None):
            try:
                logger.info("Task %s was revoked: job %s is %s", task, job, await self._service.control(job, "cancel"))
            except (JobNotFound, RedisError) as error:
                logger.warning("Job %s of the revoked task %s was not cancelled: %s", job, task, error)


def _revoked(message: bytes) -> list[str]:
    """Return the ids of the tasks that this message revokes."""
    try:
        told = parse(message)
    except InvalidInput:
        return []
    if not isinstance(told, dict) or told.get("method") != "revoke" or told.get("destination"):
        return []
    arguments = told.get("arguments")
    tasks = arguments.get("task_id") if isinstance(arguments, dict) else None
    return [task for task in (tasks if isinstance(tasks, list) else [tasks]) if isinstance(task, str)]

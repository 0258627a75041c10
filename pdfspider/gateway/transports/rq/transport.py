"""RQ: jobs that call ``download_pdf`` are messages, and results are their return values.

The gateway is the queue's worker: it takes jobs as a worker does, and ends them through RQ's own API, so that no worker
waits for a crawl.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.results import Result as Outcome
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.utils import utcformat

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.exceptions import ConfigurationError, InvalidInput
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.sentinel import connect_blocking
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.rejects import SetAside
from pdfspider.gateway.transports.celery.calls import message, parse
from pdfspider.gateway.transports.redis.transport import RedisDelivery, RedisTransport
from pdfspider.submission.rejected import Rejected
from pdfspider.tasks import end_with

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from pdfspider.gateway.base import Options, Receipt, Result
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)

MAX_LISTED = 10_000
RQ_THREADS = 8
"""Calls of RQ at a time."""
SCHEDULED_INTERVAL_S = 1.0
RESULT_TTL_S = 500
"""Seconds for which RQ keeps a return value if the job does not say."""
UNSUPPORTED_FIELDS = (
    "success_callback_name",
    "failure_callback_name",
    "stopped_callback_name",
    "repeats_left",
    "webhooks",
)
"""Fields that ask a worker to do something after the job."""
BEGIN = """
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then return end
redis.call('HSET', KEYS[1], 'status', 'started', 'started_at', ARGV[1])
redis.call('PERSIST', KEYS[1])
"""


@dataclass(slots=True, kw_only=True)
class RqDelivery(RedisDelivery):
    """A job from RQ."""

    each_is_answered = True
    transport: RqTransport
    job: str

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        transport = settled[0][0].transport
        await transport.begin(*(delivery.job for delivery, _ in settled))
        await transport.settle(*(delivery.entry for delivery, _ in settled))

    async def reject(self, reason: str) -> None:
        await self.transport.fail(self.job, reason)
        await self.transport.settle(self.entry)


class RqTransport(RedisTransport):
    """Takes jobs from the queue ``tasks``; invalid ones go to RQ's registry of failed jobs."""

    options: ClassVar[Options] = {"tasks": "pdfs"}

    def __init__(self, url: str, service: GatewayService) -> None:
        super().__init__(url, service)
        if self._shared:
            raise ConfigurationError("rq+redis:// needs the host of the Redis that RQ uses")
        self._tasks = Queue.redis_queue_namespace_prefix + self.address.options["tasks"]
        self._stream = f"{self._tasks}:stream"
        self._jobs = connect_blocking(self.address.url, socket_timeout=15)
        self._calls = BlockingCalls("rq", RQ_THREADS)
        names = [self.address.options["tasks"]]
        self._scheduler: Any = RQScheduler(names, self._jobs, serializer=JSONSerializer, logging_level=logging.WARNING)

    async def serve(self) -> None:
        await end_with(self._persist(self._move), self._persist(self._take), self._persist(self._schedule))

    async def publish(self, result: Result) -> None:
        await self._call(self._finish, result.reply["job"], json.loads(result.body))

    async def begin(self, *jobs: str) -> None:
        """Mark jobs as started.

        Raises TransportError.
        """
        now = utcformat(datetime.now(UTC))
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for job in jobs:
                    pipe.eval(BEGIN, 1, Job.key_for(job), now)
                answers = await pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, RedisError) and may_pass(answer):
                    raise answer
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def fail(self, job: str, reason: str) -> None:
        """Mark a job as failed.

        Raises TransportError.
        """
        await self._call(self._fail, job, reason)

    async def close(self) -> None:
        with suppress(RedisError):
            await self._calls(self._scheduler.release_locks)
        self._jobs.close()
        await super().close()

    async def rejects(self) -> AsyncGenerator[SetAside, None]:
        """Yield the jobs in RQ's registry of failed jobs."""
        for job in await self._ask(self._failed):
            yield job

    def _failed(self) -> list[SetAside]:
        registry = Queue(self.address.options["tasks"], connection=self._jobs, serializer=JSONSerializer)
        failed = registry.failed_job_registry
        found = []
        for job in Job.fetch_many(failed.get_job_ids(0, MAX_LISTED - 1), self._jobs, JSONSerializer):
            if job:
                outcome, ended = job.latest_result(), job.ended_at
                reason = (outcome and outcome.exc_string) or ""
                rejected = Rejected(
                    message=job.data, reason=reason, time=ended.timestamp() if ended else 0, metadata={"job": job.id}
                )
                found.append(SetAside(job.id, rejected, partial(self._ask, partial(failed.requeue, job.id))))
        return found

    async def _ask(self, work: Callable[[], Any]) -> Any:
        try:
            return await self._calls(work)
        except RedisError as error:
            raise TransportError(str(error)) from error

    async def _schedule(self) -> None:
        """Enqueue scheduled jobs that are due, unless another scheduler does that for the queue."""
        await self._calls(self._enqueue_due)
        await asyncio.sleep(SCHEDULED_INTERVAL_S)

    def _enqueue_due(self) -> None:
        self._scheduler.acquire_locks()
        self._scheduler.enqueue_scheduled_jobs()

    async def _move(self) -> None:
        await self._move_from(self._tasks, "LEFT")

    async def _received(self, entry: str, fields: dict[bytes, bytes]) -> None:
        body = fields.pop(b"message", b"")
        job = body.decode(errors="replace")
        fields = await self._fields(job)
        if fields.get(b"status", b"canceled") == b"canceled":  # or the job is gone
            await self.settle(entry)
            return
        delivery = RqDelivery(body=body, id=job, reply={"job": job}, transport=self, entry=entry, fields={}, job=job)
        try:
            delivery.body = read_job(job, fields, self.service.config.gateway.message_size)
        except InvalidInput as error:
            delivery.invalid = str(error)
        await self.service.accept(self.name, delivery)

    async def _fields(self, job: str) -> dict[bytes, bytes]:
        """Return the fields of a job, none if it is gone or its key has another type."""
        try:
            fields: dict[bytes, bytes] = await self._redis.hgetall(Job.key_for(job))
            return fields
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return {}

    async def _call(self, work: Callable[[str, Any], None], job: str, value: Any) -> None:
        try:
            await self._calls(work, job, value)
        except NoSuchJobError:
            logger.debug("The job %s is gone", job)  # deleted, or never started within its ttl
        except RedisError as error:
            raise TransportError(str(error)) from error
        except Exception as error:  # whatever RQ raises for fields that it has not written
            logger.warning("The job %s is damaged and cannot be finished: %s: %s", job, type(error).__name__, error)
            await self._give_up(job)

    async def _give_up(self, job: str) -> None:
        """Mark a job as failed whose other fields RQ cannot read.

        Raises TransportError.
        """
        try:
            await self._redis.hset(Job.key_for(job), "status", JobStatus.FAILED.value)
        except RedisError as error:
            raise TransportError(str(error)) from error

    def _finish(self, job_id: str, value: Any) -> None:
        job, queue = self._fetch(job_id)
        if job.is_canceled:
            return
        ttl = job.get_result_ttl(RESULT_TTL_S)
        job.ended_at = datetime.now(UTC)
        with self._jobs.pipeline() as pipe:
            job.set_status(JobStatus.FINISHED, pipe)
            job.save(pipe, include_meta=False, include_result=False)
            pipe.persist(job.key)
            if ttl:
                Outcome.create(job, Outcome.Type.SUCCESSFUL, ttl, return_value=value, pipeline=pipe)
                job.finished_job_registry.add(job, ttl, pipe)
                job.cleanup(ttl, pipe, remove_from_queue=False)
            pipe.execute()
        queue.enqueue_dependents(job)
        if not ttl:
            job.cleanup(0, remove_from_queue=False)

    def _fail(self, job_id: str, reason: str) -> None:
        job, queue = self._fetch(job_id)
        job.ended_at = datetime.now(UTC)
        with self._jobs.pipeline() as pipe:
            job.set_status(JobStatus.FAILED, pipe)
            job.failed_job_registry.add(job, job.failure_ttl, reason, pipe)
            Outcome.create_failure(job, job.failure_ttl, reason, pipeline=pipe)
            pipe.execute()
        queue.enqueue_dependents(job)

    def _fetch(self, job_id: str) -> tuple[Job, Queue]:
        job = Job.fetch(job_id, self._jobs, JSONSerializer)
        return job, Queue(job.origin, connection=self._jobs, serializer=JSONSerializer)


def read_job(job: str, fields: dict[bytes, bytes], limit: int) -> bytes:
    """Return the message that a job stands for.

    Raises InvalidInput.
    """
    if more := [name for name in UNSUPPORTED_FIELDS if fields.get(name.encode())]:
        raise InvalidInput(f"{', '.join(more)}: the gateway runs nothing after a job")
    call = parse(_inflate(fields.get(b"data", b""), limit))
    if not isinstance(call, list) or len(call) != 4 or call[1] is not None:
        raise InvalidInput("the job is not a function call")
    return message(call[0], call[2], call[3], job)


def _inflate(data: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, limit)
    except zlib.error:
        return data  # RQ accepts that too
    if inflater.unconsumed_tail:
        raise InvalidInput(f"a job of more than {limit:,} bytes")
    return raw

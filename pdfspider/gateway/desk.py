"""The gateway's counter: what transports hand in and ask for."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.durability import Durability
from pdfspider.frontier.owed import unanswered
from pdfspider.gateway.messages import understand
from pdfspider.gateway.transport import Receipt, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier, Submitted
    from pdfspider.gateway.messages import Submission
    from pdfspider.gateway.results import ResultMaker
    from pdfspider.gateway.transport import Delivery

logger = logging.getLogger(__name__)

WAIT = 0.5
ENDED = ("finished", "cancelled")


class Desk:
    """Accepts deliveries for all transports, and answers what they ask about jobs."""

    def __init__(self, config: Config, frontier: Frontier, results: ResultMaker) -> None:
        self.config, self.frontier = config, frontier
        self.telling: set[str] = set()
        """Transports that tell their masters of each document."""
        self._results = results
        self._durable = Durability(frontier.redis)
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(config.gateway.unacknowledged)
        )
        self._settling: set[asyncio.Task[None]] = set()
        self._closed = False

    async def accept(self, transport: str, delivery: Delivery) -> None:
        """Takes a delivery over; waits while there are too many, here or in the frontier."""
        await self._slots[transport].acquire()
        try:
            await self._wait_for_room()
            if self._closed:
                await asyncio.Event().wait()  # until the transport is closed
        except BaseException:
            self._slots[transport].release()
            raise
        task = asyncio.create_task(self._settle(transport, delivery))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        task.add_done_callback(lambda _: self._slots[transport].release())

    async def close(self, timeout: float) -> None:
        """Takes no more, and waits for what is being settled; what takes longer is delivered again."""
        self._closed = True
        if self._settling:
            _, late = await asyncio.wait(self._settling, timeout=timeout)
            for task in late:
                task.cancel()

    # What transports may ask

    async def jobs(self, limit: int) -> dict[str, dict[str, Any]]:
        """Some jobs and their status."""
        found: dict[str, dict[str, Any]] = {}
        async for name, status in self.frontier.jobs():
            if len(found) >= limit:
                break
            found[name] = status
        return found

    async def status(self, job: str) -> dict[str, Any]:
        """As ``scrapy status --json`` has it. Raises JobNotFound and InvalidInput."""
        status = await self.frontier.status_of_run(await self.frontier.run_of(job))
        if status is None:
            raise JobNotFound(f"there is no job {job!r}")
        return {name: value for name, value in status.items() if name not in ("hosts", "workers")}

    async def watch(self, job: str) -> AsyncIterator[dict[str, Any]]:
        """The status of a job whenever it has changed; the last one is that of its end. Raises as ``status``."""
        last = None
        while True:
            status = await self.status(job)
            if status != last:
                yield status
            if status["state"] in ENDED:
                return
            last = status
            await asyncio.sleep(WAIT)

    async def result(self, job: str) -> dict[str, Any]:
        """What became of the newest run of a job until now. Raises JobNotFound and RecordsError."""
        status = await self.status(job)
        return await self.describe(job, status["run"], status["state"])

    async def describe(self, job: str, run: int, state: str) -> dict[str, Any]:
        """What became of a run until now. Raises RecordsError."""
        return await self._results.describe(job, run, state)

    async def events(self, job: str, run: int, fingerprints: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """What is told of these documents. Raises RecordsError."""
        return await self._results.events(job, run, fingerprints)

    async def events_after(self, job: str, run: int, last: bytes | None) -> dict[bytes, dict[str, Any]]:
        """What is told of some documents of a run, behind the last one. Raises RecordsError."""
        return await self._results.events_after(job, run, last)

    async def control(self, job: str, action: str) -> str:
        """Does "pause", "resume", "cancel", "seal" or "log"; returns the state. Raises JobNotFound and InvalidInput."""
        return await self.frontier.control(job, action)

    # Inside

    async def _wait_for_room(self) -> None:
        limit = self.config.gateway.open_jobs
        while limit:
            with suppress(RedisError):
                if await unanswered(self.frontier.redis) < limit:
                    return
            await asyncio.sleep(WAIT)

    async def _settle(self, transport: str, delivery: Delivery) -> None:
        try:
            try:
                submission = understand(delivery, transport, self.config)
            except InvalidInput as error:
                logger.warning("A message by %s was rejected: %s: %.200r", transport, error, delivery.body)
                await delivery.reject(str(error))
                return
            submitted = await self._submit(submission)
            await self._on_disk()
            key = submission.task.key if submission.task else ""
            await delivery.ack(Receipt(submission.job, submitted.run, key, submitted.added))
        except TransportError as error:
            logger.debug("A message by %s will come again: %s", transport, error)
        except Exception:
            logger.exception("A message by %s could not be taken in: it will come again", transport)
            with suppress(TransportError):
                await delivery.again()

    async def _submit(self, submission: Submission) -> Submitted:
        task = submission.task and submission.task._replace(events=submission.task.transport in self.telling)
        while True:
            try:
                return await self.frontier.submit(
                    submission.job,
                    submission.entries,
                    options=submission.options,
                    seal=submission.seal,
                    task=task,
                )
            except RedisError as error:
                await _pass(error)

    async def _on_disk(self) -> None:
        while True:
            try:
                return await self._durable()
            except RedisError as error:
                await _pass(error)


async def _pass(error: RedisError) -> None:
    """Waits a moment where the same call may succeed later."""
    if not may_pass(error):
        raise error
    logger.warning("Redis cannot be used: %s", error)
    await asyncio.sleep(WAIT)

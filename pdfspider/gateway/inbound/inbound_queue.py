"""The messages of one transport, from delivery to acknowledgement."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import KEY_LENGTH
from pdfspider.frontier.results.pending_results import unanswered
from pdfspider.gateway.base import Receipt, TransportError
from pdfspider.gateway.inbound.messages import understand
from pdfspider.gateway.inbound.rejection_log import RejectionLog
from pdfspider.gateway.inbound.submit_batcher import MAX_BATCH_SIZE, ParsedDelivery, RedisWaiter, SubmitBatcher
from pdfspider.tasks import end, raise_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Sequence
    from typing import Any

    from pdfspider.config import Config
    from pdfspider.frontier.durability import Durability
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.job_calls import Submitted
    from pdfspider.frontier.jobs import Submission
    from pdfspider.gateway.base import Delivery
    from pdfspider.gateway.inbound.due_only import DueOnly
    from pdfspider.gateway.inbound.submit_batcher import Answers

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.5


class InboundQueue:
    """Bounds the number of messages here and, with ``GATEWAY_OPEN_JOBS``, in the frontier."""

    def __init__(
        self, transport: str, config: Config, frontier: Frontier, due: DueOnly, durable: Durability, *, events: bool
    ) -> None:
        """``events``: whether masters are told of each document."""
        self._transport, self._config, self._frontier = transport, config, frontier
        self._due, self._durable, self._events = due, durable, events
        self._slots = asyncio.Semaphore(config.gateway.unacknowledged)
        self._room = 0
        self._until_redis_can = RedisWaiter(transport)
        self._batcher = SubmitBatcher(frontier, self._start, self._acknowledge, self._until_redis_can)
        self._undecided = 0
        """Messages whose due hosts are not known yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._rejections = RejectionLog(transport)
        self.rejected = 0
        """Messages that made no sense."""

    @property
    def has_room(self) -> bool:
        """Return whether ``accept`` would take a delivery at once."""
        return not (self._closed or self._slots.locked()) and (self._room > 0 or not self._config.gateway.open_jobs)

    async def accept(self, delivery: Delivery) -> None:
        """Take over a delivery as soon as there is room."""
        await self._slots.acquire()
        try:
            await self._wait_for_room()
            if self._closed:
                await asyncio.Event().wait()  # until the transport is closed
        except BaseException:
            self._slots.release()
            raise
        self._take(delivery)

    async def close(self, timeout: float) -> None:
        """Stop accepting, and wait for the messages that are here.

        After ``timeout`` seconds, the rest is left to be delivered again.
        """
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        await end(self._tasks)

    async def _wait_for_room(self) -> None:
        limit = self._config.gateway.open_jobs
        if not limit:
            return
        while self._room <= 0:
            raise_if_cancelled()
            with suppress(RedisError):
                out = await unanswered(self._frontier.redis) + len(self._batcher) + self._undecided
                self._room = min(limit - out, MAX_BATCH_SIZE)
            if self._room <= 0:
                await asyncio.sleep(POLL_INTERVAL_S)
        self._room -= 1

    def _take(self, delivery: Delivery) -> None:
        try:
            submission = understand(delivery, self._transport, self._config, events=self._events)
        except InvalidInput as error:
            self._start(self._settle(self._reject(delivery, str(error)), 1))
            return
        except Exception as error:
            self._give_up(delivery, error)
            return
        if submission.options.due:
            self._undecided += 1
            self._start(self._leave_out(delivery, submission))
        else:
            self._batcher.add(ParsedDelivery(delivery, submission))

    async def _reject(self, delivery: Delivery, reason: str) -> None:
        """Set a message aside, and log that only when it is done, because after a failure it is delivered again.

        Raises TransportError.
        """
        await delivery.reject(reason)
        self.rejected += 1
        self._rejections.add(reason, delivery.body)

    async def _leave_out(self, delivery: Delivery, submission: Submission) -> None:
        """Remove hosts that are not due."""
        try:
            due = await self._until_redis_can(lambda: self._due(submission))
        except Exception as error:
            self._give_up(delivery, error)
        else:
            self._batcher.add(ParsedDelivery(delivery, due))
        finally:
            self._undecided -= 1

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _settle(self, said: Awaitable[None], count: int) -> None:
        """Wait for the answer to the broker."""
        try:
            await said
        except TransportError as error:
            logger.debug("A message from %s will be delivered again: %s", self._transport, error)
        except Exception:
            logger.exception("A message from %s could not be settled", self._transport)
        finally:
            self._release(count)

    def _give_up(self, delivery: Delivery, error: Exception) -> None:
        logger.error(
            "A message from %s could not be submitted: it will be delivered again", self._transport, exc_info=error
        )
        self._start(self._settle(delivery.nack(), 1))

    def _release(self, count: int) -> None:
        for _ in range(count):
            self._slots.release()

    def _acknowledge(self, handed: Sequence[ParsedDelivery], answers: Answers) -> None:
        settled = []
        for one, answer in zip(handed, answers, strict=True):
            if isinstance(answer, Exception):
                self._give_up(one.delivery, answer)
            else:
                one.delivery.drop_body()  # bodies must not fill the memory while they wait for the disk
                settled.append((one.delivery, _receipt(one.submission, answer)))
        if settled:
            self._start(self._settle(self._say(settled), len(settled)))

    async def _say(self, settled: Sequence[tuple[Delivery, Receipt]]) -> None:
        try:
            await self._until_redis_can(self._durable)
        except OSError as error:
            logger.error("Messages from %s are not on disk and will be delivered again: %s", self._transport, error)
            await asyncio.gather(*(delivery.nack() for delivery, _ in settled))
        else:
            await type(settled[0][0]).ack_all(settled)


def _receipt(submission: Submission, submitted: Submitted) -> Receipt:
    return Receipt(
        submission.job, submitted.run, submission.task.key[:KEY_LENGTH] if submission.task else "", submitted.added
    )

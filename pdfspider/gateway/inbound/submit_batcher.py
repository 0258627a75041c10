"""Submit messages to the frontier, many with one call of its script."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.job_calls import LINKS_PER_CALL
from pdfspider.retrying import pauses, retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from typing import Any, TypeAlias

    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.job_calls import Submitted
    from pdfspider.frontier.jobs import Submission
    from pdfspider.gateway.base import Delivery

    Answers: TypeAlias = Sequence[Submitted | Exception]

RETRY_DELAY_S = 0.5
LOG_INTERVAL_S = 60.0
"""Seconds between two log messages that a transport waits for Redis: some calls may be served and others not."""
WINDOW_S = 0.01
MAX_BATCH_SIZE = 100
"""Messages in one call: some 5 ms, for which Redis does nothing else."""
MAX_CALLS = 2
"""Calls at a time, so that Redis has the next one when it finishes one."""

T = TypeVar("T")


class ParsedDelivery(NamedTuple):
    """A delivery, and the submission that it asks for."""

    delivery: Delivery
    submission: Submission


class SubmitBatcher:
    """Submits messages in groups: those that come while one is sent form the next.

    The messages of a job stay in their order. ``start`` makes a task. ``answered`` gets the results of a group, or the
    errors with which its messages were refused.
    """

    def __init__(
        self,
        frontier: Frontier,
        start: Callable[[Coroutine[Any, Any, None]], object],
        answered: Callable[[Sequence[ParsedDelivery], Answers], None],
        until_redis_can: RedisWaiter,
    ) -> None:
        self._until_redis_can = until_redis_can
        self._frontier, self._start, self._answered = frontier, start, answered
        self._waiting: deque[ParsedDelivery] = deque()
        self._calls = 0
        self._under_way: set[str] = set()
        """Jobs of the messages in these calls."""

    def __len__(self) -> int:
        """Return the number of waiting messages and of jobs that are being submitted."""
        return len(self._waiting) + len(self._under_way)

    def add(self, message: ParsedDelivery) -> None:
        """Add a message, and start a call if none will take it."""
        self._waiting.append(message)
        if not self._calls or (self._calls < MAX_CALLS and len(self._waiting) >= MAX_BATCH_SIZE):
            self._calls += 1
            self._start(self._call())

    async def _call(self) -> None:
        try:
            while group := self._group():
                jobs = {one.submission.job for one in group}
                self._under_way |= jobs
                try:
                    await self._submit(group)
                finally:
                    self._under_way -= jobs
                if len(group) > 1 and len(self._waiting) < MAX_BATCH_SIZE:
                    await asyncio.sleep(WINDOW_S)  # a larger group costs less
        finally:
            self._calls -= 1

    def _group(self) -> list[ParsedDelivery]:
        """Return the first messages, as many as one call can take."""
        group: list[ParsedDelivery] = []
        links = 0
        for one in islice(self._waiting, MAX_BATCH_SIZE):
            links += len(one.submission.entries)
            if (group and links > LINKS_PER_CALL) or one.submission.job in self._under_way:
                break
            group.append(one)
        for _ in group:
            self._waiting.popleft()
        return group

    async def _submit(self, group: Sequence[ParsedDelivery]) -> None:
        try:
            answers = await self._until_redis_can(lambda: self._send(group))
        except Exception as error:
            if len(group) == 1:
                self._answered(group, [error])
                return
            for one in group:  # at least one of them cannot be sent
                await self._submit([one])
        else:
            self._answered(group, answers)

    async def _send(self, group: Sequence[ParsedDelivery]) -> Sequence[Submitted | RedisError]:
        """Submit a group.

        Raises errors that will pass, such as when Redis is out of memory; the group is then sent again.
        """
        answers = await self._frontier.submit_all([one.submission for one in group])
        for answer in answers:
            if isinstance(answer, RedisError) and may_pass(answer):
                raise answer
        return answers


class RedisWaiter:
    """Repeats calls of one transport's messages until Redis can serve them."""

    def __init__(self, transport: str) -> None:
        self._away = ConditionLogger(
            f"Messages from {transport} wait for Redis",
            f"Messages from {transport} are submitted again",
            every=LOG_INTERVAL_S,
        )

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a call returns once Redis can serve it.

        Raises errors that will not pass.
        """
        answer = await retry(call, pauses(RETRY_DELAY_S, RETRY_DELAY_S), on=RedisError, goes_on=self._is_waited_for)
        self._away.end()
        return answer

    def _is_waited_for(self, error: RedisError, _: float) -> bool:
        passes = may_pass(error)
        if passes:
            self._away.begin(error)
        return passes

"""Send the events of jobs to all destinations, and notice jobs that stall."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.frontier.scripts import PREFIX
from pdfspider.notifications.destinations import NotSent, Refused, destination_of
from pdfspider.notifications.event import Event
from pdfspider.notifications.stall_watch import StallWatch
from pdfspider.tasks import end

if TYPE_CHECKING:
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.notification_config import NotificationConfig
    from pdfspider.notifications.destinations import Destination

    Note = tuple[bytes, dict[bytes, bytes]]

logger = logging.getLogger(__name__)

EVENTS = f"{PREFIX}events"
AT_ONCE = 16
WAIT = 2.0
SILENT = 60_000
"""Milliseconds after which the events of a process that is gone are taken over."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
TRIES = 12
"""Tries of one event, over about eight minutes, after which it is given up."""
PATIENCE = 10.0
"""Seconds that the last events of a process have."""


class Notifier:
    """Sends events until it is closed; any number of processes may share the work."""

    def __init__(self, config: NotificationConfig, frontier: Frontier) -> None:
        self._senders = [Sender(frontier, url, config) for url in config.urls]
        self._stall_watch = StallWatch(frontier, config.stalled_after)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begin. Events that come after this are sent.

        Raises RedisError.
        """
        for sender in self._senders:
            await sender.open()
        running = [self._stall_watch.run(), *(sender.run() for sender in self._senders)]
        self._tasks = [asyncio.create_task(work) for work in running]

    async def close(self) -> None:
        """Send what is there in a bounded time; the rest is left to others."""
        await end(self._tasks)
        with suppress(TimeoutError, RedisError):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(sender.finish() for sender in self._senders))
        for sender in self._senders:
            await sender.destination.close()


class Sender:
    """Sends events to one destination, which is a consumer group of the stream."""

    def __init__(self, frontier: Frontier, url: str, config: NotificationConfig) -> None:
        self.destination: Destination = destination_of(url, config)
        self._frontier, self._redis = frontier, frontier.redis
        self._group = f"notify-{blake2b(url.encode(), digest_size=8).hexdigest()}"
        self._consumer = secrets.token_hex(4)
        shown = self.destination.shown
        self._trouble = ConditionLogger(
            f"Notifications cannot be sent to {shown}", f"{shown} takes notifications again"
        )

    async def open(self) -> None:
        """Create the consumer group, if there is none, behind the last event."""
        try:
            await self._redis.xgroup_create(EVENTS, self._group, id="$", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def run(self) -> None:
        """Send events until cancelled."""
        while True:
            try:
                for note in await self._take_over() or await self._read(">", WAIT):
                    await self._deliver(note, TRIES)
            except RedisError as error:
                if str(error).startswith("NOGROUP"):
                    await self.open()
                    continue
                self._trouble.begin(error)
                await asyncio.sleep(FIRST_PAUSE)

    async def finish(self) -> None:
        """Try once more to send what this process has taken, and what has come since."""
        for start in ("0", ">"):
            for note in await self._read(start, 0):
                await self._deliver(note, 1)

    async def _take_over(self) -> list[Note]:
        answer = await self._redis.xautoclaim(EVENTS, self._group, self._consumer, SILENT, "0-0", AT_ONCE)
        return [(entry, fields) for entry, fields in answer[1] if fields]

    async def _read(self, start: str, timeout: float) -> list[Note]:
        block = int(timeout * 1000) or None
        answer: Any = await self._redis.xreadgroup(
            self._group, self._consumer, {EVENTS: start}, count=AT_ONCE, block=block
        )
        return [note for _, entries in answer or () for note in entries]

    async def _deliver(self, note: Note, tries: int) -> None:
        """Send one event, and acknowledge it once it is sent, refused or given up."""
        identity, fields = note
        event = await self._event(fields)
        pause = FIRST_PAUSE
        for left in reversed(range(tries)):
            try:
                await self.destination.send(event)
                self._trouble.end()
                break
            except Refused as error:
                logger.error("%s refuses a notification of job %s: %s", self.destination.shown, event.job, error)
                break
            except NotSent as error:
                self._trouble.begin(error)
                if not left:
                    if tries == 1:
                        return
                    logger.error("A notification of job %s is given up: %s", event.job, error)
                    break
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        await self._redis.xack(EVENTS, self._group, identity)

    async def _event(self, fields: dict[bytes, bytes]) -> Event:
        run = int(fields[b"run"])
        status = await self._frontier.status_of_run(run)
        return Event(fields[b"event"].decode(), fields[b"job"].decode(), run, status or {})

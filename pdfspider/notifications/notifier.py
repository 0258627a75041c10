"""Send events to all destinations, and notice jobs that stall and what is wrong with the fleet."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError, ResponseError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.frontier.scripts import PREFIX
from pdfspider.notifications.alert_watch import AlertWatch
from pdfspider.notifications.destinations import NotSent, Refused, destination_of
from pdfspider.notifications.event import AlertEvent, JobEvent
from pdfspider.notifications.stall_watch import StallWatch
from pdfspider.tasks import end

if TYPE_CHECKING:
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.notification_config import NotificationConfig
    from pdfspider.notifications.destinations import Destination
    from pdfspider.notifications.event import Event

    Note = tuple[bytes, dict[bytes, bytes]]

logger = logging.getLogger(__name__)

EVENTS_KEY = f"{PREFIX}events"
BATCH_SIZE = 16
POLL_TIMEOUT_S = 2.0
IDLE_MS = 60_000
"""Milliseconds after which the events of a process that is gone are taken over."""
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
MAX_TRIES = 12
"""Tries of one event, over about eight minutes, after which it is given up."""
END_TIMEOUT_S = 5.0
"""Seconds that what is being sent has when a process ends, and so many that the last events have."""


class Notifier:
    """Sends events until it is closed; any number of processes may share the work."""

    def __init__(self, config: NotificationConfig, frontier: Frontier, concurrency: int) -> None:
        self._senders = [Sender(frontier, url, config) for url in config.urls]
        self._stall_watch = StallWatch(frontier, config.stalled_after)
        self._alert_watch = AlertWatch(frontier, concurrency)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begin. Events that come after this are sent.

        Raises RedisError.
        """
        for sender in self._senders:
            await sender.open()
        running = [self._stall_watch.run(), self._alert_watch.run(), *(sender.run() for sender in self._senders)]
        self._tasks = [asyncio.create_task(work) for work in running]

    async def close(self) -> None:
        """Send what is there in a bounded time; the rest is left to others."""
        async with AsyncExitStack() as held:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_TIMEOUT_S):
                    for sender in self._senders:
                        await held.enter_async_context(sender.sending)
            await end(self._tasks)
        with suppress(TimeoutError, RedisError):
            async with asyncio.timeout(END_TIMEOUT_S):
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
        self.sending = asyncio.Lock()
        """Held while an event is sent and acknowledged, so that nobody ends the task in between."""
        shown = self.destination.shown
        self._trouble = ConditionLogger(
            f"Notifications cannot be sent to {shown}", f"{shown} takes notifications again"
        )

    async def open(self) -> None:
        """Create the consumer group, if there is none, behind the last event."""
        try:
            await self._redis.xgroup_create(EVENTS_KEY, self._group, id="$", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def run(self) -> None:
        """Send events until cancelled."""
        while True:
            try:
                for note in await self._take_over() or await self._read(">", POLL_TIMEOUT_S):
                    await self._deliver(note, MAX_TRIES)
            except RedisError as error:
                if str(error).startswith("NOGROUP"):
                    await self.open()
                    continue
                self._trouble.begin(error)
                await asyncio.sleep(FIRST_PAUSE_S)

    async def finish(self) -> None:
        """Try once more to send what this process has taken, and what has come since."""
        for start in ("0", ">"):
            for note in await self._read(start, 0):
                await self._deliver(note, 1)

    async def _take_over(self) -> list[Note]:
        answer = await self._redis.xautoclaim(EVENTS_KEY, self._group, self._consumer, IDLE_MS, "0-0", BATCH_SIZE)
        return [(entry, fields) for entry, fields in answer[1] if fields]

    async def _read(self, start: str, timeout: float) -> list[Note]:
        block = int(timeout * 1000) or None
        answer: Any = await self._redis.xreadgroup(
            self._group, self._consumer, {EVENTS_KEY: start}, count=BATCH_SIZE, block=block
        )
        return [note for _, entries in answer or () for note in entries]

    async def _deliver(self, note: Note, tries: int) -> None:
        """Send one event, and acknowledge it once it is sent, refused or given up."""
        identity, fields = note
        event = await self._event(fields)
        pause = FIRST_PAUSE_S
        for left in reversed(range(tries)):
            async with self.sending:
                if await self._is_settled(event, is_last=tries > 1 and not left):
                    await self._redis.xack(EVENTS_KEY, self._group, identity)
                    return
            if left:
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_S)

    async def _is_settled(self, event: Event, *, is_last: bool) -> bool:
        """Try to send an event, and return whether it is sent, refused or, after the last try, given up."""
        try:
            await self.destination.send(event)
            self._trouble.end()
        except Refused as error:
            logger.error("%s refuses a notification of %s: %s", self.destination.shown, event.about, error)
        except NotSent as error:
            self._trouble.begin(error)
            if not is_last:
                return False
            logger.error("A notification of %s is given up: %s", event.about, error)
        return True

    async def _event(self, fields: dict[bytes, bytes]) -> Event:
        name = fields[b"event"].decode()
        if b"alert" in fields:
            return AlertEvent(name, fields[b"alert"].decode(), fields[b"text"].decode(), int(fields[b"since"]))
        run = int(fields[b"run"])
        status = await self._frontier.status_of_run(run)
        return JobEvent(name, fields[b"job"].decode(), run, status or {})

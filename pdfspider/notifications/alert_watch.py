"""Notice what is wrong with the fleet, and note it as an event once it has lasted."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import RedisError

from pdfspider.frontier.scripts import PREFIX
from pdfspider.notifications.alerts import RULES, WINDOW_S, counters, read
from pdfspider.notifications.stall_watch import MAX_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from pdfspider.frontier.frontier import Frontier
    from pdfspider.notifications.alerts import AlertRule, FleetReading

logger = logging.getLogger(__name__)

ALERTS_KEY = f"{PREFIX}alerts"
TURN_KEY = f"{PREFIX}alerts:turn"
WINDOW_FIELD = "window"
"""The field with the counters at the beginning of the window; all others are alerts."""
PERIOD_S = 30.0


class Alert(NamedTuple):
    """An alert whose cause is there, since a time in seconds; told: that it has lasted long enough."""

    name: str
    text: str
    since: float
    told: bool


async def firing(redis: Redis) -> list[Alert]:
    """Return the alerts that fire, if a process with NOTIFY_URLS watches.

    Raises RedisError.
    """
    known = await _known(redis)
    return sorted(alert for alert in known.values() if alert.told)


class AlertWatch:
    """Notes each alert once as an event when it begins and when it ends; one process of the fleet looks at a time."""

    def __init__(self, frontier: Frontier, concurrency: int) -> None:
        self._frontier, self._redis, self._concurrency = frontier, frontier.redis, concurrency

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with suppress(RedisError):
                if await self._redis.set(TURN_KEY, b"", nx=True, px=int(PERIOD_S * 1000)):
                    await self.look()
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """Compare the fleet with what it was, and note the alerts that begin and end.

        Raises RedisError.
        """
        window = json.loads(await self._redis.hget(ALERTS_KEY, WINDOW_FIELD) or b"{}")
        known = await _known(self._redis)
        reading = await read(self._redis, self._frontier.start_urls, self._concurrency, window)
        for rule in RULES:
            await self._judge(rule, reading, known.get(rule.alert))
        if not window or reading.now - window["at"] / 1000 >= WINDOW_S:
            begun = {"at": int(reading.now * 1000), **counters(reading.fleet)}
            await self._redis.hset(ALERTS_KEY, WINDOW_FIELD, json.dumps(begun))

    async def _judge(self, rule: AlertRule, reading: FleetReading, known: Alert | None) -> None:
        text = rule.find(reading)
        if text is None:
            return
        if not text:
            await self._end(known)
            return
        since = known.since if known else reading.now
        told = bool(known and known.told)
        alert = Alert(rule.alert, text, since, told or reading.now - since >= rule.lasts)
        await self._note(alert, "" if told or not alert.told else "alert")

    async def _end(self, known: Alert | None) -> None:
        if known and known.told:
            await self._note(known._replace(text=f"{known.text} This is over."), "resolved")
        if known:
            await self._redis.hdel(ALERTS_KEY, known.name)

    async def _note(self, alert: Alert, event: str) -> None:
        """Store an alert, with an event if there is one to tell of."""
        fields: Any = {"event": event, "alert": alert.name, "text": alert.text, "since": str(int(alert.since))}
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(ALERTS_KEY, alert.name, json.dumps(alert))
            if event:
                pipe.xadd(f"{PREFIX}events", fields, maxlen=MAX_EVENTS, approximate=True)
            await pipe.execute()
        if event:
            logger.warning("%s: %s", alert.name, alert.text)


async def _known(redis: Redis) -> Mapping[str, Alert]:
    client: Any = redis
    fields = await client.hgetall(ALERTS_KEY)
    return {name.decode(): Alert(*json.loads(value)) for name, value in fields.items() if name.decode() != WINDOW_FIELD}

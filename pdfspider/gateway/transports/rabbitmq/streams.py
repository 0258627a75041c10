"""Streams of RabbitMQ: they keep what was taken, so the frontier keeps up to where that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.frontier.scripts import PREFIX
from pdfspider.gateway.transports.base import TransportError
from pdfspider.gateway.transports.kafka.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiormq.abc import DeliveredMessage
    from redis.asyncio import Redis

KEY = f"{PREFIX}offsets"
HEADER = "x-stream-offset"
ONLY = 0
"""A stream has one partition."""


def offset_of(message: DeliveredMessage) -> int | None:
    """Return the message's place in its stream; None where it came by another kind of queue."""
    offset = (message.header.properties.headers or {}).get(HEADER)
    return offset if isinstance(offset, int) else None


class StreamOffset:
    """Up to where one stream is settled. All gateways of one frontier share that, and each takes every message."""

    def __init__(self, redis: Redis, transport: str, queue: str) -> None:
        self._redis: Any = redis
        self._member = f"{transport}:{queue}"
        self._positions = Positions()

    async def first(self) -> str | int:
        """Return from where to consume: the first message that is not settled. Raises TransportError."""
        self._positions = Positions()
        try:
            kept = await self._redis.zscore(KEY, self._member)
        except RedisError as error:
            raise TransportError(f"the frontier's Redis: {error}") from error
        return "first" if kept is None else int(kept)

    def take(self, offset: int) -> None:
        self._positions.take(ONLY, offset)

    async def settle(self, offsets: Iterable[int]) -> None:
        """Keep that these are settled, as far as all before them are. Raises TransportError."""
        for offset in offsets:
            self._positions.settle(ONLY, offset)
        ahead = self._positions.advance()
        if ahead:
            try:
                await self._redis.zadd(KEY, {self._member: ahead[ONLY]}, gt=True)
            except RedisError as error:
                self._positions.retry(ONLY, ahead[ONLY])
                raise TransportError(f"the frontier's Redis: {error}") from error

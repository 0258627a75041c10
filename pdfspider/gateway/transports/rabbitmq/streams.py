"""Streams of RabbitMQ keep consumed messages, so the frontier stores the offset up to which they are settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pdfspider.frontier.scripts import PREFIX
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.transports.kafka.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiormq.abc import DeliveredMessage
    from redis.asyncio import Redis

OFFSETS_KEY = f"{PREFIX}offsets"
OFFSET_HEADER = "x-stream-offset"
ONLY_PARTITION = 0
"""A stream has one partition."""


def offset_of(message: DeliveredMessage) -> int | None:
    """Return the message's offset in its stream, None if it came from another kind of queue."""
    offset = (message.header.properties.headers or {}).get(OFFSET_HEADER)
    return offset if isinstance(offset, int) else None


class StreamOffset:
    """The offset up to which one stream is settled.

    All gateways of one frontier share it, and each of them consumes every message.
    """

    def __init__(self, redis: Redis, transport: str, queue: str) -> None:
        self._redis: Any = redis
        self._member = f"{transport}:{queue}"
        self._positions = Positions()

    async def first(self) -> str | int:
        """Return the offset to consume from: that of the first message that is not settled.

        Raises TransportError.
        """
        self._positions = Positions()
        try:
            kept = await self._redis.zscore(OFFSETS_KEY, self._member)
        except RedisError as error:
            raise TransportError(f"the frontier's Redis: {error}") from error
        return "first" if kept is None else int(kept)

    def take(self, offset: int) -> None:
        """Note a message that was taken."""
        self._positions.take(ONLY_PARTITION, offset)

    async def settle(self, offsets: Iterable[int]) -> None:
        """Settle messages, and store the offset up to which all are settled.

        Raises TransportError.
        """
        for offset in offsets:
            self._positions.settle(ONLY_PARTITION, offset)
        ahead = self._positions.advance()
        if ahead:
            try:
                await self._redis.zadd(OFFSETS_KEY, {self._member: ahead[ONLY_PARTITION]}, gt=True)
            except RedisError as error:
                self._positions.retry(ONLY_PARTITION, ahead[ONLY_PARTITION])
                raise TransportError(f"the frontier's Redis: {error}") from error

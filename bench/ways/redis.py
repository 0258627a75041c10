"""redis-py: one LPUSH for each message; a reliable queue of one BLMOVE, and one LREM as its acknowledgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis import Redis

from bench.ways.base import OverRedis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ways.base import Tell


class RedisWay(OverRedis):
    def gateway_url(self, address: str) -> str:
        return address

    def publish(self, address: str, messages: Sequence[str]) -> None:
        with Redis.from_url(address) as client:
            for message in messages:
                client.lpush("pdf_tasks", message)

    def consume(self, address: str, count: int, tell: Tell) -> None:
        with Redis.from_url(address) as client:
            tell("READY")
            for _ in range(count):
                message = client.blmove("pdf_tasks", "processing", 0, "RIGHT", "LEFT")
                client.lrem("processing", 1, message)
            tell("DONE")

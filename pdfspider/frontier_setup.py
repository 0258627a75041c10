"""Makes the frontier as the settings describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.frontier.frontier import Frontier

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from pdfspider.config import Config


def frontier_for(config: Config, redis: Redis, *, worker: str = "", alone: bool = False) -> Frontier:
    """Return the frontier that the settings describe."""
    return Frontier(
        redis,
        worker=worker,
        lease_seconds=config.lease_seconds,
        ahead=config.lookahead,
        max_deliveries=config.max_deliveries,
        start_urls=config.start_urls,
        gates=config.gates,
        queue_max=config.queue_max,
        alone=alone,
    )

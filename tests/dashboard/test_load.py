"""A hundredth of a large frontier and database: no page costs Redis more than a bounded part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from bench.dashboard_load import loaded, measure, paths
from pdfspider.frontier.connection import connect

if TYPE_CHECKING:
    from pathlib import Path

JOBS, HOSTS, CAPTURES = 100, 10_000, 100_000
MOST_COMMANDS = 800
MOST_MICROSECONDS = 5000
"""Of the quickest of some calls: ten times what it takes where nothing else runs."""
MOST_MEMORY = 200 << 20


async def test_every_page_is_cheap_however_much_there_is(redis_url: str, tmp_path: Path) -> None:
    redis = connect(redis_url)
    async with loaded(redis_url, tmp_path, JOBS, HOSTS, CAPTURES) as client:
        before = psutil.Process().memory_info().rss
        for path in paths(JOBS, CAPTURES):
            cost = await measure(client, redis, path, times=3)
            assert cost.commands <= MOST_COMMANDS, cost
            assert cost.redis_microseconds < MOST_MICROSECONDS, cost
        assert psutil.Process().memory_info().rss - before < MOST_MEMORY
    await redis.aclose()

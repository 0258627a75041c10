"""What the worker says of an event loop that stood still."""

from __future__ import annotations

import asyncio
import time

from scrapy.utils.test import get_crawler

from pdfspider.crawl.progress.loop_lag import CHECK_INTERVAL_S, LONGEST_STALL_STAT, LoopLag

STALL = 0.2


async def test_the_longest_stall_is_seen() -> None:
    crawler = get_crawler()
    assert crawler.stats
    loop_lag = LoopLag(crawler)
    loop_lag.start()
    for length in (STALL, STALL / 4):
        await asyncio.sleep(2 * CHECK_INTERVAL_S)
        time.sleep(length)
    await asyncio.sleep(2 * CHECK_INTERVAL_S)
    loop_lag.stop()
    assert crawler.stats.get_value(LONGEST_STALL_STAT) >= STALL - CHECK_INTERVAL_S
    crawler.stats.set_value(LONGEST_STALL_STAT, None)
    time.sleep(STALL)
    await asyncio.sleep(2 * CHECK_INTERVAL_S)
    assert crawler.stats.get_value(LONGEST_STALL_STAT) is None, "it has ended"

"""A worker's housekeeping alone: ``python -m tests.frontier.scheduling URL CLOCK``; the time is what the file says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from pdfspider.submission.schedules import start_scheduled

NOT_USED: Any = None


async def main(url: str, clock: Path) -> None:
    frontier = Frontier(connect(url), clock=lambda: int(clock.read_text()))
    print("ready", flush=True)
    while True:
        await frontier.sweep()
        if frontier.scheduled:
            await start_scheduled(NOT_USED, frontier, NOT_USED, *frontier.scheduled)
        await asyncio.sleep(0.002)


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))

"""``scrapy cancel``: end a job without its remaining URLs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import FrontierCommand, one_job, say
from pdfspider.exceptions import FrontierError

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier

POLL_INTERVAL_S = 0.1


class Command(FrontierCommand, ScrapyCommand):
    """The command ``cancel``."""

    def syntax(self) -> str:
        return "[options] JOB"

    def short_desc(self) -> str:
        return "End a job without its remaining URLs"

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name = one_job(args)

        async def work(frontier: Frontier) -> None:
            state = await frontier.control(name, "cancel")
            if state not in ("cancelling", "cancelled"):
                raise FrontierError(f"job {name} is {state}: there is nothing to cancel")
            run = await frontier.run_of(name)
            # A dead worker's leases expire within that time.
            status = await _sweep_until_cancelled(frontier, run, patience=2 * config.lease_seconds)
            if status is None or status["state"] == "cancelled":
                say(f"job {name}: cancelled")
            else:
                say(f"job {name}: {status['state']}; {status['leased']:,} of its URLs are still being fetched")

        return work


async def _sweep_until_cancelled(frontier: Frontier, run: int, patience: float) -> dict[str, object] | None:
    """Return the run's last status, after at most ``patience`` seconds.

    The workers finish the cancellation if this gives up.
    """
    deadline = time.monotonic() + patience
    while True:
        more = await frontier.sweep()
        status = await frontier.status_of_run(run)
        if status is None or status["state"] == "cancelled" or time.monotonic() > deadline:
            return status
        await asyncio.sleep(0 if more else POLL_INTERVAL_S)

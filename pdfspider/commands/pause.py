"""``scrapy pause``: stop leasing URLs of a job until it is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import OnFrontier, one_job, say
from pdfspider.exceptions import FrontierError

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class Command(OnFrontier, ScrapyCommand):
    """The command ``pause``."""

    def syntax(self) -> str:
        return "[options] JOB"

    def short_desc(self) -> str:
        return "Stop leasing URLs of a job until it is resumed"

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name = one_job(args)

        async def work(frontier: Frontier) -> None:
            state = await frontier.control(name, "pause")
            if state != "paused":
                raise FrontierError(f"job {name} is {state}: it cannot be paused")
            say(f"job {name}: {state}; URLs that are leased already still end")

        return work

"""``scrapy resume``: let a paused job go on."""

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
    """The command ``resume``."""

    def syntax(self) -> str:
        return "[options] JOB"

    def short_desc(self) -> str:
        return "Let a paused job go on"

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name = one_job(args)

        async def work(frontier: Frontier) -> None:
            state = await frontier.control(name, "resume")
            if state != "running":
                raise FrontierError(f"job {name} is {state}: it cannot be resumed")
            say(f"job {name}: {state}")

        return work

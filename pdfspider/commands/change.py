"""``scrapy change``: change delay, concurrency and limits of a job while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._base import FrontierCommand, one_job, say
from pdfspider.submission.changing import CHANGEABLE, read_changes

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class Command(FrontierCommand, ScrapyCommand):
    """The command ``change``."""

    def syntax(self) -> str:
        return "[options] JOB"

    def short_desc(self) -> str:
        return "Change delay, concurrency and limits of a running job"

    def long_desc(self) -> str:
        return (
            "Change options of a job that has not ended. What is not named stays as it is. Of jobs that share a host "
            "the longest delay and the fewest requests at once hold."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--delay", metavar="SECONDS", help="between two requests to a host")
        parser.add_argument("--concurrency", metavar="N", help="requests in flight at one host")
        parser.add_argument("--max-pages", metavar="N", help="end the job after this many pages; 0: no limit")
        parser.add_argument("--max-documents", metavar="N", help="end the job after this many documents; 0: no limit")
        parser.add_argument("--max-seconds", metavar="N", help="end what is queued after so many seconds; 0: no limit")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        name = one_job(args)
        changes = read_changes({option: getattr(opts, option) for option in CHANGEABLE})

        async def work(frontier: Frontier) -> None:
            await frontier.steering.change(name, changes)
            say(f"job {name}: changed")

        return work

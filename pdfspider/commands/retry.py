"""``scrapy retry``: crawl failed URLs again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import FrontierCommand, require_database, say, say_if_no_worker
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import FOUND_OUTCOMES, OUTCOMES_BY_NAME, counted
from pdfspider.frontier.entries import MAX_DEPTH, SCOPES
from pdfspider.frontier.jobs import job_name
from pdfspider.items import Outcome
from pdfspider.records import Database
from pdfspider.submission.retrying import retry

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier


class Command(FrontierCommand, ScrapyCommand):
    """The command ``retry``."""

    creates = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Crawl failed URLs again"

    def long_desc(self) -> str:
        return (
            "Submit again the URLs that the latest run of a job, or of every job, left as dead letters or in one class."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--class", metavar="CLASS", help="only this class (default: dead letters)")
        parser.add_argument("--job", metavar="NAME", help="only this job")
        parser.add_argument("--depth", metavar="N", type=int, help="link depth, as for submit (default: DEPTH_LIMIT)")
        parser.add_argument("--scope", choices=SCOPES, default="host", help="scope, as for submit (default: host)")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        job, outcome = job_name(opts.job) if opts.job else None, _outcome(getattr(opts, "class"))
        depth = config.depth if opts.depth is None else opts.depth
        if not 0 <= depth <= MAX_DEPTH:
            raise InvalidInput(f"--depth {depth} is not between 0 and {MAX_DEPTH}")
        require_database(config)

        async def work(frontier: Frontier) -> None:
            records, left_out = await Database.open(config.database_url), Counter[str]()
            try:
                again = await retry(
                    config, frontier, records, job, outcome, depth=depth, scope=opts.scope, left_out=left_out
                )
            finally:
                await records.close()
            for name, number in again.items():
                say(f"job {name}: {counted(number, 'URL')} queued again")
            for name, number in (+left_out).items():
                say(f"job {name}: {counted(number, 'request')} not queued again, which only its spider can make")
            if again:
                await say_if_no_worker(frontier)
            if not again and not +left_out:
                say("there are no failed URLs")

        return work


def _outcome(name: str | None) -> Outcome | None:
    if name is None:
        return None
    outcome = OUTCOMES_BY_NAME.get(name)
    if outcome is None or outcome in FOUND_OUTCOMES:
        known = ", ".join(outcome.value for outcome in Outcome if outcome not in FOUND_OUTCOMES)
        raise InvalidInput(f"--class {name}: no such class of failure (known: {known})")
    return outcome

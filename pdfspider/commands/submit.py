"""``scrapy submit``: submit URLs to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import LIMIT_ARGUMENTS, FrontierCommand, read_params, say, say_if_no_worker
from pdfspider.exceptions import InvalidInput
from pdfspider.formatting import counted
from pdfspider.frontier.entries import SCOPES
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.records import Database
from pdfspider.submission.seeds import read_seeds
from pdfspider.submission.submitting import submit

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.submission.params import Params


ARGUMENT_NAMES = {"job": "job", "urls_file": "file", "depth": "depth", "scope": "scope", "due": "due"}


class Command(FrontierCommand, ScrapyCommand):
    """The command ``submit``."""

    creates = True

    def syntax(self) -> str:
        return "[options] URL …"

    def short_desc(self) -> str:
        return "Submit URLs to a job"

    def long_desc(self) -> str:
        return "Submit URLs to a job, which workers (scrapy crawl pdfs) crawl. A job with its own name ends by itself."

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--job", metavar="NAME", help=f"name of the job (default: {DEFAULT_JOB}, which never ends)")
        parser.add_argument("--file", metavar="FILE", help="file with one URL on each line")
        parser.add_argument("--depth", metavar="N", help="how many links deep to follow (default: DEPTH_LIMIT)")
        parser.add_argument("--scope", choices=SCOPES, default="host", help="where pages are followed (default: host)")
        parser.add_argument("--priority", metavar="N", type=int, default=0, help="-128 to 127 (default: 0)")
        parser.add_argument("--due", action="store_true", help="leave out hosts that are not due again yet")
        parser.add_argument("--max-pages", metavar="N", help="end the job after this many pages")
        parser.add_argument("--max-documents", metavar="N", help="end the job after this many documents")
        parser.add_argument("--max-seconds", metavar="N", help="end what is queued after so many seconds")
        more = parser.add_mutually_exclusive_group()
        more.add_argument("--seal", action="store_true", help="no more URLs will come: the job may end (default)")
        more.add_argument("--open", action="store_true", help="more URLs will come: the job does not end")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if not args and not opts.file:
            raise UsageError("there is no URL")
        params = _params(args, opts)
        read_seeds(params, config, opts.priority)

        async def work(frontier: Frontier) -> None:
            records = await Database.open(config.database_url) if params.due else None
            try:
                handed = await submit(config, frontier, records, params, priority=opts.priority, seal=not opts.open)
            finally:
                if records:
                    await records.close()
            left = f"; {handed.not_due:,} left out, not due again yet" if handed.not_due else ""
            say(f"job {handed.job}: {counted(handed.taken, 'URL')} handed in, {handed.added:,} of them new{left}")
            await say_if_no_worker(frontier)

        return work


def _params(args: list[str], opts: argparse.Namespace) -> Params:
    if not -128 <= opts.priority <= 127:
        raise InvalidInput(f"--priority {opts.priority} is not between -128 and 127")
    limits = opts.max_pages or opts.max_documents or opts.max_seconds
    if opts.job in (None, DEFAULT_JOB) and (opts.seal or opts.due or limits):
        raise InvalidInput(f"the job {DEFAULT_JOB} never ends: --seal, --due and the limits (--max-…) need a --job")
    return read_params(opts, {**ARGUMENT_NAMES, **LIMIT_ARGUMENTS}, urls=args)

"""``scrapy schedule``: crawl a job again whenever it is time."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import LIMIT_ARGUMENTS, FrontierCommand, read_params, say, say_if_no_worker
from pdfspider.exceptions import JobNotFound
from pdfspider.formatting import counted
from pdfspider.frontier.entries import SCOPES
from pdfspider.frontier.jobs import job_name
from pdfspider.frontier.schedules import Schedules
from pdfspider.records import Database
from pdfspider.submission.schedules import said_interval
from pdfspider.submission.scheduling import RunTimes, schedule
from pdfspider.submission.seeds import read_seeds

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.schedules import Schedule
    from pdfspider.submission.params import Params


ARGUMENT_NAMES = {"urls_file": "file", "depth": "depth", "scope": "scope", "due": "due"}


class Command(FrontierCommand, ScrapyCommand):
    """The command ``schedule``."""

    creates = True

    def syntax(self) -> str:
        return "[options] [JOB [URL …]]"

    def short_desc(self) -> str:
        return "Crawl a job again whenever it is time; list what is scheduled"

    def long_desc(self) -> str:
        return (
            "Crawl a job again at an interval or by a cron expression (UTC); any worker starts the run. Without URLs, "
            "the seeds are those of its schedule so far, or of its newest run. Without a job, all schedules are listed."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--every", metavar="TIME", help="an interval: 90s, 30m, 12h, 7d or 2w")
        when.add_argument("--cron", metavar="EXPRESSION", help="a cron expression in UTC, such as '0 3 * * mon'")
        when.add_argument("--remove", action="store_true", help="remove the schedule of the job")
        parser.add_argument("--due", action="store_true", help="leave out hosts that are not due again yet")
        parser.add_argument("--file", metavar="FILE", help="file with one URL on each line")
        parser.add_argument("--depth", metavar="N", help="how many links deep to follow (default: DEPTH_LIMIT)")
        parser.add_argument("--scope", choices=SCOPES, help="where pages are followed (default: host)")
        parser.add_argument("--max-pages", metavar="N", help="end each run after this many pages")
        parser.add_argument("--max-documents", metavar="N", help="end each run after this many documents")
        parser.add_argument("--max-seconds", metavar="N", help="end what is queued after so many seconds")
        parser.add_argument("--json", action="store_true", help="list as one JSON object on each line")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if not args:
            if opts.every or opts.cron or opts.remove or opts.due or opts.file:
                raise UsageError("expected a job")
            return _list(as_json=opts.json)
        name = job_name(args[0])
        if opts.remove:
            return _remove(name)
        if not (opts.every or opts.cron):
            raise UsageError("expected --every, --cron or --remove")
        times = RunTimes.read(opts.every or "", opts.cron or "", int(time.time() * 1000))
        params = read_params(opts, {**ARGUMENT_NAMES, **LIMIT_ARGUMENTS}, job=name, urls=args[1:])
        if params.names_urls:
            read_seeds(params, config)
        return _put(config, params, times)


def _list(*, as_json: bool) -> Work:
    async def work(frontier: Frontier) -> None:
        found = await Schedules(frontier.redis).all()
        for each in found:
            say(json.dumps(_as_json(each)) if as_json else _line(each))
        if not (found or as_json):
            say("nothing is scheduled")

    return work


def _remove(name: str) -> Work:
    async def work(frontier: Frontier) -> None:
        if not await Schedules(frontier.redis).remove(name):
            raise JobNotFound(f"the job {name!r} has no schedule")
        say(f"job {name}: its schedule is removed")

    return work


def _put(config: Config, params: Params, times: RunTimes) -> Work:
    async def work(frontier: Frontier) -> None:
        records = None if params.names_urls else await Database.open(config.database_url)
        try:
            planned = await schedule(config, frontier, records, params, times)
        finally:
            if records:
                await records.close()
        say(_line(planned))
        await say_if_no_worker(frontier)

    return work


def _as_json(planned: Schedule) -> dict[str, Any]:
    wanted = ("job", "every", "cron", "seeds", "next", "started", "skipped")
    shown = {name: value for name, value in asdict(planned).items() if name in wanted}
    return {**shown, "every": planned.every / 1000, "due": bool(planned.options.due)}


def _line(planned: Schedule) -> str:
    when = f"cron {planned.cron}" if planned.cron else f"every {said_interval(planned.every)}"
    parts = [f"job {planned.job}: {when}", f"next on {_date(planned.next)}", counted(planned.seeds, "seed")]
    if planned.options.due:
        parts.append("only hosts that are due")
    if planned.started:
        parts.append(f"last run {planned.started}")
    if planned.skipped:
        parts.append(f"{counted(planned.skipped, 'time')} left out because the run before had not ended")
    return ", ".join(parts)


def _date(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(milliseconds / 1000))

"""``scrapy schedule``: crawl a job again whenever it is time."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import OnFrontier, require_database, say
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.formatting import counted, said_time
from pdfspider.frontier.entries import SCOPES
from pdfspider.frontier.fleet import frontier_time
from pdfspider.frontier.jobs import DEFAULT_JOB, job_name
from pdfspider.frontier.schedules import Schedule, Schedules
from pdfspider.records import Database
from pdfspider.submission.params import Params, faults
from pdfspider.submission.schedules import check_cron, interval_of, next_time
from pdfspider.submission.seeds import options, read_seeds, seed

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier


class Command(OnFrontier, ScrapyCommand):
    """The command ``schedule``."""

    creates = True

    def syntax(self) -> str:
        return "[options] [JOB [URL …]]"

    def short_desc(self) -> str:
        return "Crawl a job again whenever it is time; list what is scheduled"

    def long_desc(self) -> str:
        return (
            "Crawl a job again at an interval or by a cron expression (UTC); any worker starts the run. Without URLs, "
            "the seeds are those of its newest run. Without a job, the command lists all schedules."
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
        parser.add_argument("--scope", choices=SCOPES, default="host", help="where pages are followed (default: host)")
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
        if name == DEFAULT_JOB:
            raise InvalidInput(f"the job {DEFAULT_JOB} never ends: it has no next run")
        return _put(config, name, _params(args[1:], opts), opts)


def _list(*, as_json: bool) -> Work:
    async def work(frontier: Frontier) -> None:
        schedules = await Schedules(frontier.redis).all()
        for schedule in schedules:
            say(json.dumps(_as_json(schedule)) if as_json else _line(schedule))
        if not (schedules or as_json):
            say("nothing is scheduled")

    return work


def _remove(name: str) -> Work:
    async def work(frontier: Frontier) -> None:
        if not await Schedules(frontier.redis).remove(name):
            raise JobNotFound(f"the job {name!r} has no schedule")
        say(f"job {name}: its schedule is removed")

    return work


def _put(config: Config, name: str, params: Params, opts: argparse.Namespace) -> Work:
    now = int(time.time() * 1000)
    every = interval_of(opts.every) if opts.every else 0
    if opts.cron:
        check_cron(opts.cron, now)
    given = read_seeds(params, config) if params.urls or params.urls_file else []
    if not given:
        require_database(config)

    async def work(frontier: Frontier) -> None:
        seeds = given or await _known_seeds(config, name, params)
        now = await frontier_time(frontier.redis)
        chosen = options(config, seeds, due=int(params.due))
        if not given and (kept := await frontier.options_of(name)):
            chosen = replace(kept, due=int(params.due))
        schedule = Schedule(
            job=name,
            options=chosen,
            every=every,
            cron=opts.cron or "",
            networks=config.allowed_networks,
            seeds=len(seeds),
            next=now,
        )
        at_once = bool(every and given and await frontier.options_of(name) is None)
        schedule = schedule if at_once else replace(schedule, next=next_time(schedule, now))
        await Schedules(frontier.redis).put(schedule, seeds)
        say(_line(schedule))
        if not [worker async for worker in frontier.workers()]:
            say("no worker is running: start one with scrapy crawl pdfs")

    return work


async def _known_seeds(config: Config, name: str, params: Params) -> list[Entry]:
    """Return the seeds of the newest run of a job.

    Raises JobNotFound.
    """
    records = await Database.open(config.database_url)
    try:
        found = await records.seeds(name)
    finally:
        await records.close()
    if not found:
        raise JobNotFound(f"the database has no seeds of a job {name!r}: name its URLs")
    depth = config.depth if params.depth is None else params.depth
    return [seed(url, depth=depth, scope=params.scope, reach=lambda _, reach=reach: reach) for url, reach in found]  # type: ignore[misc]


def _params(urls: list[str], opts: argparse.Namespace) -> Params:
    names = {"urls_file": "file", "depth": "depth", "scope": "scope", "due": "due"}
    given = {name: value for name, option in names.items() if (value := getattr(opts, option)) is not None}
    try:
        return Params(urls=urls, **given)
    except ValidationError as error:
        lines = (f"--{names.get(str(place), place)} {value}: {text}" for place, value, text in faults(error))
        raise InvalidInput("\n".join(lines)) from None


def _as_json(schedule: Schedule) -> dict[str, Any]:
    wanted = ("job", "every", "cron", "seeds", "next", "started", "skipped")
    shown = {name: value for name, value in asdict(schedule).items() if name in wanted}
    return {**shown, "every": schedule.every / 1000, "due": bool(schedule.options.due)}


def _line(schedule: Schedule) -> str:
    when = f"cron {schedule.cron}" if schedule.cron else f"every {said_time(schedule.every / 1000)}"
    parts = [f"job {schedule.job}: {when}", f"next on {_date(schedule.next)}", counted(schedule.seeds, "seed")]
    if schedule.options.due:
        parts.append("only hosts that are due")
    if schedule.started:
        parts.append(f"last run {schedule.started}")
    if schedule.skipped:
        parts.append(f"{counted(schedule.skipped, 'time')} left out because the run before had not ended")
    return ", ".join(parts)


def _date(milliseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(milliseconds / 1000))

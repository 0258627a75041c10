"""``scrapy retry``: crawl failed URLs again."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from pdfspider.commands._base import OnFrontier, require_database, say
from pdfspider.discovery.rules import says_pdf
from pdfspider.discovery.scope import Scope
from pdfspider.discovery.urls import fingerprint, host_of, normalise
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.formatting import CLASSES, FOUND, counted
from pdfspider.frontier.entries import DEEPEST, SCOPES, Entry
from pdfspider.frontier.jobs import DEFAULT_JOB, job_name
from pdfspider.items import Outcome
from pdfspider.records import Database
from pdfspider.submission.seeds import options

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.jobs import JobOptions
    from pdfspider.records import Failure

    Groups = AsyncIterator[tuple[str, list[Failure]]]

DEAD = [outcome for outcome in Outcome if outcome.dead]
AT_ONCE = 5000


class Command(OnFrontier, ScrapyCommand):
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
        parser.add_argument("--class", dest="outcome", metavar="CLASS", help="only this class (default: dead letters)")
        parser.add_argument("--job", metavar="NAME", help="only this job")
        parser.add_argument("--depth", metavar="N", type=int, help="link depth, as for submit (default: DEPTH_LIMIT)")
        parser.add_argument("--scope", choices=SCOPES, default="host", help="scope, as for submit (default: host)")

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        job, outcome = job_name(opts.job) if opts.job else None, _outcome(opts.outcome)
        depth = config.depth if opts.depth is None else opts.depth
        if not 0 <= depth <= DEEPEST:
            raise InvalidInput(f"--depth {depth} is not between 0 and {DEEPEST}")
        require_database(config)
        revive = {each.code: "dead" if each.dead else "done" for each in ([outcome] if outcome else DEAD)}

        async def work(frontier: Frontier) -> None:
            again: Counter[str] = Counter()
            records = await Database.open(config.database_url)
            try:
                async for name, failures in _by_job(records, job, outcome):
                    entries = [_entry(failure, depth, opts.scope) for failure in failures]
                    asked = await _options(frontier, config, name)
                    seal = asked is not None and name != DEFAULT_JOB
                    submitted = await frontier.submit(name, entries, options=asked, seal=seal, revive=revive)
                    if submitted.added:
                        again[name] += submitted.added
            finally:
                await records.close()
            if job and not again:
                await frontier.run_of(job)
            for name, number in again.items():
                say(f"job {name}: {counted(number, 'URL')} queued again")
            if not again:
                say("there are no failed URLs")

        return work


def _outcome(name: str | None) -> Outcome | None:
    if name is None:
        return None
    outcome = CLASSES.get(name)
    if outcome is None or outcome in FOUND:
        known = ", ".join(outcome.value for outcome in Outcome if outcome not in FOUND)
        raise InvalidInput(f"--class {name}: no such class of failure (known: {known})")
    return outcome


async def _by_job(records: Database, job: str | None, outcome: Outcome | None) -> Groups:
    groups: dict[str, list[Failure]] = defaultdict(list)
    async with aclosing(records.failed(job, outcome)) as failures:
        async for failure in failures:
            group = groups[failure.job]
            group.append(failure)
            if len(group) >= AT_ONCE:
                yield failure.job, groups.pop(failure.job)
    for name, group in groups.items():
        yield name, group


def _entry(failure: Failure, depth: int, scope: str) -> Entry:
    url, found_on = normalise(failure.url), failure.found_on and normalise(failure.found_on)
    return Entry(
        url=url,
        fingerprint=fingerprint(failure.url),
        host=host_of(url),
        depth=failure.depth,
        max_depth=depth,
        scope=scope,
        document=says_pdf(url),
        leaf=found_on is not None and not Scope.of_seeds(scope, [found_on]).contains(url),
        technique=failure.technique,
        found_on=found_on,
        reach=failure.reach or 0,
    )


async def _options(frontier: Frontier, config: Config, name: str) -> JobOptions | None:
    """Return None for a job that keeps its options, else the options for a new one."""
    try:
        status = await frontier.status_of_run(await frontier.run_of(name))
    except JobNotFound:
        return options(config)
    return None if status and status["state"] in ("running", "paused", "finished") else options(config)

"""Submit again what has failed."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING

from pdfspider.discovery.rules import says_pdf
from pdfspider.discovery.scope import Scope
from pdfspider.discovery.urls import fingerprint, host_of, normalise
from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.frontier.entries import Entry
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.items import Outcome
from pdfspider.submission.seeds import options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.jobs import JobOptions
    from pdfspider.records import Database, RetryableUrl

    Groups = AsyncIterator[tuple[str, list[RetryableUrl]]]

DEAD_OUTCOMES = [outcome for outcome in Outcome if outcome.dead]
BATCH_SIZE = 5000


async def retry(
    config: Config,
    frontier: Frontier,
    records: Database,
    job: str | None = None,
    outcome: Outcome | None = None,
    *,
    depth: int,
    scope: str = "host",
    left_out: Counter[str] | None = None,
) -> Counter[str]:
    """Submit the dead letters of the latest run of a job, or of every job, or all URLs of one class.

    Return how many URLs were queued again for each job. ``left_out`` counts those that only the spider can ask for.
    Raises JobNotFound if the job has none and does not exist.
    """
    revive = {each.code: "dead" if each.dead else "done" for each in ([outcome] if outcome else DEAD_OUTCOMES)}
    again: Counter[str] = Counter()
    async for name, failures in _by_job(records, job, outcome):
        entries = [_entry(failure, depth, scope) for failure in failures if not _is_of_spider(failure)]
        if left_out is not None:
            left_out[name] += len(failures) - len(entries)
        again[name] += await submit_again(config, frontier, name, entries, revive)
    if job and not again:
        await frontier.run_of(job)
    return +again


async def retry_one(
    config: Config, frontier: Frontier, failure: RetryableUrl, *, depth: int, scope: str = "host"
) -> int:
    """Submit one URL again, and return how many were queued: 0 if it is queued already. Raises InvalidInput."""
    if _is_of_spider(failure):
        raise InvalidInput(f"{failure.url} was asked for by a request that only its spider can make: run that again")
    outcome = failure.outcome
    revive = {outcome.code: "dead" if outcome.dead else "done"}
    return await submit_again(config, frontier, failure.job, [_entry(failure, depth, scope)], revive)


async def submit_again(
    config: Config, frontier: Frontier, name: str, entries: list[Entry], revive: dict[str, str]
) -> int:
    """Submit URLs that ended in one of these classes, and return how many were queued again."""
    asked = await _options(frontier, config, name)
    seal = asked is not None and name != DEFAULT_JOB
    return (await frontier.submit(name, entries, options=asked, seal=seal, revive=revive)).added


async def _by_job(records: Database, job: str | None, outcome: Outcome | None) -> Groups:
    groups: dict[str, list[RetryableUrl]] = defaultdict(list)
    async with aclosing(records.failed(job, outcome)) as failures:
        async for failure in failures:
            group = groups[failure.job]
            group.append(failure)
            if len(group) >= BATCH_SIZE:
                yield failure.job, groups.pop(failure.job)
    for name, group in groups.items():
        yield name, group


def _is_of_spider(failure: RetryableUrl) -> bool:
    """Return whether a URL was asked for in a way of its own: by POST, or in spite of an earlier visit."""
    known = fingerprint(failure.url)
    same = failure.fingerprint in (None, int.from_bytes(known, "big", signed=True))
    return failure.technique in ("request", "seed") and not same


def _entry(failure: RetryableUrl, depth: int, scope: str) -> Entry:
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

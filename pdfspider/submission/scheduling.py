"""Schedule what a person asks for: a command's options, or the fields of a form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.exceptions import InvalidInput, JobNotFound
from pdfspider.frontier.jobs import DEFAULT_JOB
from pdfspider.frontier.reports.fleet import frontier_time
from pdfspider.frontier.schedules import Schedule, Schedules
from pdfspider.submission.schedules import check_cron, interval_of, next_time
from pdfspider.submission.seeds import asked_by, changes_by, options, read_seeds, seed

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.jobs import JobOptions
    from pdfspider.records import Database
    from pdfspider.submission.params import Params

SEED_ARGUMENTS = {"depth", "scope"}
"""The arguments that are part of each seed."""


class RunTimes(NamedTuple):
    """The times at which runs begin: an interval in milliseconds, or a cron expression."""

    every: int = 0
    cron: str = ""

    @classmethod
    def read(cls, every: str, cron: str, now: int) -> RunTimes:
        """Return the times that two texts stand for, of which one is empty.

        Raises InvalidInput.
        """
        if bool(every) == bool(cron):
            raise InvalidInput("a schedule has an interval or a cron expression")
        if cron:
            check_cron(cron, now)
        return cls(interval_of(every) if every else 0, cron)


async def schedule(
    config: Config, frontier: Frontier, records: Database | None, params: Params, times: RunTimes
) -> Schedule:
    """Schedule the job of the arguments, and return its schedule.

    ``records`` is needed where no URLs are named.
    Without URLs the seeds are those of its schedule so far, else those of its newest run. The next time stays if the
    times are the same as before. Raises InvalidInput, JobNotFound, RedisError and RecordsError.
    """
    name = params.job or DEFAULT_JOB
    if name == DEFAULT_JOB:
        raise InvalidInput(f"the job {DEFAULT_JOB} never ends: it has no next run")
    schedules, now = Schedules(frontier.redis), await frontier_time(frontier.redis)
    before, run = await schedules.get(name), await frontier.options_of(name)
    given = read_seeds(params, config) if params.names_urls else []
    seeds = given or await _known_seeds(config, schedules, records, params, before)
    chosen = _options(config, params, seeds, None if given else before.options if before else run)
    networks = before.networks if before and not given else config.allowed_networks
    planned = Schedule(job=name, options=chosen, every=times.every, cron=times.cron, networks=networks, next=now)
    planned = replace(
        planned, seeds=len(seeds), next=_first_time(planned, before, now, is_new=bool(given) and run is None)
    )
    await schedules.put(planned, seeds)
    return planned


def _first_time(planned: Schedule, before: Schedule | None, now: int, *, is_new: bool) -> int:
    """Return when the next run begins: of a new job with an interval at once."""
    if before and (before.every, before.cron) == (planned.every, planned.cron):
        return before.next
    return now if planned.every and is_new and not before else next_time(planned, now)


def _options(config: Config, params: Params, seeds: list[Entry], kept: JobOptions | None) -> JobOptions:
    """Return the options of the runs: those that are kept, with the limits that are named."""
    if kept is None:
        return options(config, seeds, **asked_by(params))
    changed: dict[str, Any] = {"due": int(params.due), **changes_by(params)}
    return replace(kept, **changed)


async def _known_seeds(
    config: Config, schedules: Schedules, records: Database | None, params: Params, before: Schedule | None
) -> list[Entry]:
    """Return the seeds of a schedule, or those of the newest run of a job that has none.

    Raises JobNotFound.
    """
    changed = {
        name: value for name, value in params.model_dump().items() if name in SEED_ARGUMENTS & params.model_fields_set
    }
    if "depth" in changed:
        changed["max_depth"] = changed.pop("depth")
    if before:
        return [known._replace(**changed) for known in await schedules.seeds(before.job)]
    assert params.job
    assert records is not None
    found = await records.seeds(params.job)
    if not found:
        raise JobNotFound(f"the database has no seeds of a job {params.job!r}: name its URLs")
    depth = config.depth if params.depth is None else params.depth
    return [seed(url, depth=depth, scope=params.scope, reach=partial(_known_reach, reach)) for url, reach in found]


def _known_reach(reach: int, _host: str) -> int:
    """Return the reach that a seed had before, whatever its host."""
    return reach

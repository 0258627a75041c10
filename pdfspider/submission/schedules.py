"""Start the runs of scheduled jobs when it is time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from croniter import croniter

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.schedules import PlannedRun, Schedules
from pdfspider.submission.recrawl_schedule import those_due

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.job_calls import Submitted
    from pdfspider.frontier.schedules import Schedule
    from pdfspider.records import Database

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
MAX_INTERVAL_S = 3650 * 86_400


def interval_of(text: str) -> int:
    """Return an interval such as ``90s``, ``30m``, ``12h``, ``7d`` or ``2w`` in milliseconds.

    Raises InvalidInput.
    """
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    seconds = int(found[1]) * SECONDS_PER_UNIT[found[2]] if found else 0
    if not 1 <= seconds <= MAX_INTERVAL_S:
        raise InvalidInput(f"{text!r} is no interval: a number with s, m, h, d or w, such as 12h or 7d, up to 3650d")
    return seconds * 1000


def said_interval(milliseconds: int) -> str:
    """Return an interval as :func:`interval_of` reads it, in the largest unit up to days that gives a whole number."""
    seconds = milliseconds // 1000
    unit = next(unit for unit in "dhms" if seconds % SECONDS_PER_UNIT[unit] == 0)
    return f"{seconds // SECONDS_PER_UNIT[unit]}{unit}"


def check_cron(text: str, now: int) -> None:
    """Raise InvalidInput for a cron expression that is not valid, or whose time never comes."""
    try:
        _next_by_cron(text, now)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{text!r} is no cron expression: {error}") from None


def next_time(schedule: Schedule, now: int) -> int:
    """Return the first time of a schedule after ``now``, both in milliseconds.

    Times that have passed meanwhile are left out. Cron expressions are in UTC.
    """
    if schedule.cron:
        return _next_by_cron(schedule.cron, now)
    behind = max(now - schedule.next, 0)
    return schedule.next + (behind // schedule.every + 1) * schedule.every


def _next_by_cron(text: str, now: int) -> int:
    found: float = croniter(text, datetime.fromtimestamp(now / 1000, UTC)).get_next(float)
    return int(found * 1000)


async def start_scheduled(
    config: Config, frontier: Frontier, records: Database, job: str, now: int
) -> Submitted | None:
    """Start the run of a job whose time has come, unless another worker does so.

    Return None if nothing was started. ``now`` is the frontier's time in milliseconds. Raises RedisError and
    RecordsError, after which the same call may be repeated.
    """
    schedules = Schedules(frontier.redis)
    schedule = await schedules.get(job)
    if schedule is None or schedule.next > now:
        return None
    seeds = await schedules.seeds(job)
    if schedule.options.due:
        seeds = await those_due(config, frontier, records, job, seeds)
    planned = PlannedRun(schedule.next, next_time(schedule, now))
    networks, options = schedule.networks, schedule.options
    started = await frontier.submit(job, seeds, options=options, seal=True, networks=networks, planned=planned)
    return started if started.run else None

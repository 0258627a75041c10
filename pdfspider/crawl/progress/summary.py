"""The content of the summary at the end of a worker."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from scrapy.settings import SETTINGS_PRIORITIES

from pdfspider.crawl.inspection.extension import LEFT_STAT
from pdfspider.crawl.inspection.service import UNAVAILABLE_STATUS
from pdfspider.crawl.progress.display import LocationLine, summary
from pdfspider.crawl.progress.loop_lag import LONGEST_STALL_STAT
from pdfspider.crawl.worker import Worker
from pdfspider.documents.inspection.report import InspectionStatus
from pdfspider.formatting import PROGRAM_NAMES, counted, said_time
from pdfspider.items import Outcome
from pdfspider.masking import masked_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from pdfspider.config import Config
    from pdfspider.crawl.progress.job_stats import JobStats

LOCATION_SETTINGS = {
    "dashboard": ("DATA_DIR", "DATABASE_URL", "FILES_STORE", "REDIS_URL"),
    "export": ("DATA_DIR", "DATABASE_URL"),
    "inspect": ("DATA_DIR", "DATABASE_URL", "FILES_STORE"),
    "retry": ("DATA_DIR", "DATABASE_URL", "REDIS_URL"),
}
"""The settings that say where a command finds what it needs."""


def crawl_summary(crawler: Crawler, job_stats: JobStats, reason: str, elapsed: float) -> RenderableType:
    """Return the summary of the worker's job, or else of what the worker did."""
    worker = Worker.of(crawler)
    title = f"{_ended(job_stats, reason)} after {said_time(elapsed)}: {_subject(worker, job_stats)}"
    return summary(title, job_stats, _places(worker, crawler.settings, job_stats, crawler.stats.get_stats()))


def _ended(job_stats: JobStats, reason: str) -> str:
    if reason == "finished":
        return job_stats.state.capitalize()
    return {"shutdown": "Stopped", "failed": "Failed (the log says why)"}.get(reason, f"Ended ({reason})")


def _subject(worker: Worker, job_stats: JobStats) -> str:
    if worker.job is None:
        return "this worker's own work"
    left = f", {counted(job_stats.remaining, 'URL')} left" if job_stats.remaining else ""
    return f"job {worker.job}{left}"


def _places(
    worker: Worker, settings: BaseSettings, job_stats: JobStats, stats: Mapping[str, Any]
) -> list[LocationLine]:
    """Return where things are and which commands use them."""
    of_job = f" --job {worker.job}" if worker.job else ""
    places = [
        *_inspected(stats),
        LocationLine("files", _near(worker.config.shown_store)),
        LocationLine("database", _shown_database(worker.config)),
        LocationLine("export", command(settings, f"export captures.csv{of_job}")),
        LocationLine("look", command(settings, "dashboard")),
    ]
    if any(job_stats.classes.get(outcome.value) for outcome in Outcome if outcome.dead):
        places.append(LocationLine("try again", command(settings, f"retry{of_job}")))
    if stats.get(LEFT_STAT):
        places.append(LocationLine("inspect", command(settings, f"inspect{of_job}")))
    if worker.job and job_stats.remaining:
        places.append(LocationLine("go on", "the same command again"))
    return places


def _inspected(stats: Mapping[str, Any]) -> Iterator[LocationLine]:
    """Yield the results of this worker's inspections, and the longest time that its event loop was blocked."""
    found = {
        status: stats.get(f"pdfspider/inspection/{status}", 0) for status in (*InspectionStatus, UNAVAILABLE_STATUS)
    }
    words = [f"{number:,} {status}" for status, number in found.items() if number]
    if left := stats.get(LEFT_STAT):
        words.append(f"{left:,} left")
    if words:
        yield LocationLine("inspections", ", ".join(words))
    if LONGEST_STALL_STAT in stats:
        yield LocationLine("event loop", f"longest stall {1000 * stats[LONGEST_STALL_STAT]:.0f} ms")


def command(settings: BaseSettings, words: str) -> str:
    """Return a command that this user can type, with the places that were chosen on the command line.

    The user has to fill in passwords.
    """
    names = LOCATION_SETTINGS[words.partition(" ")[0]]
    chosen = [name for name in names if settings.getpriority(name) == SETTINGS_PRIORITIES["cmdline"]]
    given = [f"-s {name}={shlex.quote(masked_url(str(settings[name])))}" for name in chosen]
    return " ".join([_program(), words, *given])


def _program() -> str:
    """Return the words that start the running program."""
    started = sys.argv[0]
    name = Path(started).name
    if name not in PROGRAM_NAMES:
        return "scrapy"
    return name if shutil.which(name) == started else _near(started)


def _near(path: str) -> str:
    """Return the shortest form of a path from the current directory, and anything else unchanged."""
    here, place = Path.cwd(), Path(path)
    return str(place.relative_to(here)) if place.is_relative_to(here) else path


def _shown_database(config: Config) -> str:
    scheme, _, path = config.shown_database.partition(":///")
    return _near(unquote(path)) if scheme == "sqlite" else config.shown_database

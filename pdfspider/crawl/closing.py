"""What the summary at the end of a worker says."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.settings import SETTINGS_PRIORITIES

from pdfspider.crawl.display import Place, summary
from pdfspider.crawl.wording import counted, said_time
from pdfspider.crawl.worker import Worker
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from rich.console import RenderableType
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from pdfspider.config import Config
    from pdfspider.crawl.figures import Figures


def closing_words(crawler: Crawler, figures: Figures, reason: str, elapsed: float) -> RenderableType:
    """The summary: of the job that the worker was bound to, or else of what the worker did."""
    worker = Worker.of(crawler)
    title = f"{_ended(figures, reason)} after {said_time(elapsed)}: {_subject(worker, figures)}"
    return summary(title, figures, _places(worker, crawler.settings, figures))


def _ended(figures: Figures, reason: str) -> str:
    if reason == "finished":
        return figures.state.capitalize()
    return {"shutdown": "Stopped", "failed": "Failed (the log says why)"}.get(reason, f"Ended ({reason})")


def _subject(worker: Worker, figures: Figures) -> str:
    if worker.job is None:
        return "this worker's own work"
    left = f", {counted(figures.remaining, 'URL')} left" if figures.remaining else ""
    return f"job {worker.job}{left}"


def _places(worker: Worker, settings: BaseSettings, figures: Figures) -> list[Place]:
    """Where things are and what can be done with them."""
    of_job = f" --job {worker.job}" if worker.job else ""
    places = [
        Place("files", _near(worker.config.files_store)),
        Place("database", _shown_database(worker.config)),
        Place("export", command(settings, f"export captures.csv{of_job}")),
    ]
    if any(figures.classes.get(outcome.value) for outcome in Outcome if outcome.dead):
        places.append(Place("try again", command(settings, f"retry{of_job}")))
    if worker.job and figures.remaining:
        places.append(Place("go on", "the same command again"))
    return places


def command(settings: BaseSettings, words: str) -> str:
    """A command of ours as this user can type it."""
    chosen = settings.getpriority("DATA_DIR") == SETTINGS_PRIORITIES["cmdline"]
    data_dir = f" -s DATA_DIR={shlex.quote(str(settings['DATA_DIR']))}" if chosen else ""
    return f"{_program()} {words}{data_dir}"


def _program() -> str:
    started = sys.argv[0]
    if Path(started).name != "scrapy" or shutil.which("scrapy") == started:
        return "scrapy"
    return _near(started)


def _near(path: str) -> str:
    """A path as it is shortest from here; anything else as it is."""
    here, place = Path.cwd(), Path(path)
    return str(place.relative_to(here)) if place.is_relative_to(here) else path


def _shown_database(config: Config) -> str:
    scheme, _, path = config.shown_database.partition(":///")
    return _near(path) if scheme == "sqlite" else config.shown_database

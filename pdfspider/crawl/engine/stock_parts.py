"""Run the spider on Scrapy's own parts: another scheduler, and Scrapy's downloader, middlewares and FilesPipeline."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.settings import default_settings
from scrapy.utils.misc import load_object

from pdfspider.crawl.engine.scheduler import Scheduler

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from pdfspider.submission.params import Params

logger = logging.getLogger(__name__)

PART_SETTINGS = (
    "SCHEDULER",
    "DOWNLOADER",
    "ITEM_PROCESSOR",
    "STATS_CLASS",
    "LOG_FORMATTER",
    "ITEM_PIPELINES",
    "DOWNLOAD_HANDLERS_BASE",
    "DOWNLOADER_MIDDLEWARES_BASE",
    "SPIDER_MIDDLEWARES_BASE",
    "EXTENSIONS_BASE",
)
"""Settings by which the project puts in parts of its own."""
WITHOUT_CRAWL_SETTING = "COMMAND_WITHOUT_CRAWL"
"""Set by commands that look at one page with Scrapy's parts."""
FILES_PIPELINE = {"scrapy.pipelines.files.FilesPipeline": 1}

STOCK_ARGUMENTS = {"urls", "urls_file", "depth", "scope"}
"""The spider's arguments that mean the same on Scrapy's parts."""


def are_used(settings: BaseSettings) -> bool:
    """Return whether a crawl is to have a scheduler that knows nothing of the frontier."""
    if settings.getbool(WITHOUT_CRAWL_SETTING):
        return False
    try:
        scheduler = load_object(settings["SCHEDULER"])
    except (ImportError, NameError, TypeError, ValueError):
        return False  # it is refused elsewhere
    return Scheduler not in getattr(scheduler, "__mro__", (Scheduler,))


def put_in(settings: BaseSettings) -> None:
    """Replace the project's parts by Scrapy's; those that the command line names stay."""
    stock: dict[str, Any] = {name: getattr(default_settings, name) for name in PART_SETTINGS if name != "SCHEDULER"}
    stock["ITEM_PIPELINES"] = FILES_PIPELINE
    if not settings["FILES_STORE"]:
        stock["FILES_STORE"] = str(Path(settings["DATA_DIR"] or "data") / "files")
    for name, value in stock.items():
        settings.set(name, value, priority="spider")


def say_what_is_lost(settings: BaseSettings, params: Params) -> None:
    """Warn that nothing of the frontier holds, and name the arguments that have no effect."""
    logger.warning(
        "SCHEDULER=%s: without the frontier nothing is shared, recorded or kept after a crash; "
        "docs/reference.md says what else is lost",
        settings["SCHEDULER"],
    )
    for name in sorted(params.model_fields_set - STOCK_ARGUMENTS):
        logger.warning("-a %s has no effect without the frontier", name)

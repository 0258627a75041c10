"""Restore Scrapy's own components for its commands that fetch a single page without a frontier."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy import exceptions
from scrapy.settings import default_settings

from pdfspider.commands._base import complain
from pdfspider.crawl.engine.stock_parts import PART_SETTINGS, WITHOUT_CRAWL_SETTING

if TYPE_CHECKING:
    import argparse

    from scrapy.commands.fetch import Command as Mixin
else:
    Mixin = object

FETCH_ERRORS = (
    OSError,
    exceptions.CannotResolveHostError,
    exceptions.DownloadConnectionRefusedError,
    exceptions.DownloadFailedError,
    exceptions.DownloadTimeoutError,
    exceptions.ResponseDataLossError,
    exceptions.UnsupportedURLSchemeError,
)
"""Errors that say that a page cannot be fetched."""
LOGGERS = ("scrapy.core.scraper", "scrapy.downloadermiddlewares.robotstxt")


class StockPartsCommand(Mixin):
    """A mixin for Scrapy's own commands; ``-s`` still overrides."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        for name in PART_SETTINGS:
            self.settings.set(name, getattr(default_settings, name), priority="project")
        self.settings.set("LOG_LEVEL", "WARNING", priority="project")
        self.settings.set(WITHOUT_CRAWL_SETTING, value=True, priority="project")
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self._in_one_line)
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Run the command; where its page cannot be fetched the exit code is 1."""
        try:
            super().run(args, opts)
        except FETCH_ERRORS as error:
            self.exitcode = complain(f"cannot fetch {' '.join(args)}: {error}")

    def _in_one_line(self, record: logging.LogRecord) -> bool:
        """Leave the traceback of a failed download out, which says nothing that its message does not."""
        error = record.exc_info and record.exc_info[1]
        if isinstance(error, FETCH_ERRORS):
            text = record.getMessage()
            record.msg, record.args, record.exc_info = text if str(error) in text else f"{text}: {error}", (), None
            self.exitcode = 1
        return True

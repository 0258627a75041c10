"""Restore Scrapy's own components for its commands that fetch a single page without a frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.settings import default_settings

if TYPE_CHECKING:
    import argparse

PARTS = (
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


class WithStockParts:
    """A mixin for Scrapy's own commands; ``-s`` still overrides."""

    settings: Any

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        for name in PARTS:
            self.settings.set(name, getattr(default_settings, name), priority="project")
        self.settings.set("LOG_LEVEL", "WARNING", priority="project")
        super().process_options(args, opts)  # type: ignore[misc]

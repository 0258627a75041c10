"""``scrapy bench``."""

from __future__ import annotations

from scrapy.commands import bench

from pdfspider.commands._stock import WithStockParts


class Command(WithStockParts, bench.Command):
    """Scrapy's own, with Scrapy's own parts: ``make bench`` measures ours."""

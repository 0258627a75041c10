"""``scrapy bench``."""

from __future__ import annotations

from scrapy.commands import bench

from pdfspider.commands._stock import StockPartsCommand


class Command(StockPartsCommand, bench.Command):
    """Scrapy's own, with Scrapy's own parts: ``make bench`` measures ours."""

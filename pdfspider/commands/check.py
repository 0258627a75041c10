"""``scrapy check``."""

from __future__ import annotations

from scrapy.commands import check

from pdfspider.commands._stock import StockPartsCommand


class Command(StockPartsCommand, check.Command):
    """Scrapy's own."""

"""``scrapy check``."""

from __future__ import annotations

from scrapy.commands import check

from pdfspider.commands._stock import WithStockParts


class Command(WithStockParts, check.Command):
    """Scrapy's own."""

"""``scrapy fetch``: Scrapy's own command."""

from __future__ import annotations

from scrapy.commands import fetch

from pdfspider.commands._stock import StockPartsCommand


class Command(StockPartsCommand, fetch.Command):
    """Scrapy's own command ``fetch``."""

"""``scrapy fetch``: Scrapy's own command."""

from __future__ import annotations

from scrapy.commands import fetch

from pdfspider.commands._stock import WithStockParts


class Command(WithStockParts, fetch.Command):
    """Scrapy's own command ``fetch``."""

"""``scrapy shell``: Scrapy's own command."""

from __future__ import annotations

from scrapy.commands import shell

from pdfspider.commands._stock import StockPartsCommand


class Command(StockPartsCommand, shell.Command):
    """Scrapy's own command ``shell``."""

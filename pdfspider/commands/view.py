"""``scrapy view``: Scrapy's own command."""

from __future__ import annotations

from scrapy.commands import view

from pdfspider.commands._stock import StockPartsCommand


class Command(StockPartsCommand, view.Command):
    """Scrapy's own command ``view``."""

"""``scrapy view``: Scrapy's own command."""

from __future__ import annotations

from scrapy.commands import view

from pdfspider.commands._stock import WithStockParts


class Command(WithStockParts, view.Command):
    """Scrapy's own command ``view``."""

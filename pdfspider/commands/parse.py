"""``scrapy parse``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import parse

from pdfspider.commands._base import say
from pdfspider.commands._stock import StockPartsCommand

if TYPE_CHECKING:
    import argparse


class Command(StockPartsCommand, parse.Command):
    """Scrapy's own, with the spider ``pdfs`` unless another one is named."""

    def set_spidercls(self, url: str, opts: argparse.Namespace) -> None:
        """Choose the spider."""
        opts.spider = opts.spider or "pdfs"
        super().set_spidercls(url, opts)

    def start_parsing(self, url: str, opts: argparse.Namespace) -> None:
        """Fetch the page; where there was none the exit code is 1."""
        super().start_parsing(url, opts)
        if not self.first_response:
            self.exitcode = 1

    def print_requests(self, lvl: int | None = None, colour: bool = True) -> None:
        """Print the links that each capture leads to, in place of requests."""
        for level in self.items if lvl is None else [lvl]:
            for item in self.items.get(level, []):
                say(f"# Links of {getattr(item, 'url', item)}")
                for entry in getattr(item, "links", []):
                    say(f"{entry.technique:<18} {entry.url}")

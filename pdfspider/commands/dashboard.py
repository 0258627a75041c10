"""``scrapy dashboard``: pages on which people see what a fleet does, and steer it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._serving import ServingCommand
from pdfspider.exceptions import AddressInUse
from pdfspider.frontier.reports.dashboards import dashboard_url

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier


class Command(ServingCommand, ScrapyCommand):
    """The command ``dashboard``."""

    def short_desc(self) -> str:
        return "Serve the dashboard at DASHBOARD_URL"

    def long_desc(self) -> str:
        return (
            "Serve pages on which people see jobs, hosts, workers and documents, and submit, pause, change, retry and "
            "cancel. It listens on this machine only, unless DASHBOARD_URL and DASHBOARD_TOKEN say otherwise."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--until-eof", action="store_true", help="end when the standard input does")

    def service(self, config: Config, copies: Copies | None, opts: argparse.Namespace) -> Work:
        from pdfspider.dashboard.serving import serve

        async def work(frontier: Frontier) -> None:
            stopped = asyncio.Event()
            if opts.until_eof:
                asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stopped.set)
            try:
                await serve(config, frontier, copies, stopped)
            except AddressInUse:
                if not (opts.until_eof and await dashboard_url(frontier.redis)):  # that of another worker
                    raise

        return work

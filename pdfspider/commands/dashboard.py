"""``scrapy dashboard``: pages on which people see what a fleet does, and steer it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.utils.log import configure_logging

from pdfspider.commands._base import OnFrontier
from pdfspider.exceptions import AddressInUse
from pdfspider.frontier.dashboards import dashboard_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier


class Command(OnFrontier, ScrapyCommand):
    """The command ``dashboard``."""

    creates = True
    default_settings: ClassVar[dict[str, Any]] = {}

    def syntax(self) -> str:
        return "[options]"

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

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        import uvloop

        return uvloop.new_event_loop

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        configure_logging(self.settings)

        from pdfspider.dashboard.serving import serve

        copies = self._copies(config)

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

    def _copies(self, config: Config) -> Copies | None:
        if not config.files_store.startswith("s3://"):
            return None
        from pdfspider.crawl.inspection.downloads import S3Copies

        assert self.settings is not None
        return S3Copies(config.files_store, self.settings)

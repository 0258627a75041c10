"""``scrapy gateway``: serve masters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.utils.log import configure_logging

from pdfspider.commands._base import OnFrontier

if TYPE_CHECKING:
    import argparse
    import asyncio
    from collections.abc import Callable

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier


class Command(OnFrontier, ScrapyCommand):
    """The command ``gateway``."""

    creates = True
    default_settings: ClassVar[dict[str, Any]] = {}

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Serve masters on the transports of GATEWAY_URLS"

    def long_desc(self) -> str:
        return (
            "Take messages from masters on the transports of GATEWAY_URLS, and publish their results. Any number of "
            "gateways may serve one frontier. On SIGTERM and Ctrl-C, the gateway settles the messages that it has "
            "taken, then ends."
        )

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        import uvloop

        return uvloop.new_event_loop

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        configure_logging(self.settings)

        from pdfspider.gateway.gateway import serve

        copies = self._copies(config)

        async def work(frontier: Frontier) -> None:
            await serve(config, frontier, copies)

        return work

    def _copies(self, config: Config) -> Copies | None:
        if not config.files_store.startswith("s3://"):
            return None
        from pdfspider.crawl.inspection.downloads import S3Copies

        assert self.settings is not None
        return S3Copies(config.files_store, self.settings)

"""``scrapy gateway``: serve masters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand

from pdfspider.commands._serving import ServingCommand

if TYPE_CHECKING:
    import argparse

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies
    from pdfspider.frontier.frontier import Frontier


class Command(ServingCommand, ScrapyCommand):
    """The command ``gateway``."""

    def short_desc(self) -> str:
        return "Serve masters on the transports of GATEWAY_URLS"

    def long_desc(self) -> str:
        return (
            "Take messages from masters on the transports of GATEWAY_URLS, and publish their results. Any number of "
            "gateways may serve one frontier. On SIGTERM and Ctrl-C, the gateway settles the messages that it has "
            "taken, then ends."
        )

    def act(self, config: Config, args: list[str], opts: argparse.Namespace) -> None:
        super().act(config, args, opts)
        from pdfspider.gateway.shutdown import exit_at_once

        exit_at_once()

    def service(self, config: Config, copies: Copies | None, opts: argparse.Namespace) -> Work:
        from pdfspider.gateway.gateway import serve

        async def work(frontier: Frontier) -> None:
            await serve(config, frontier, copies)

        return work

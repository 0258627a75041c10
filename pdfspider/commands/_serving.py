"""Shared parts of the commands that serve until they are told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import UsageError
from scrapy.utils.log import configure_logging

from pdfspider.commands._base import FrontierCommand

if TYPE_CHECKING:
    import argparse
    import asyncio
    from collections.abc import Callable

    from pdfspider.commands._base import Work
    from pdfspider.config import Config
    from pdfspider.documents.copies import Copies


class ServingCommand(FrontierCommand):
    """A mixin for commands that serve, with a log, on a frontier that they start where there is none."""

    creates = True
    default_settings: ClassVar[dict[str, Any]] = {}

    def service(self, config: Config, copies: Copies | None, opts: argparse.Namespace) -> Work:
        """Return the work; ``copies`` are those of an object store, None for a directory."""
        raise NotImplementedError

    def syntax(self) -> str:
        """Return the usage without the command's name."""
        return "[options]"

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """Return the function that makes the event loop, uvloop's."""
        import uvloop

        return uvloop.new_event_loop

    def plan(self, config: Config, args: list[str], opts: argparse.Namespace) -> Work:
        """Return the work, with logging on."""
        if args:
            raise UsageError(f"unexpected: {args[0]}")
        configure_logging(self.settings)
        return self.service(config, self._copies(config), opts)

    def _copies(self, config: Config) -> Copies | None:
        if not config.files_store.startswith("s3://"):
            return None
        from pdfspider.crawl.inspection.downloads import S3Copies

        assert self.settings is not None
        return S3Copies(config.files_store, self.settings)

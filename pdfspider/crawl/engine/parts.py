"""Settings that put a part of the worker in place: what cannot work is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.utils.misc import load_object

from pdfspider.crawl.engine import stock_parts
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

REQUIRED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
OWN_PARTS = {
    "SCHEDULER": "pdfspider.crawl.engine.scheduler.Scheduler",
    "DOWNLOADER": "pdfspider.crawl.fetch.downloader.Downloader",
    "ITEM_PROCESSOR": "pdfspider.crawl.engine.processor.Processor",
}


def check_reactor(settings: BaseSettings) -> None:
    """Raise ConfigurationError where the worker would have no asyncio event loop."""
    reactor, loop = settings["TWISTED_REACTOR"], settings["ASYNCIO_EVENT_LOOP"]
    if settings.getbool("TWISTED_REACTOR_ENABLED") and reactor != REQUIRED_REACTOR:
        raise ConfigurationError(f"TWISTED_REACTOR={reactor!r} cannot be used: a worker needs {REQUIRED_REACTOR}")
    try:
        load_object(loop or REQUIRED_REACTOR)
    except (ImportError, NameError, TypeError, ValueError) as error:
        raise ConfigurationError(f"ASYNCIO_EVENT_LOOP={loop!r} cannot be used: {error}") from None


def check_parts(settings: BaseSettings) -> None:
    """Raise ConfigurationError for a part that knows nothing of the frontier."""
    check_reactor(settings)
    if stock_parts.are_used(settings):
        return
    for name, path in OWN_PARTS.items():
        try:
            chosen = load_object(settings[name])
        except (ImportError, NameError, TypeError, ValueError) as error:
            raise ConfigurationError(f"{name}: {error}") from None
        if load_object(path) not in chosen.__mro__:  # the class of schedulers takes all of them for its own
            raise ConfigurationError(
                f"{name}={settings[name]} knows nothing of the frontier: use {path}, or a subclass"
            )

"""Scrapy's consoles, loaded only where they are switched on: what they import takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import NotConfigured
from scrapy.utils.misc import build_from_crawler, load_object

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class Console:
    """Stands for an extension of Scrapy: ``path``, switched on by ``setting``."""

    path: ClassVar[str]
    setting: ClassVar[str]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        """Return Scrapy's extension. Raises NotConfigured where it is off, or where EXTENSIONS names it."""
        settings = crawler.settings
        if not settings.getbool(cls.setting) or cls.path in settings.getdict("EXTENSIONS"):
            raise NotConfigured
        return build_from_crawler(load_object(cls.path), crawler)


class TelnetConsole(Console):
    """Scrapy's telnet console."""

    path = "scrapy.extensions.telnet.TelnetConsole"
    setting = "TELNETCONSOLE_ENABLED"


class RemoteControl(Console):
    """Scrapy's HTTP server for code that runs in the worker."""

    path = "scrapy.extensions.remote_control.RemoteControl"
    setting = "REMOTE_CONTROL_ENABLED"

"""Parts of Scrapy that are loaded only where they are switched on: what they import takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.exceptions import NotConfigured
from scrapy.utils.misc import build_from_crawler, load_object

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


class OptionalPart:
    """Stands for a part of Scrapy: ``path``, switched on by ``setting``, which users name in ``places``."""

    path: ClassVar[str]
    setting: ClassVar[str]
    places: ClassVar[str] = "EXTENSIONS"

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        """Return Scrapy's part. Raises NotConfigured where it is off, or where it is named by itself."""
        settings = crawler.settings
        if not settings.getbool(cls.setting) or cls.path in settings.getdict(cls.places):
            raise NotConfigured
        return build_from_crawler(load_object(cls.path), crawler)


class TelnetConsole(OptionalPart):
    """Scrapy's telnet console."""

    path = "scrapy.extensions.telnet.TelnetConsole"
    setting = "TELNETCONSOLE_ENABLED"


class RemoteControl(OptionalPart):
    """Scrapy's HTTP server for code that runs in the worker."""

    path = "scrapy.extensions.remote_control.RemoteControl"
    setting = "REMOTE_CONTROL_ENABLED"


class HttpCache(OptionalPart):
    """Scrapy's cache of responses."""

    path = "scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware"
    setting = "HTTPCACHE_ENABLED"
    places = "DOWNLOADER_MIDDLEWARES"

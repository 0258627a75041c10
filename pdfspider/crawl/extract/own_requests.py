"""Make the requests that a callback yielded links of its capture."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter, is_item
from scrapy import Request

from pdfspider.crawl.extract.spider_requests import child, plain
from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import RequestRefused
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scrapy import Spider

    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.items import Capture

logger = logging.getLogger(__name__)

REQUEST_OVERHEAD = 200
"""Bytes that a request takes in the frontier beside its URL and its data, about."""


class OwnRequests:
    """Refuses aloud what cannot be kept; the numbers and sizes are bounded as those of links are."""

    def __init__(self, spider: Spider, config: Config, stats: Any, drop: Callable[[Request], None]) -> None:
        """``drop`` tells of a request that is not queued."""
        self._drop = drop
        self._config, self._stats = config, stats
        self._spider: Any = spider
        self._urls_field = spider.settings.get("FILES_URLS_FIELD") or "file_urls"
        self._allowed = tuple(domain.lower() for domain in getattr(spider, "allowed_domains", None) or ())
        self.has_domains = bool(self._allowed)

    def add(self, capture: Capture, requests: Sequence[Request]) -> None:
        """Put requests before the links of a capture, so that they are the first to be visited."""
        refused: list[str] = []
        entries = list(self._entries(capture, requests, refused))
        capture.links = [*entries, *capture.links]
        if refused:
            capture.add_reason(f"{len(refused)} of its requests are refused: {refused[0]}")

    def add_files(self, capture: Capture, items: Sequence[Any]) -> None:
        """Have the URLs in the field ``FILES_URLS_FIELD`` of items fetched; their links are not followed."""
        before = len(capture.links)
        self.add(capture, [request for item in items if is_item(item) for request in self._files(ItemAdapter(item))])
        files = len(capture.links) - before
        capture.links[:files] = [entry.child(leaf=True) for entry in capture.links[:files]]

    def _files(self, item: ItemAdapter) -> Iterator[Request]:
        given = item.get(self._urls_field) or ()
        if not given:
            return
        described: dict[str, Any] = {name: value for name, value in item.items() if name != self._urls_field}
        try:
            kept = {"item": plain(described, "item")}
        except RequestRefused as error:
            logger.warning("Documents are fetched without their item: %s", error)
            kept = {}
        for url in [given] if isinstance(given, str) else given:
            try:
                yield Request(url, self._spider.parse_document, cb_kwargs=kept)
            except (TypeError, ValueError) as error:
                logger.error("%s=%r is not fetched: %s", self._urls_field, url, error)
                self._stats.inc_value("pdfspider/requests/refused")

    def _entries(self, capture: Capture, requests: Sequence[Request], refused: list[str]) -> Iterator[Entry]:
        most, room = self._config.links_per_page or len(requests), self._config.links_size
        for number, request in enumerate(requests):
            try:
                entry = child(self._spider, capture.lease.entry, request, capture.final_url or capture.url, number)
            except RequestRefused as error:
                self._refuse(request, str(error), refused)
                continue
            room -= len(entry.url) + len(entry.request) + REQUEST_OVERHEAD
            if number >= most or (room < 0 and self._config.links_size):
                self._refuse(request, "there are too many (PDF_LINKS_PER_PAGE, PDF_LINKS_MAX_SIZE)", refused)
            elif self._is_followed(entry, request):
                self._stats.inc_value("pdfspider/requests/queued")
                yield entry
            else:
                self._drop(request)

    def _refuse(self, request: Request, reason: str, refused: list[str]) -> None:
        refused.append(f"{request}: {reason}")
        self._stats.inc_value("pdfspider/requests/refused")
        logger.error("%s is not fetched: %s", request, reason)
        self._drop(request)

    def _is_followed(self, entry: Entry, request: Request) -> bool:
        """Return whether a request is within the depth and the domains that it may have, as in Scrapy."""
        if entry.max_depth and entry.depth > entry.max_depth:
            self._stats.inc_value("pdfspider/requests/too_deep")
            return False
        if self._allowed and not request.dont_filter and not is_within(host_of(entry.url), self._allowed):
            self._stats.inc_value("offsite/filtered")
            return False
        return True

    def leave_offsite(self, capture: Capture) -> None:
        """Leave links out that lead out of the spider's ``allowed_domains``."""
        if self._allowed and capture.links and capture.outcome is not Outcome.REDIRECT:
            kept = [entry for entry in capture.links if is_within(entry.host, self._allowed)]
            self._stats.inc_value("offsite/filtered", len(capture.links) - len(kept))
            capture.links = kept


def is_within(host: str, domains: tuple[str, ...]) -> bool:
    """Return whether a host is in one of some domains."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)

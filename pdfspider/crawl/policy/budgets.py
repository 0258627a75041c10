"""Limit how many pages of a host, and of one URL pattern, a job takes, which bounds the cost of traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachetools import LRUCache
from redis.exceptions import RedisError

from pdfspider.crawl.fetch.errors import ReleaseRequested
from pdfspider.discovery.traps import maze, pattern
from pdfspider.discovery.urls import host_of
from pdfspider.exceptions import FrontierError
from pdfspider.items import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.frontier.frontier import Frontier
    from pdfspider.frontier.leases import Lease
    from pdfspider.items import Capture

    Verdict = tuple[Outcome, str]

MAX_PATTERNS = 50_000
"""Patterns that a worker counts at once. Beyond that, it forgets the one that was seen the longest time ago."""
MAX_HOSTS = 50_000
MAX_RUNS = 10_000
"""Runs of which a worker counts the redirects out of the scope."""
PAGES_PER_DOCUMENT = 10
"""Pages by which a pattern's bound grows for each document that they have led to."""
STEPS_PER_BUDGET = 1000
"""In about so many steps a host's budget is used up: its pages are counted in Redis a step at a time."""


ALWAYS_ALLOWED_LINKS = 500
"""Links that are never too large together."""
LINK_OVERHEAD, HOST_OVERHEAD = 200, 1_500
"""Bytes that a link and a host take in the frontier beside their URLs, about."""


def bound_links(entries: list[Entry], config: Config) -> list[Entry]:
    """Return those links of a page that the settings allow, documents first."""
    most, size = config.links_per_page, config.links_size
    if not ((most and len(entries) > most) or (size and len(entries) > ALWAYS_ALLOWED_LINKS and _size(entries) > size)):
        return entries
    kept = sorted(entries, key=lambda entry: not entry.document)[: most or None]
    return list(_within(kept, size)) if size else kept


def _size(entries: list[Entry]) -> int:
    """Return about how many bytes these entries take in the frontier."""
    found_on = len(entries[0].found_on or "")
    hosts = len({entry.host for entry in entries})
    return sum(len(entry.url) for entry in entries) + len(entries) * (LINK_OVERHEAD + found_on) + hosts * HOST_OVERHEAD


def _within(entries: list[Entry], size: int) -> Iterator[Entry]:
    """Yield the first of these entries, as many as fit."""
    hosts: set[str] = set()
    for entry in entries:
        size -= (
            len(entry.url)
            + len(entry.found_on or "")
            + LINK_OVERHEAD
            + (HOST_OVERHEAD if entry.host not in hosts else 0)
        )
        if size < 0:
            return
        hosts.add(entry.host)
        yield entry


class Budgets:
    """Counts pages by pattern in this worker, and by host over all workers, without seeds and documents."""

    def __init__(self, config: Config, frontier: Frontier) -> None:
        self._config, self._frontier = config, frontier
        self._patterns: LRUCache[int, int] = LRUCache(MAX_PATTERNS)
        self._hosts: LRUCache[tuple[int, str], tuple[int, int]] = LRUCache(MAX_HOSTS)
        self._redirects: LRUCache[int, int] = LRUCache(MAX_RUNS)

    async def verdict(self, lease: Lease) -> Verdict | None:
        """Return why a page is not fetched, None if it may be, which counts it.

        Raises RedisError.
        """
        entry, config = lease.entry, self._config
        if entry is None or entry.document or entry.technique == "seed" or lease.attempt > 1:
            return None
        if config.traps and (reason := maze(entry.url)):
            return Outcome.TRAP, reason
        if config.pages_per_pattern and not self._admits(config, lease.run, pattern(entry.url)):
            return Outcome.TRAP, f"more than {config.pages_per_pattern} pages are like it: {pattern(entry.url)}"
        if config.pages_per_host and not await self._host_admits(config, lease.run, host_of(entry.url)):
            return Outcome.OVER_BUDGET, f"PDF_PAGES_PER_HOST={config.pages_per_host} is used up"
        return None

    async def admits(self, capture: Capture) -> bool:
        """Return whether a page that was returned instead of a document is one that its job may still have.

        Raises ReleaseRequested.
        """
        frontier, lease = self._frontier, capture.lease
        if capture.outcome is not Outcome.PAGE or not lease.entry.document:
            return True
        try:
            return not (await frontier.job(lease.run)).max_pages or await frontier.admit_page(lease)
        except (RedisError, FrontierError):
            raise ReleaseRequested("the frontier does not answer, so the page limit cannot be checked") from None

    def admits_redirect(self, run: int) -> bool:
        """Return whether a job may follow one more redirect out of its scope, and count it.

        Redirects of links that say they are documents are not counted.
        """
        most, count = self._config.redirects_out, self._redirects.get(run, 0)
        if most and count >= most:
            return False
        self._redirects[run] = count + 1
        return True

    def credit(self, capture: Capture) -> None:
        """Count a document in favour of the pattern of the pages that led to it."""
        led = [capture.found_on] if capture.found_on else []
        if capture.lease.entry.hops:
            led.append(capture.lease.entry.hops[0].url)
            if capture.lease.entry.leaf and capture.run in self._redirects:
                self._redirects[capture.run] -= PAGES_PER_DOCUMENT
        for url in led:
            key = hash((capture.run, pattern(url)))
            if key in self._patterns:
                self._patterns[key] -= PAGES_PER_DOCUMENT

    def _admits(self, config: Config, run: int, shape: str) -> bool:
        key = hash((run, shape))  # a URL, and so its pattern, may have thousands of characters
        count = self._patterns.get(key, 0)
        if count >= config.pages_per_pattern:
            return False
        self._patterns[key] = count + 1
        return True

    async def _host_admits(self, config: Config, run: int, host: str) -> bool:
        """Return whether there is room, by the count of all workers and this worker's since then."""
        total, own = self._hosts.get((run, host), (0, 0))
        if total + own >= config.pages_per_host:
            return False
        own += 1
        if own >= max(1, config.pages_per_host // STEPS_PER_BUDGET):
            total, own = await self._frontier.count_pages(run, host, own), 0
        self._hosts[run, host] = total, own
        return total <= config.pages_per_host

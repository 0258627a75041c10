"""Small sites that serve documents in odd ways, each behind a page of its own."""

from tests.crawl.odd_sites import answers, places, sessions
from tests.crawl.odd_sites.registry import build

__all__ = ["answers", "build", "places", "sessions"]

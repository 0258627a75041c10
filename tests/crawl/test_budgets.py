"""Which of a page's links are followed, and what its capture says of the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pdfspider.crawl.policy.budgets import ALWAYS_ALLOWED_LINKS, LINK_OVERHEAD, bound_links
from tests.frontier.rig import entry
from tests.records.conftest import capture

PAGES = [entry(f"http://a.test/{number:04}", found_on="") for number in range(ALWAYS_ALLOWED_LINKS + 1)]
DOCUMENT = entry("http://a.test/last.pdf", document=True)


def bounds(most: int = 0, size: int = 0) -> Any:
    return SimpleNamespace(links_per_page=most, links_size=size)


def test_documents_are_followed_first() -> None:
    links = [*PAGES[:3], DOCUMENT]
    assert bound_links(links, bounds()) is links
    assert bound_links(links, bounds(most=4)) is links
    assert bound_links(links, bounds(most=2)) == [DOCUMENT, PAGES[0]]


def test_links_are_bounded_by_their_size_where_there_are_many() -> None:
    assert bound_links(PAGES[:ALWAYS_ALLOWED_LINKS], bounds(size=1)) == PAGES[:ALWAYS_ALLOWED_LINKS]
    assert bound_links(PAGES, bounds(size=100 * LINK_OVERHEAD)) == PAGES[:84]
    assert bound_links(PAGES, bounds(size=1)) == []


def test_a_capture_says_which_links_are_not_followed() -> None:
    made = capture()
    made.links = PAGES[:2]
    made.follow(PAGES[:2])
    assert (made.links, made.left_out, made.reason) == (PAGES[:2], 0, None)
    made.add_reason("first")
    made.follow(PAGES[:1])
    assert (made.links, made.left_out, made.reason) == (PAGES[:1], 1, "first; 2 links, of which 1 are followed")

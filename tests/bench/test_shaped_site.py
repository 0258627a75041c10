"""The site that is shaped like Common Crawl's PDFs: what it promises, and what a crawl brings back from it."""

from __future__ import annotations

from email import message_from_bytes
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bench.recall import judge
from bench.shaped.answers import ShapedAnswers
from bench.shaped.places import PLACES
from bench.shaped.server import serve
from bench.shaped.site import Shaped
from pdfspider.discovery.links import Discovery
from pdfspider.discovery.rules import TECHNIQUES
from pdfspider.items import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server import Server
    from tests.support import Fleet

RARE = "is not on a site that is shaped like most: tests/discovery shows it"
LEFT_OUT = {
    "pdf-link": "is looked for only where that is asked for",
    **dict.fromkeys(("bucket", "bucket-next", "cdx", "cdx-next", "hidden-input", "option", "text-url"), RARE),
    **dict.fromkeys(("attribute", "json", "json-next", "data-url", "script-src"), RARE),
}
SMALL = Shaped(urls=260, hosts=3, port=8000)


@pytest.fixture
def server() -> Iterator[Server[Shaped]]:
    with serve(SMALL) as running:
        yield running


def crawl(fleet: Fleet, server: Server[Shaped], **settings: object) -> None:
    fleet.crawl(*server.site.seeds, PDF_SITE_RULES=server.site.rules, PDF_INSPECT=False, **settings)


def check(fleet: Fleet, server: Server[Shaped], techniques: frozenset[str]) -> None:
    """All that these techniques lead to was found, where and as it is; nothing false and nothing cut was kept."""
    fleet.audit()
    rows = {row["url"]: row for row in fleet.rows()}
    expected = server.site.expected(techniques)
    brought = {row["final_url"]: row["sha256"] for row in rows.values()}
    places = {server.site.document_url(document): document.place.name for document in server.site.documents}
    assert not [(places[url], rows.get(url)) for url in expected if brought.get(url) != expected[url]]
    assert fleet.files() == set(expected.values())
    recall = judge(server.site, fleet.data / "files", 0, 0)
    assert (recall.false, recall.truncated) == (0, 0)


def test_the_figures_are_those_of_common_crawl() -> None:
    site = Shaped()
    figures = site.figures()
    documents = figures["documents"]
    named = documents - figures["without .pdf"]
    assert 0.15 < figures["without .pdf"] / documents < 0.18
    assert figures["fakes"] / (figures["fakes"] + named) == pytest.approx(0.028, abs=0.001)
    assert figures["cut at first"] / documents == pytest.approx(0.263, abs=0.001)
    assert 1 - figures["never whole"] / figures["cut at first"] == pytest.approx(0.946, abs=0.002)
    assert 0.044 < figures["copies"] / documents < 0.202
    assert len(ShapedAnswers(site).routes) == site.urls


def test_the_seed_decides() -> None:
    assert Shaped(200, 2, 1).documents == Shaped(200, 2, 1).documents != Shaped(200, 2, 2).documents
    assert not set(Shaped(200, 2, 1).hashes) & set(Shaped(200, 2, 2).hashes)


def test_every_technique_has_a_place_on_it() -> None:
    assert frozenset().union(*(place.techniques for place in PLACES)) == TECHNIQUES - LEFT_OUT.keys()
    assert SMALL.by_place().keys() == {place.name for place in PLACES}
    assert all(SMALL.by_place().values())


def test_places_share_no_document() -> None:
    hashes = [sha256 for documents in SMALL.by_place().values() for sha256 in documents]
    assert len(hashes) == len(set(hashes))


def test_a_site_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no such site"):
        Shaped(urls=10, hosts=2)


def test_a_crawl_finds_everything_and_nothing_else(fleet: Fleet, server: Server[Shaped]) -> None:
    crawl(fleet, server)
    check(fleet, server, TECHNIQUES)
    techniques = {document.place.recorded for document in server.site.documents if document.comes}
    assert {row["technique"] for row in fleet.rows() if row["sha256"]} >= techniques - {"frame"}


class Walk:
    """Follows what discovery finds on the site's pages, without a network and without a frontier."""

    def __init__(self, off: str) -> None:
        self.discovery = Discovery([off], SMALL.rules)
        self.answers = ShapedAnswers(SMALL)
        self.inside = set(map(urlsplit, SMALL.seeds))
        self.seen: set[str] = set()
        self.documents: set[str] = set()

    def reached(self) -> set[str]:
        """The documents."""
        waiting = [Link(url, "seed", document=False) for url in SMALL.seeds]
        waiting += self.discovery.named("robots-sitemap", [f"{url}sitemap.xml" for url in SMALL.seeds[:-2]], SMALL.url)
        while waiting:
            link = waiting.pop()
            if link.url not in self.seen and (link.document or urlsplit(link.url).netloc in self.hosts()):
                self.seen.add(link.url)
                waiting += self.visit(link)
        return self.documents

    def hosts(self) -> set[str]:
        return {part.netloc for part in self.inside}

    def visit(self, link: Link) -> list[Link]:
        parts = urlsplit(link.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = self.answers.to(str(parts.hostname), target, "")
        headers = message_from_bytes(answer.head.partition(b"\r\n")[2])
        body = b"".join(answer.body)
        if answer.status == 302:
            return [Link(headers["Location"], link.technique, link.document)]
        if b"%PDF-" in body[:1024]:
            self.documents.add(link.url)
            return []
        return self.discovery.links(
            body,
            link.url,
            content_type=headers["Content-Type"],
            technique=link.technique,
            headers=headers.get_all("Link", []),
        )


@pytest.mark.parametrize("technique", sorted(TECHNIQUES - LEFT_OUT.keys()))
def test_without_a_technique_all_is_reached_but_what_it_stands_for(technique: str) -> None:
    reached = Walk(technique).reached()
    found = {one.number: SMALL.document_url(one) in reached for one in SMALL.documents}
    wrong = [one.place.name for one in SMALL.documents if found[one.number] is (technique in one.place.techniques)]
    pages = technique == "a"  # without it there are no pages to find anything on
    assert not [name for name in wrong if not pages or name == "a"]
    assert not all(found.values())


def test_what_is_switched_off_is_not_found(fleet: Fleet, server: Server[Shaped]) -> None:
    off = {"sitemap-index", "embed", "viewer", "json-ld", "event"}
    crawl(fleet, server, PDF_TECHNIQUES_OFF=",".join(off))
    check(fleet, server, TECHNIQUES - off)

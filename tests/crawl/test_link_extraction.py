"""Which entries the links of a page, its redirect or its refresh become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from scrapy import Request
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.crawl.extract.link_extraction import LinkExtractor
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.visit import Visit
from pdfspider.documents.head import Kind
from pdfspider.frontier.jobs import Job
from pdfspider.frontier.leases import Lease, LeaseKind
from pdfspider.items import Capture, Hop, Outcome
from pdfspider.submission.seeds import seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pdfspider.frontier.entries import Entry

URL = "https://example.org/page"
LINKS = [f"https://example.org/{name}" for name in ("a", "b.pdf")]
OUTSIDE = ["https://other.test/c", "https://other.test/d.pdf"]
BODY = "".join(f"<a href='{link}'>x</a>" for link in (*LINKS, *OUTSIDE)).encode()


def extractor(
    *,
    known: Iterable[str] = (),
    left_out: Iterable[str] = (),
    sitemaps: Iterable[str] = (),
    admits: bool = True,
    **changes: Any,
) -> LinkExtractor:
    chosen = Settings()
    chosen.setmodule(defaults)
    chosen.update(changes)
    return LinkExtractor(
        Config.from_settings(chosen),
        known=lambda _: {hash(url) for url in known},
        left_out=lambda _: set(left_out),
        sitemaps=lambda _: list(sitemaps),
        admits_redirect=lambda _: admits,
    )


def lease_of(entry: Entry) -> Lease:
    return Lease("t", 1, LeaseKind.URL, 0.0, report=False, deliveries=0, expiries=0, entry=entry)


def answer(
    lease: Lease, *, body: bytes = b"", status: int = 200, anchors: str = "", headers: Mapping[str, str] | None = None
) -> StagedResponse:
    assert lease.entry is not None
    job = Job(name="j", run=1, robots=False, anchors=anchors)
    request = Request(lease.entry.url, meta=Visit(lease, job).into({}))
    received = CIMultiDictProxy(CIMultiDict({"Content-Type": "text/html", **(headers or {})}))
    kind = Kind.HTML if body else Kind.EMPTY
    return StagedResponse(lease.entry.url, status=status, request=request, received=received, kind=kind, body=body)


def followed(made: LinkExtractor, entry: Entry, **options: Any) -> list[str]:
    lease = lease_of(entry)
    return [child.url for child in made.extract(lease, answer(lease, body=BODY, **options)).entries]


def test_links_of_the_scope_and_documents_anywhere_are_followed() -> None:
    assert followed(extractor(), seed(URL)) == [*LINKS, OUTSIDE[1]]
    assert followed(extractor(), seed(URL, scope="any")) == [*LINKS, *OUTSIDE]
    assert followed(extractor(), seed(URL), anchors="example.org other.test") == [*LINKS, *OUTSIDE]


def test_what_is_known_not_due_or_too_long_is_left_out() -> None:
    assert followed(extractor(known=[LINKS[0]]), seed(URL)) == [LINKS[1], OUTSIDE[1]]
    assert followed(extractor(left_out=["other.test"]), seed(URL)) == LINKS
    assert followed(extractor(URLLENGTH_LIMIT=len(LINKS[0])), seed(URL)) == [LINKS[0]]


def test_depth_and_leaves_end_it() -> None:
    first = seed(URL, depth=1)
    assert followed(extractor(), first) == [*LINKS, OUTSIDE[1]]
    assert followed(extractor(), first.child(depth=1)) == []
    assert followed(extractor(), seed(URL).child(leaf=True)) == []


def test_a_page_instead_of_a_document_leads_to_the_document() -> None:
    assert followed(extractor(), seed(URL).child(leaf=True, document=True)) == [LINKS[1], OUTSIDE[1]]


def test_sitemaps_are_those_of_seeds_without_a_depth() -> None:
    made = extractor(sitemaps=["https://example.org/sitemap.xml"])
    assert followed(made, seed(URL))[-1] == "https://example.org/sitemap.xml"
    assert "https://example.org/sitemap.xml" not in followed(made, seed(URL, depth=1))


def test_links_are_extracted_once_for_each_body() -> None:
    made, lease = extractor(), lease_of(seed(URL))
    response = answer(lease, body=BODY)
    assert made.extract(lease, response) is made.extract(lease, response)


def test_a_header_refreshes_an_empty_answer() -> None:
    made, lease = extractor(), lease_of(seed(URL))
    response = answer(lease, headers={"Refresh": "0; url=/next"})
    assert [entry.url for entry in made.refreshed(lease, response)] == ["https://example.org/next"]
    assert made.refreshed(lease, answer(lease)) == []


def redirected(
    made: LinkExtractor, entry: Entry, target: str | None, **options: Any
) -> tuple[Outcome, Any, list[Entry]]:
    lease = lease_of(entry)
    headers = {} if target is None else {"Location": target}
    capture = Capture(job="j", run=1, fingerprint=1, token="t", url=entry.url, hops=list(entry.hops))
    capture.lease = lease
    return made.redirected(capture, answer(lease, status=302, headers=headers, **options))


def test_a_redirect_becomes_a_child_with_its_hops() -> None:
    outcome, reason, (child,) = redirected(extractor(), seed(URL), "https://other.test/x")
    assert (outcome, reason) == (Outcome.REDIRECT, "to https://other.test/x")
    assert (child.url, child.host, child.hops) == ("https://other.test/x", "other.test", (Hop(302, URL),))
    assert not child.leaf  # a seed takes its scope with it
    _, _, (child,) = redirected(extractor(), seed(URL).child(technique="a"), "https://other.test/x")
    assert child.leaf


@pytest.mark.parametrize(
    ("target", "hops", "changes", "expected"),
    [
        (None, (), {}, Outcome.HTTP_ERROR),
        ("https://other.test/x", (), {"REDIRECT_ENABLED": False}, Outcome.REDIRECT),
        ("https://other.test/x", (Hop(302, "https://a.test/"),), {"REDIRECT_MAX_TIMES": 1}, Outcome.REDIRECT_LOOP),
        ("https://a.test/", (Hop(302, "https://a.test/"),), {}, Outcome.REDIRECT_LOOP),
        ("https://other.test/x", (), {"admits": False}, Outcome.OUT_OF_SCOPE),
    ],
)
def test_a_redirect_that_is_not_followed(
    target: str | None, hops: tuple[Hop, ...], changes: dict[str, Any], expected: Outcome
) -> None:
    entry = seed(URL).child(technique="a", hops=hops)
    outcome, reason, entries = redirected(extractor(**changes), entry, target)
    assert (outcome, entries) == (expected, [])
    assert reason

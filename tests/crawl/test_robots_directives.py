"""What is recorded of robots directives, and what becomes of those that are obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.crawl.policy.robots_rules import reduced, reservations
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Capture, Outcome
from pdfspider.spiders.pdfs import PdfSpider
from pdfspider.testing import captures, links, response
from tests.crawl.hostile import HTML, hostile, page, reply
from tests.crawl.hostile import document as pdf

if TYPE_CHECKING:
    from tests.support import Fleet

URL = "https://example.org/"
PAGE = b"<html><meta name=robots content='noindex,follow'><a rel=nofollow href=a.pdf>A</a><a href='/b'>B</a></html>"
NOFOLLOW = PAGE.replace(b"follow'", b"nofollow'")
A, B = "https://example.org/a.pdf", "https://example.org/b"


def capture(body: bytes, headers: dict[str, str] | None = None, **settings: object) -> Capture:
    (made,) = captures(PdfSpider, response(URL, body=body, headers=headers), **settings)
    return made


def test_all_is_recorded_and_only_nofollow_of_pages_obeyed() -> None:
    made = capture(PAGE, {"X-Robots-Tag": "noarchive, otherbot: nofollow", "TDM-Reservation": "1"})
    assert (made.robots_directives, made.nofollow_links) == ("noarchive, noindex; tdm-reservation: 1", 1)
    assert (made.outcome, made.reason, links(made)) == (Outcome.PAGE, None, [A, B])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (NOFOLLOW, {}),
        (PAGE, {"X-Robots-Tag": "nofollow"}),
        (PAGE, {"X-Robots-Tag": "pdfspider: none"}),
        (PAGE.replace(b"robots", b"PdfSpider").replace(b"noindex,follow", b"none"), {}),
    ],
    ids=["meta", "header", "header by name", "meta by name"],
)
def test_the_links_of_a_page_with_nofollow_are_not_followed(body: bytes, headers: dict[str, str]) -> None:
    made = capture(body, headers)
    assert (made.outcome, links(made), made.withheld) == (Outcome.PAGE, [], 2)
    assert made.reason == "nofollow: 2 links are not followed (PDF_ROBOTS_DIRECTIVES)"
    for settings in ({"PDF_ROBOTS_DIRECTIVES": ""}, {"ROBOTSTXT_OBEY": False}):
        assert links(capture(body, headers, **settings)) == [A, B]


def test_an_empty_answer_with_nofollow_refreshes_nothing() -> None:
    refresh = {"Refresh": "0; url=/next"}
    assert links(capture(b"", refresh)) == ["https://example.org/next"]
    assert links(capture(b"", refresh | {"X-Robots-Tag": "nofollow"})) == []


def test_links_with_nofollow_are_left_out_if_that_is_obeyed() -> None:
    made = capture(PAGE, PDF_ROBOTS_DIRECTIVES="rel-nofollow")
    assert (links(made), made.nofollow_links, made.withheld) == ([B], 1, 1)
    assert made.reason == "nofollow: 1 links are not followed (PDF_ROBOTS_DIRECTIVES)"


@pytest.mark.parametrize("value", ["noindex", "nosnippet, none", "otherbot: all, pdfspider: noindex"])
def test_a_document_with_noindex_is_stored_unless_that_is_obeyed(value: str) -> None:
    headers = {"X-Robots-Tag": value}
    stored = capture(pdf(), headers)
    assert (stored.outcome, stored.sha256 is not None) == (Outcome.DOCUMENT, True)
    assert stored.robots_directives
    assert "noindex" in stored.robots_directives
    refused = capture(pdf(), headers, PDF_ROBOTS_DIRECTIVES="noindex,nofollow")
    assert (refused.outcome, refused.sha256, refused.staged) == (Outcome.ROBOTS_DENIED, None, None)
    assert refused.reason == "X-Robots-Tag: noindex (PDF_ROBOTS_DIRECTIVES)"


def test_a_directive_that_cannot_be_obeyed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="PDF_ROBOTS_DIRECTIVES: 'noarchive' cannot be obeyed"):
        capture(PAGE, PDF_ROBOTS_DIRECTIVES="nofollow,noarchive")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /",
            ("content-signal: search=yes, ai-train=no",),
        ),
        (b"User-agent: *\nContent-Usage: train-ai=n\n\nUser-agent: pdfspider\nDisallow: /x", ()),
        (b"User-agent: *\n" + b"".join(b"Content-Usage: /%d\n" % n for n in range(9)), None),
        (b"User-agent: *\nDisallow: /content-signal: x", ()),
    ],
)
def test_reservations_in_a_robots_txt(text: bytes, said: tuple[str, ...] | None) -> None:
    found = reservations(reduced(text, "pdfspider/0.1"))
    assert found == said if said is not None else len(found) == 5


def test_a_crawl_records_and_obeys(fleet: Fleet) -> None:
    signals = b"User-agent: *\nContent-Signal: ai-train=no\nDisallow: /private"
    with hostile() as server:
        server.answers |= {
            "/robots.txt": reply(signals, "text/plain"),
            "/": page("/list", "/index.pdf"),
            "/list": reply(b"<html><a href=/never.pdf>x", HTML, "X-Robots-Tag: none", "X-Robots-Tag: noarchive"),
            "/index.pdf": reply(pdf(), "application/pdf", "X-Robots-Tag: noindex"),
        }
        worker = fleet.crawl(server.url(), PDF_ROBOTS_DIRECTIVES="nofollow,noindex", LOG_LEVEL="INFO")
        assert "/never.pdf" not in server.paths()
        rows = {row["url"].removeprefix(server.url("")): row for row in fleet.rows()}
    said = {path: (row["outcome"], row["robots_directives"], row["nofollow_links"]) for path, row in rows.items()}
    assert said == {
        "/": ("page", "content-signal: ai-train=no", 0),
        "/list": ("page", "noarchive, nofollow, noindex; content-signal: ai-train=no", 0),
        "/index.pdf": ("robots-denied", "noindex; content-signal: ai-train=no", None),
    }
    assert "1 links are not followed" in worker.output
    assert "'pdfspider/links/nofollow': 1" in worker.output
    assert not fleet.files()
    fleet.audit()

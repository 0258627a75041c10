"""Viewers and download pages, which lead to the document that they show."""

from __future__ import annotations

import pytest

from pdfspider.discovery.links import Discovery
from tests.discovery.finding import found


def test_a_viewer_gives_way_to_what_it_shows_and_other_pages_stay() -> None:
    viewer = "<a href='https://docs.google.com/viewer?url=http%3A%2F%2Fexample.com%2Fb.pdf&embedded=true'>x</a>"
    assert found(Discovery(), viewer) == [("viewer", "b.pdf", True)]
    assert found(Discovery(), "<a href='/viewer.html?file=12345'>x</a>") == [("a", "viewer.html?file=12345", False)]
    assert found(Discovery(), "<a href='/out?u=http://example.com/b.pdf'>x</a>") == [
        ("viewer", "b.pdf", True),
        ("a", "out?u=http://example.com/b.pdf", True),
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com/Forms/AllItems.aspx?id=%2Fx%2FMy%20Files%2Fb%2Epdf&parent=%2Fx", "x/My%20Files/b.pdf"),
        ("http://example.com/_layouts/15/WopiFrame.aspx?sourcedoc=/x/b.pdf&action=default", "x/b.pdf"),
        ("http://example.com/dir/app?doc=files/100%25+b.pdf", "dir/files/100%25%20b.pdf"),
        ("http://example.com/app?a=1&path=http%3A%2F%2Fother.org%2Fb.pdf", "http://other.org/b.pdf"),
    ],
)
def test_an_application_leads_to_the_document_that_its_query_names(url: str, expected: str) -> None:
    links = Discovery().links("<html><div id=app></div></html>", url)
    found = [(link.url.removeprefix("http://example.com/"), link.technique, link.document) for link in links]
    assert found == [(expected, "viewer", True)]
    assert Discovery(["viewer"]).links("<html></html>", url) == []


@pytest.mark.parametrize("query", ["q=the+pdf+b.pdf", "id=7", "name=b.pdf", "u=mailto:x/b.pdf", "x=/b.pdf.html"])
def test_other_queries_lead_nowhere(query: str) -> None:
    assert Discovery().links("<html></html>", f"http://example.com/app?{query}") == []


UUID = "0a1b2c3d-0a1b-4c2d-8e3f-0123456789ab"


@pytest.mark.parametrize(
    ("page", "html", "expected"),
    [
        (f"https://any.org/bitstreams/{UUID}/download", "", "https://any.org/server"),
        (f"https://any.org/ui/bitstreams/{UUID}/download?x=1", "", "https://any.org/server"),
        (
            f"https://any.org/bitstreams/{UUID}/download",
            '<script>{"href":"https://api.any.org/rest/api/core/sites"}</script>',
            "https://api.any.org/rest",
        ),
    ],
)
def test_a_repositorys_download_page_leads_to_the_file_whatever_its_host(page: str, html: str, expected: str) -> None:
    (link,) = Discovery().links(f"<html>{html}</html>", page)
    assert link == (f"{expected}/api/core/bitstreams/{UUID}/content", "site", True)


def test_a_page_that_is_a_viewer_leads_to_its_document() -> None:
    links = Discovery().links("<html></html>", "http://example.com/pdf.js/web/viewer.html?file=/b.pdf")
    assert [(link.url, link.technique) for link in links] == [("http://example.com/b.pdf", "viewer")]

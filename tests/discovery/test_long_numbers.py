"""Numbers of thousands of digits, which Python does not convert, cost neither a page nor its links."""

from __future__ import annotations

import html

import pytest

from pdfspider.discovery.entities import unescape
from pdfspider.discovery.links import Discovery
from pdfspider.discovery.listings.cdx import captured

LONG = "9" * 5_000
URL = "http://evil.test/"
CAPTURES = '[["urlkey","original","mimetype","statuscode"],["a","http://evil.test/a.pdf","application/pdf","200"]]'


@pytest.mark.parametrize(
    "text",
    [
        f"<p data-pdf='&#{LONG};.pdf'></p>",
        f"<p onclick='x(&quot;&#{LONG}.pdf&quot;)'></p>",
        f"<script>x = '/&#{LONG};.pdf'</script>",
        f"<iframe srcdoc='<p data-pdf=&quot;&amp;#{LONG};.pdf&quot;>'></iframe>",
    ],
)
def test_a_page_with_a_long_reference_has_its_links(text: str) -> None:
    found = Discovery().links(f"<!doctype html>{text}<a href=/x.pdf>", URL)
    assert f"{URL}x.pdf" in [link.url for link in found]


@pytest.mark.parametrize(
    ("root", "entry"),
    [("urlset", "<loc>{}</loc>"), ("rss", "<link>{}</link>"), ("feed", "<link href='{}'/>")],
)
def test_a_list_with_a_long_reference_has_its_links(root: str, entry: str) -> None:
    text = f"<{root}>{entry.format(f'/&#{LONG};')}{entry.format('/x')}"
    found = Discovery().links(text, URL, content_type="application/xml", technique="seed")
    assert f"{URL}x" in [link.url for link in found]


def test_a_long_number_of_a_page_of_captures_leads_no_further() -> None:
    assert [name for name, _ in captured(CAPTURES, f"{URL}?page={LONG}", id)] == ["cdx"]
    assert [name for name, _ in captured(CAPTURES, f"{URL}?page=7", id)] == ["cdx", "cdx-next"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"a&#{LONG};b", "a\ufffdb"),
        (f"&#{'0' * 5_000}65;&amp;", "A&"),
        (f"&#{'0' * 5_000}65&lt;", "A<"),
        (f"&#{'0' * 5_000};", "\ufffd"),
        (f"&#{LONG};&#65;&#x42;&#1234567890;&#", "\ufffdAB\ufffd&#"),
        (f"&#x{LONG};", html.unescape(f"&#x{LONG};")),
        ("&#8364;&#128;&#0;&euro;", "€€\ufffd€"),
    ],
)
def test_references_are_replaced_as_by_html(text: str, shown: str) -> None:
    assert unescape(text) == shown

"""The documentation packages of Debian are real pages with real links."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urldefrag

import pytest
from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor

from pdfspider.discovery.links import links
from pdfspider.discovery.markup import flattening
from pdfspider.discovery.rules import never_page
from pdfspider.discovery.urls import normalise

PACKAGES = {
    "debian-policy": Path("/usr/share/doc/debian-policy"),
    "maint-guide": Path("/usr/share/doc/maint-guide"),
    "debian-reference-en": Path("/usr/share/debian-reference"),
}
EXTRACTOR = LinkExtractor(tags=("a", "area"), attrs=("href",), deny_extensions=())


def pages_of(package: str) -> list[Path]:
    pages = sorted(path for path in PACKAGES[package].rglob("*.html") if path.is_file())
    if not pages:
        pytest.skip(f"the Debian package {package} is not installed")
    return pages


def url_of(page: Path) -> str:
    return f"http://127.0.0.1:8080{page}"


def scrapys_links(page: Path) -> set[str]:
    url = url_of(page)
    response = HtmlResponse(url, body=page.read_bytes(), encoding="utf-8")
    hrefs = (
        normalise(urldefrag(link.url)[0]) for link in EXTRACTOR.extract_links(response) if link.url.startswith("http")
    )
    return {href for href in hrefs if href != url and not never_page(href)}


@pytest.mark.parametrize("package", PACKAGES)
def test_anchors_are_those_that_scrapys_extractor_finds(package: str) -> None:
    for page in pages_of(package):
        found = {link.url for link in links(page.read_bytes(), url_of(page)) if link.technique == "a"}
        related = {link.url for link in links(page.read_bytes(), url_of(page)) if link.technique != "a"}
        assert found <= scrapys_links(page) <= found | related


@pytest.mark.parametrize("package", PACKAGES)
def test_side_by_side_elements_give_the_links_of_the_tree(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in pages_of(package):
        monkeypatch.setattr(flattening, "MANY_TAGS", 10**9)
        monkeypatch.setattr(flattening, "LARGE_SIZE", 10**9)
        whole = links(page.read_bytes(), url_of(page))
        monkeypatch.setattr(flattening, "LARGE_SIZE", 0)
        assert links(page.read_bytes(), url_of(page)) == whole


def test_the_document_that_the_pages_lead_to_is_known_as_one() -> None:
    pages = pages_of("debian-reference-en")
    found = {link for page in pages for link in links(page.read_bytes(), url_of(page))}
    assert "debian-reference.en.pdf" in {Path(link.url).name for link in found if link.document}
    assert not any(link.url.endswith(".gz") and not link.url.endswith(".pdf.gz") for link in found)

"""What Chromium shows as a link, on pages that are odd, is among our links."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright
from w3lib.encoding import http_content_type_encoding

from pdfspider.discovery.links import Discovery
from pdfspider.discovery.urls import normalise
from pdfspider.exceptions import InvalidInput
from tests.discovery.odd_pages import PAGES, OddPage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

IN_DOM = """() => {
    const found = []
    function look(root) {
        for (const element of root.querySelectorAll('*')) {
            const address = ['a', 'area'].includes(element.localName) ? element.href
                : ['iframe', 'frame', 'embed'].includes(element.localName) && element.hasAttribute('src') ? element.src
                : element.localName === 'object' && element.hasAttribute('data') ? element.data : null
            const drawn = address && address.baseVal
            if (address) found.push(drawn === undefined ? address : new URL(drawn, element.baseURI).href)
            if (element.shadowRoot) look(element.shadowRoot)
            if (element.hasAttribute('srcdoc')) look(element.contentDocument)
        }
    }
    look(document)
    return found
}"""
"""The addresses of links, frames and embedded files, as the browser resolves them."""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


def shown(tab: Page, odd: OddPage) -> set[str]:
    """Return the URLs that the browser shows, normalised, without the page itself."""

    def answer(route: Route) -> None:
        if route.request.url == odd.url:
            route.fulfill(body=odd.body, content_type=odd.content_type)
        else:
            route.fulfill(body="", content_type="text/html")

    tab.unroute_all()
    tab.route("**/*", answer)
    tab.goto(odd.url)
    found = set()
    for address in tab.evaluate(IN_DOM):
        try:
            found.add(normalise(address))
        except InvalidInput:
            continue
    return found - {odd.url}


@pytest.mark.parametrize("name", PAGES)
def test_what_the_browser_shows_is_found(tab: Page, name: str) -> None:
    odd = PAGES[name]
    charset = http_content_type_encoding(odd.content_type)
    ours = {link.url for link in Discovery().links(odd.body, odd.url, charset, content_type=odd.content_type)}
    assert shown(tab, odd) - ours == set()
    assert not any("/no" in url for url in ours), "what the browser does not show"

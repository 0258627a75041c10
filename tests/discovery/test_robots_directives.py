"""What pages and headers ask of robots."""

from __future__ import annotations

import pytest

from pdfspider.discovery.links import Discovery
from pdfspider.discovery.markup.robots_directives import of_headers, robot_names

NAMES = frozenset({"pdfspider"})
DISCOVERY = Discovery(robot_names=NAMES)
URL = "http://a.test/"


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        (["noindex"], {"noindex"}),
        (["NoIndex, NOFOLLOW"], {"noindex", "nofollow"}),
        (["noindex", "nofollow"], {"noindex", "nofollow"}),
        (["none"], {"noindex", "nofollow"}),
        (["index, follow, all, max-snippet:-1, max-image-preview:large"], set()),
        (["pdfspider: noindex"], {"noindex"}),
        (["PDFSpider : none , noarchive"], {"noindex", "nofollow", "noarchive"}),
        (["otherbot: noindex, nofollow"], set()),
        (["otherbot: noindex, pdfspider: nofollow"], {"nofollow"}),
        (["noarchive, otherbot: noindex"], {"noarchive"}),
        (["otherbot: none", "nosnippet"], {"nosnippet"}),
        (["pdf: noindex"], set()),
        (["max-snippet: 5, noindex"], {"noindex"}),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], {"unavailable_after: 25 jun 2010 15:00:00 pst"}),
        (["otherbot: unavailable_after: 25 Jun 2010 15:00:00 PST, noindex"], set()),
        (["noai, noimageai"], {"noai", "noimageai"}),
        (["noindex; nofollow"], {"noindex", "nofollow"}),
        (["noindex nofollow"], {"noindex", "nofollow"}),
        ([""], set()),
        ([":,:;::"], set()),
    ],
)
def test_headers(values: list[str], directives: set[str]) -> None:
    assert of_headers(values, NAMES) == directives


def test_many_directives_are_bounded_and_the_known_ones_kept() -> None:
    found = of_headers([", ".join(f"no{chr(97 + n % 26) * (1 + n // 26)}" for n in range(500)) + ", none"], NAMES)
    assert len(found) == 20
    assert {"noindex", "nofollow"} <= found
    assert max(map(len, of_headers(["unavailable_after: " + "x" * 9_000], NAMES))) == 100


@pytest.mark.parametrize(
    ("user_agent", "names"),
    [
        ("pdfspider/0.1 (a crawler that obeys robots.txt)", {"pdfspider"}),
        ("Mozilla/5.0 (compatible; MyBot/1.0; +https://example.org/bot/)", {"mozilla", "mybot"}),
        ("my-bot", {"my-bot"}),
        ("My collector of PDFs", {"my"}),
        ("…", set()),
    ],
)
def test_the_names_in_a_user_agent(user_agent: str, names: set[str]) -> None:
    assert robot_names(user_agent) == names


@pytest.mark.parametrize(
    ("element", "directives"),
    [
        ("<meta name=robots content='noindex, nofollow'>", {"noindex", "nofollow"}),
        ("<META CONTENT=NONE NAME=' ROBOTS '>", {"noindex", "nofollow"}),
        ("<meta name=pdfspider content=nofollow>", {"nofollow"}),
        ("<meta name=googlebot content=nofollow>", set()),
        ("<meta name=robots content='index, follow'><meta name=robots content=noarchive>", {"noarchive"}),
        ("<meta name=robots>", set()),
        ("<iframe srcdoc='<meta name=robots content=none>'></iframe>", set()),
    ],
)
@pytest.mark.parametrize("more", ["", "<p>" * 9_000], ids=["small", "large"])
def test_meta_elements(element: str, directives: set[str], more: str) -> None:
    found = DISCOVERY.find(f"<html>{element}<a href=/x>{more}", URL)
    assert found.directives == directives
    assert [link.url for link in found.links] == ["http://a.test/x"]


LINKS = (
    "<a rel='external NOFOLLOW' href=/a>PDF</a><a rel=nofollowed href=/b></a><area rel=nofollow href=/c>"
    "<form rel=nofollow action=/d.pdf></form><a href=/e.pdf>nofollow</a><a rel=noopener href=/a.html></a>"
)


@pytest.mark.parametrize("more", ["", "<p>" * 9_000], ids=["small", "large"])
def test_links_with_nofollow_are_counted_and_left_out_if_asked(more: str) -> None:
    kept = DISCOVERY.find(LINKS + more, URL)
    assert (kept.nofollow, kept.withheld) == (3, 0)
    followed = DISCOVERY.find(LINKS + more, URL, keeps_nofollow=False)
    assert (followed.nofollow, followed.withheld) == (3, 3)
    assert {link.url for link in kept.links} - {link.url for link in followed.links} == {
        "http://a.test/a",
        "http://a.test/c",
        "http://a.test/d.pdf",
    }


def test_a_link_that_is_there_once_more_without_nofollow_is_followed() -> None:
    found = DISCOVERY.find("<a rel=nofollow href=/x></a><a href=/x></a>", URL, keeps_nofollow=False)
    assert [link.url for link in found.links] == ["http://a.test/x"]

"""What a page may cost, whatever is in it."""

from __future__ import annotations

import gzip
import time
from itertools import islice

import pytest

from pdfspider.discovery.bounds import MAX_INTERNATIONAL_HOSTS, Bounds
from pdfspider.discovery.links import Discovery, PageLinks, links
from pdfspider.discovery.listings.lists import unpacked
from pdfspider.discovery.markup.scripts import files_in
from tests.hostile.pages import JSON, PAGES, filled, numbered

MIB = 1 << 20
URL = "http://evil.test/"
BOUNDS = Bounds(links=2_000, size=4 * MIB)
DISCOVERY = Discovery(bounds=BOUNDS)
CPU = 60.0
"""Seconds; each takes less than three on an idle machine, and took minutes or gigabytes without bounds."""
RULE_CPU = 5.0
"""Seconds; a rule takes less than one on three MB of the worst script. Without a bound it took thirteen."""
PADDING = "<p>" + "text " * 20_000
MANY_TAGS = "<br>" * 9_000


def found_on(name: str, bounds: Bounds = BOUNDS) -> PageLinks:
    page = PAGES[name]
    return Discovery(bounds=bounds).find(page.body(), URL, content_type=page.content_type, technique="seed")


@pytest.mark.parametrize(
    "name",
    [
        "many-attributes-in-a-small-page",
        "nested-formatting",
        "long-international-hosts",
        "named-pdf-everywhere",
        "empty-lines",
        "quoted-files",
    ],
)
def test_no_page_takes_more_than_some_seconds(name: str) -> None:
    began = time.process_time()
    found = Discovery(bounds=BOUNDS).find(PAGES[name].body()[: 5 * MIB], URL, technique="seed")
    assert time.process_time() - began < CPU
    assert len(found.links) <= BOUNDS.links


def test_no_script_makes_the_rule_for_viewers_search_again_and_again() -> None:
    calls = f"getDocument({'{' * 299}" * 10_000
    began = time.process_time()
    assert not [*files_in(calls)]
    assert time.process_time() - began < RULE_CPU


@pytest.mark.parametrize("piece", ['type:"pdf",', '{}type:"pdf",', '{type:"pdf"}'])
def test_no_script_has_the_objects_around_its_types_read_again_and_again(piece: str) -> None:
    script = f"<script>{piece * (1_000_000 // len(piece))}</script>"
    began = time.process_time()
    assert not DISCOVERY.find(script, URL).links
    assert time.process_time() - began < RULE_CPU


@pytest.mark.parametrize(
    ("name", "left_out"), [("json-nested-types", 0), ("json-of-lists", 1), ("json-of-objects", 1), ("json-of-texts", 1)]
)
def test_json_is_neither_written_out_again_nor_parsed_where_it_has_millions_of_values(name: str, left_out: int) -> None:
    page = PAGES[name].body()
    began = time.process_time()
    found = DISCOVERY.find(page, URL, content_type=JSON)
    assert time.process_time() - began < RULE_CPU
    assert (found.links, found.left_out) == ([], left_out)


def test_links_are_bounded_by_number_before_they_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = []
    monkeypatch.setattr("pdfspider.discovery.links.join", lambda base, href, *_: joined.append(href) or f"{URL}{href}")
    page = filled(numbered("<a href=@>"), size=2 * MIB)
    found = DISCOVERY.find(page, URL)
    assert len(found.links) == BOUNDS.links
    assert len(joined) < BOUNDS.links + 10
    assert found.left_out > 100_000


def test_links_are_bounded_by_the_size_of_their_urls() -> None:
    found = found_on("long-base", Bounds(50_000, 4 * MIB))
    assert 3 * MIB < sum(len(link.url) for link in found.links) <= 4 * MIB
    assert len(found.links) + found.left_out == 50_000


def test_links_to_documents_come_first_where_there_are_too_many() -> None:
    page = filled(numbered("<a href=/@>"), size=200_000) + b"<a href=/last.pdf><a href=/x type=application/pdf>"
    found = DISCOVERY.find(page, URL)
    assert [link.url for link in found.links[:2]] == [f"{URL}last.pdf", f"{URL}x"]


def test_what_is_there_many_times_is_one_link() -> None:
    page = b"<a href=/same>" * 10_000 + b"<a href=/same#part>" * 10_000 + b"<a href=/other>"
    found = DISCOVERY.find(page, URL)
    assert [link.url for link in found.links] == [f"{URL}same", f"{URL}other"]
    assert found.left_out == 0


def test_international_hosts_are_bounded_and_no_others() -> None:
    hosts = filled(numbered("<a href=http://é@.test/><a href=http://h@.test/>"), size=150_000)
    found = Discovery(bounds=Bounds(50_000)).find(hosts, URL)
    international = [link for link in found.links if "//xn--" in link.url]
    assert len(international) == MAX_INTERNATIONAL_HOSTS
    assert len(found.links) - len(international) == len(international) + found.left_out


@pytest.mark.parametrize(
    ("begin", "pattern", "technique", "left_out"),
    [
        ("<urlset>", "<url><loc>/@</loc></url>", "seed", 7),
        ("<sitemapindex>", "<s:loc >/@</s:loc>", "seed", 7),
        ("<rss>", "<item><link>/@</link></item>", "seed", 25_007),
        ("http://a.test/\n", "http://a.test/@\n", "seed", 8),
        ("http://a.test/\n", "http://a.test/@\n", "sitemap-index", 8),
        ("<urlset>", "<a>@</a>", "seed", 0),
    ],
)
def test_a_list_that_is_cut_says_how_much_is_left_out(begin: str, pattern: str, technique: str, left_out: int) -> None:
    text = begin + "".join(islice(numbered(pattern), 50_007))
    kind = "text/plain" if begin.startswith("http") else "application/xml"
    found = Discovery(bounds=Bounds(50_000)).find(text, URL, content_type=kind, technique=technique)
    assert found.left_out == left_out
    assert Discovery().find(text[: len(text) // 3], URL, content_type=kind, technique=technique).left_out == 0


def test_a_large_ordinary_page_gives_all_its_links() -> None:
    found = found_on("ordinary", Bounds(50_000, 16 * MIB))
    assert len(found.links) == PAGES["ordinary"].body().count(b"<a ")
    assert found.left_out == 0


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a title='Home > About' href=/1>x</a>", ["/1"]),
        ('<a title="5" screen" href="/1">x</a><a href="/2">', ["/1", "/2"]),
        ("<a\nhref=/1\n>x</a><A HREF='/2'>", ["/1", "/2"]),
        ("<script>pdfUrl = '/1'", ["/1"]),
        ("<!-- <a href=/0> --><a href=/1>", ["/1"]),
        ("<a title='a < b' href=/1>x</a><a href=/2>", ["/1", "/2"]),
        ("<a title='<b>x</b>' class=c href='/1'>x</a>", ["/1"]),
        ('<img alt="<a title=">\n<a href="/1">x</a>', ["/1"]),
        ('<p title="see <a href=/0>this</a>">x</p><a href="/1">', ["/1"]),
        ("<div data-x='<!--'><a href=/1>x</a><b title='-->'>", ["/1"]),
        ("<i title = '\n<script>'><a href=/1>x</a>", ["/1"]),
        ("<a href=/1 title=it's>x</a><a href=/2 title=it's>", ["/1", "/2"]),
        ("<iframe src=/1><a href=/0></iframe>", ["/1"]),
        ("<a/href='/1'/title='>'>x</a>", ["/1"]),
        ("<form action=/1><input type=hidden name=a value=b><button>x</button></form>", ["/1?a=b"]),
        ("<form action=/1><input name=q><p><button>x</button></form>", []),
        ("<select><option value=/1.pdf>x<option value=/2>y</select>", ["/1.pdf"]),
        ("<code>http://evil.test/1.pdf</code><code>x</code>", ["/1.pdf"]),
        ("<iframe srcdoc='<a href=/1>x</a>'></iframe>", ["/1"]),
    ],
)
def test_a_large_page_is_read_as_a_small_one_is(html: str, expected: list[str]) -> None:
    urls = [f"http://evil.test{path}" for path in expected]
    assert [link.url for link in links(html, URL)] == urls
    assert [link.url for link in links(PADDING + html, URL)] == urls
    assert [link.url for link in links(f"{MANY_TAGS}{html}", URL)] == urls


@pytest.mark.parametrize("inner", ["<span>PDF</span>", "<b><i>Download</i> PDF</b>", "<img alt='PDF' src=/i.png>"])
def test_what_a_link_on_a_large_page_offers_is_seen(inner: str) -> None:
    (found,) = links(f"{PADDING}<a href=/get?id=7>{inner}</a>", URL)
    assert found.document


def test_a_packed_list_has_all_its_members() -> None:
    packed = b"".join(map(gzip.compress, (b"one ", b"", b"two")))
    assert unpacked(packed) == b"one two"
    assert unpacked(packed + b"junk") == b"one two"
    assert unpacked(gzip.compress(bytes(MIB)) * 9, MIB * 2) == bytes(MIB * 2)

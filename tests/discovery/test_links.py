from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdfspider.discovery.links import Discovery, links
from pdfspider.discovery.listings.lists import is_list
from pdfspider.discovery.rules import TECHNIQUES, says_pdf
from pdfspider.discovery.urls import normalise
from pdfspider.items import Link

PAGE = "http://example.com/dir/page.html"
EVERYTHING = Discovery()


def found(html: str | bytes, encoding: str | None = None) -> list[tuple[str, str, bool]]:
    """What ``links`` finds on the page, with ``http://example.com/`` cut off."""
    return [(link.url.removeprefix("http://example.com/"), *link[1:]) for link in links(html, PAGE, encoding)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="b.html">b</a>', ("dir/b.html", "a", False)),
        ('<A HREF="/b.PDF">b</A>', ("b.PDF", "a", True)),
        ('<a href="b.html" rel="nofollow">b</a>', ("dir/b.html", "a", False)),
        ('<map><area href="/b"></map>', ("b", "a", False)),
        ('<a href="/get" type="application/pdf">b</a>', ("get", "a", True)),
        ('<a href="/get" type=" Application/PDF; x=y">b</a>', ("get", "a", True)),
        ('<a href="/get" download="Report.PDF">b</a>', ("get", "a", True)),
        ('<a href="/get" download>b</a>', ("get", "a", False)),
        ('<iframe src="/frame.html"></iframe>', ("frame.html", "iframe", False)),
        ('<frameset><frame src="/frame.html"></frameset>', ("frame.html", "frame", False)),
        ('<embed src="/x" type="application/pdf">', ("x", "embed", True)),
        ('<object data="/x" type="application/pdf"></object>', ("x", "object", True)),
        ('<link rel="next" href="/2">', ("2", "link", False)),
        ('<link rel="alternate" type="application/pdf" href="/get">', ("get", "link", True)),
        ('<link rel="ALTERNATE Home" href="/2">', ("2", "link", False)),
        ('<meta http-equiv="Refresh" content="5; URL=/next.html">', ("next.html", "meta-refresh", False)),
        ("<meta http-equiv=refresh content=\"0;url='/a b.pdf' x\">", ("a%20b.pdf", "meta-refresh", True)),
        ('<meta http-equiv=refresh content="0 /next">', ("next", "meta-refresh", False)),
        ('<meta name="citation_pdf_url" content="/download/7">', ("download/7", "citation-pdf", True)),
        ('<meta property="Citation_PDF_URL" content="/download/7">', ("download/7", "citation-pdf", True)),
        ('<noscript><a href="/b">b</a></noscript>', ("b", "a", False)),
        ('<a href="/a&amp;b?c&eacute;">b</a>', ("a&b?c%C3%A9", "a", False)),
        ('<a href="b.html"', None),
        ('<a href="b.html">', ("dir/b.html", "a", False)),
        ("<a href>b</a>", None),
        ('<a name="x">b</a>', None),
        ('<a href="mailto:joe@example.com">b</a>', None),
        ('<a href="#part">b</a>', None),
        ('<a href="page.html#part">itself</a>', None),
        ('<a href="http://[bad">b</a>', None),
        ('<link rel="stylesheet" href="/b">', None),
        ('<link rel="alternate stylesheet" href="/b">', None),
        ('<link rel="shortcut icon" href="/b">', None),
        ('<link rel="preload" href="/b.html">', None),
        ('<link rel="alternate" type="application/rss+xml" href="/feed">', None),
        ('<meta http-equiv="refresh" content="30">', None),
        ('<meta http-equiv="refresh" content="0;url=">', None),
        ('<meta http-equiv="refresh" content="0;url=\'\'">', None),
        ('<meta name="description" content="/b.pdf">', None),
        ('<form action="/b"></form><img src="/b"><script src="/b"></script>', None),
        ('<!-- <a href="/b">b</a> --><script>"<b href=/b>"</script>', None),
    ],
)
def test_each_rule_finds_its_links_and_nothing_else(html: str, expected: tuple[str, str, bool] | None) -> None:
    assert found(html) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com/a.pdf", True),
        ("http://example.com/a.PdF", True),
        ("http://example.com/a.pdf?download=1", True),
        ("http://example.com/a.pdf;jsessionid=1A2B", True),
        ("http://example.com/get?file=x.pdf", True),
        ("http://example.com/get?file=x.pdf&inline=1", True),
        ("http://example.com/get?x.pdf", True),
        ("http://example.com/thumb.png?of=x.pdf", True),
        ("http://example.com/a.pdf.gz", False),
        ("http://example.com/a.pdf/", False),
        ("http://example.com/a.pdf/cover", False),
        ("http://example.com/a.pdfx", False),
        ("http://example.com/get?a.pdf=1", False),
        ("http://a.pdf/", False),
        ("http://example.com/pdf", False),
    ],
)
def test_a_url_says_that_it_is_a_pdf_by_its_file_name_or_a_query_value(url: str, expected: bool) -> None:
    assert says_pdf(url) is expected


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.css", "a.ps.gz", "a.tar.xz", "a.mp4?x=1", "a.woff2"])
def test_files_that_are_never_pages_are_left_alone(name: str) -> None:
    assert found(f'<a href="/{name}">x</a>') == []


@pytest.mark.parametrize("name", ["a.html", "a.php", "a", "a.pdf.gz", "a.gz/", "png", "v1.2", "a.doc"])
def test_what_may_be_a_page_is_followed(name: str) -> None:
    assert found(f'<a href="/{name}">x</a>') == [(name, "a", False)]


def test_links_come_once_and_those_of_a_tag_in_their_order() -> None:
    html = "<a href=/1>1</a><iframe src=/2></iframe><a href=/3>3</a><a href='/1#x'>1</a><embed src=/3>"
    assert found(html) == [("1", "a", False), ("3", "a", False), ("2", "iframe", False)]


def test_the_first_technique_stays_unless_a_later_one_says_pdf() -> None:
    html = "<a href=/get>x</a><embed src=/get type=application/pdf><a href=/get>x</a>"
    assert found(html) == [("get", "embed", True)]
    assert found("<a href=/x.pdf>x</a><embed src=/x.pdf>") == [("x.pdf", "a", True)]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://other.org/deep/", "http://other.org/deep/b"),
        ("/root/", "http://example.com/root/b"),
        ("up/x.html", "http://example.com/dir/up/b"),
        ("javascript:0", "http://example.com/dir/b"),
        ("", "http://example.com/dir/b"),
    ],
)
def test_the_base_element_counts_wherever_it_stands_and_only_the_first(base: str, expected: str) -> None:
    html = f'<a href="b">b</a><base target="_top"><base href="{base}"><base href="/second/">'
    assert [link.url for link in links(html, PAGE)] == [expected]


@pytest.mark.parametrize(
    ("body", "label", "query"),
    [
        ("<a href='/?é'>".encode(), None, "%C3%A9"),
        ("<a href='/?é'>".encode(), "utf-8", "%C3%A9"),
        ("<a href='/?é'>".encode("latin-1"), "iso-8859-1", "%E9"),
        ("<a href='/?é'>".encode("latin-1"), None, "%E9"),
        ("<meta charset=windows-1251><a href='/?я'>".encode("cp1251"), None, "%FF"),
        ("<meta charset=windows-1251><a href='/?я'>".encode(), "utf-8", "%D1%8F"),
        ("<a href='/?я'>".encode("utf-8-sig"), "windows-1251", "%D1%8F"),
        ("<a href='/?é'>".encode("utf-16"), None, "%C3%A9"),
        ("<a href='/?é'>".encode("utf-16-be"), "utf-16be", "%C3%A9"),
        ("<a href='/?é'>".encode("utf-16-be"), None, "%C3%A9"),
        ("<a href='/?é'>".encode("utf-16-le"), None, "%C3%A9"),
        ("<meta charset=utf-16><a href='/?é'>".encode(), None, "%C3%A9"),
        ("<meta charset=utf-16le><a href='/?é'>".encode(), "utf-16", "%C3%A9"),
        ("<meta charset=rot13><a href='/?é'>".encode(), "no-such-charset", "%C3%A9"),
        ("<a href='/?é'>".encode(), "punycode", "%C3%A9"),
    ],
)
def test_the_encoding_is_found_as_browsers_do(body: bytes, label: str | None, query: str) -> None:
    assert [link.url for link in links(body, PAGE, label)] == [f"http://example.com/?{query}"]


def test_a_path_is_utf8_whatever_the_page_is() -> None:
    assert found("<a href='/é.pdf'>".encode("latin-1"), "latin-1") == [("%C3%A9.pdf", "a", True)]


def test_ten_thousand_links_are_all_found() -> None:
    html = "".join(f"<p><a href='/{i}'>{i}</a></p>" for i in range(10_000))
    assert found(html) == [(str(i), "a", False) for i in range(10_000)]


@pytest.mark.parametrize("tags", ["<div>", "<ul><li>", "<b><i>", "<table><tr><td>", "<select><option>"])
def test_a_hundred_thousand_levels_are_no_obstacle(tags: str) -> None:
    html = f"<base href='/base/'><a href=first>x</a>{tags * 100_000}<!-- <a href=no> --><A HREF='a.pdf'>y</A>"
    assert found(html) == [("base/first", "a", False), ("base/a.pdf", "a", True)]


@pytest.mark.parametrize(
    "piece",
    [
        *(
            '<script>"x.pdf',
            "<script>pdf:'",
            "<script>location='",
            "<script>pdf-",
            "<svg><a href=x>pdf",
            "<p data-pdf='",
        ),
        *(" onclick='window.open(", "<a href='viewer.html?file=%25", "<style>", "javascript:window.open('"),
    ],
)
def test_a_megabyte_of_beginnings_is_no_obstacle(piece: str) -> None:
    assert len(found(piece * (1_000_000 // len(piece)))) <= 2


def test_scripts_in_scripts_come_to_an_end() -> None:
    nested = "/x.pdf"
    while len(nested) < 100_000:
        nested = f"javascript:open(%27{nested.replace('%', '%25')}.pdf%27)"
        assert len(found(f'<a href="{nested}">x</a>')) <= 1


@pytest.mark.parametrize("root", ["urlset", "rss", "OAI-PMH"])
@pytest.mark.parametrize(
    "piece", ["<loc><![CDATA[", "<!--", "<link a='", "<description>&lt;div&gt;", "<link " + "a " * 4000]
)
def test_a_megabyte_of_list_is_no_obstacle(root: str, piece: str) -> None:
    assert len(found(f"<{root}>" + piece * (1_000_000 // len(piece)))) <= 2


def test_a_packed_list_grows_no_further_than_its_bound() -> None:
    listed = b"<urlset><loc>/first</loc>" + b" " * 200_000_000 + b"<loc>/last</loc>"
    packed = gzip.compress(listed, 1)
    assert is_list(packed[:1024], "application/gzip", "a")
    assert found(packed) == [("first", "sitemap", False)]
    assert found(packed[:50_000]) == [("first", "sitemap", False)]
    assert found(b"\x1f\x8b" + b"nonsense" * 100) == []
    assert not is_list(gzip.compress(b"<html><a href=/b>"), "application/gzip", "seed")


@pytest.mark.parametrize(
    ("head", "content_type", "technique", "expected"),
    [
        (b"<urlset>", "text/plain", "a", True),
        (
            b"\xef\xbb\xbf \n<?xml version='1.0'?>\n<?xml-stylesheet x?><!-- y -->\n<sm:sitemapindex xmlns:sm='z'>",
            None,
            "a",
            True,
        ),
        (b"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss version='2.0'>", None, "a", True),
        (b"<rdf:RDF>", None, "a", True),
        (b"<OAI-PMH >", None, "oai-next", True),
        (b"<OAI-PMH >", None, "a", False),
        (b"http://example.com/b", "text/plain; charset=utf-8", "seed", True),
        (b"# x\r\n\r\n  HTTPS://example.com/b", None, "seed", True),
        (b"http://example.com/b", "text/plain", "text-list", False),
        (b"http://example.com/b", "application/json", "seed", False),
        (b"see http://example.com/b", "text/plain", "seed", False),
        (b"<urlsets>", None, "seed", False),
        (b"<svg>", None, "seed", False),
        (b"\x00\x01\x02", None, "seed", False),
        (b"", None, "seed", False),
    ],
)
def test_a_list_is_known_by_its_head(head: bytes, content_type: str | None, technique: str, expected: bool) -> None:
    assert is_list(head, content_type, technique) is expected


def test_entities_of_a_list_are_not_expanded() -> None:
    laughs = "<!DOCTYPE urlset [<!ENTITY a 'aaaa'><!ENTITY b SYSTEM 'file:///etc/passwd'>]>"
    assert found(f"{laughs}<urlset><loc>/x?&a;&b;&amp;c</loc></urlset>") == [("x?&a;&b;&c", "sitemap", False)]


def test_a_list_has_no_more_than_its_bound() -> None:
    assert len(found("<urlset>" + "".join(f"<loc>/{number}</loc>" for number in range(60_000)))) == 50_000


HOSTILE = st.lists(
    st.sampled_from(
        [
            *(
                "<a href='",
                "<a href=",
                "<a ",
                "href=x",
                "'>",
                ">",
                "<",
                "</a>",
                "<base href=",
                "<!--",
                "-->",
                "\x00",
                "\ufffd",
            ),
            *(
                "<meta http-equiv=refresh content='0;url=",
                "<meta charset='",
                "utf-16",
                "hex",
                "idna",
                "<link rel=next href=",
            ),
            *(
                "<script type=application/ld+json>",
                "<script>pdfUrl='",
                '{"contentUrl":"x.pdf","encoding":["',
                "\\u002f",
                "\\",
            ),
            *("<rss>", "<urlset><loc>", "<OAI-PMH>", "<link>", "<resumptionToken>", "<![CDATA[", "]]>", "x.pdf", "%"),
            *(
                "viewer.html?file=",
                "javascript:",
                "window.open('",
                " data-pdf='",
                " onclick='",
                "location='",
                "\x1f\x8b",
            ),
            *("https://arxiv.org/abs/", "chrome-extension://a/http://", "</script>", "&amp;", '"', "pdf"),
            *(
                "<svg>",
                "<template>",
                "<frameset>",
                "<frame src=",
                "<script>",
                "<table>",
                "&#0;",
                "&#xD800;",
                "http://[",
                "é",
                "\ud800",
            ),
        ]
    ),
    max_size=20,
).map("".join)


@given(
    st.one_of(HOSTILE, HOSTILE.map(lambda html: html.encode("utf-8", "surrogatepass")), st.binary(), st.text()),
    st.one_of(st.just(PAGE), st.text()),
    st.one_of(st.none(), st.sampled_from(["utf-8", "utf-16", "latin-1", "idna", "zip", "undefined"]), st.text()),
)
def test_no_page_makes_it_raise_and_every_link_is_normal(
    body: str | bytes, base_url: str, encoding: str | None
) -> None:
    headers = [body] if isinstance(body, str) else []
    for link in EVERYTHING.links(body, base_url, encoding, content_type=base_url, technique="seed", headers=headers):
        assert isinstance(link, Link)
        assert normalise(link.url) == link.url
        assert link.technique in TECHNIQUES


def test_the_choices_of_a_form_on_a_large_page_are_those_of_a_small_one() -> None:
    form = "<form action=/list><select name=y><option>7<option value=8>x</select><button>Go</button></form>"
    small = [link.url for link in links(form, "http://example.com/")]
    assert small == ["http://example.com/list?y=7", "http://example.com/list?y=8"]
    assert [link.url for link in links(form + "<p>text " * 20_000, "http://example.com/")] == small

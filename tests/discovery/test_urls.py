from __future__ import annotations

import string
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from w3lib.url import safe_url_string

from pdfspider.discovery import urls
from pdfspider.discovery.normal import normal_form
from pdfspider.discovery.urls import canonical, fingerprint, host_of, join, normalise, origin_of
from pdfspider.discovery.variants import without_visitor
from pdfspider.exceptions import InvalidInput

# Text made of the pieces that URLs are made of reaches far more corners than random text.
PATH_PIECES = [
    *"/.:@?&=%+;\\ []'\"<>|~-_0aZé中\u00ad\ufffd\U0001f4c4\u3002",
    *("//", "..", "%2e", "%2E%2e", "%20", "%zz", "%C3%A9", "%41", "file.pdf", "x=1", "b=2&a=1", "a" * 64, "#"),
    *(";jsessionid=", "PHPSESSID=1", "utm_source=x", "sid=" + "0a" * 16, "/viewtopic.php?", "/(S(" + "a" * 24 + "))/"),
]
PIECES = [
    *PATH_PIECES,
    *("http://", "HTTPS://", ":80", ":443", ":0", ":65536", ":08080", "\t", "\n", "\x00", "\ud800"),
    *("example.com", "EXAMPLE.com.", "straße.de", "127.0.0.1", "0x7f.1", "[::1]", "[bad", "a.b.c.d.e.f", "user:pass@"),
]
URLISH = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
HOSTS = st.sampled_from(
    [
        *("example.com", "a_b.example.co.uk", "127.0.0.1", "127.0.0.16:8081", "localhost:60999", "x.io:443", "x.io:80"),
        *(
            "EXAMPLE.com.",
            "straße.de",
            "xn--strae-oqa.de",
            "0x7f.1:08080",
            "[0::1]:81",
            "a.b.c.d.e.f",
            "u:p%40é@x.io",
            "%41.de",
        ),
    ]
)
PATHS = st.lists(st.sampled_from(PATH_PIECES), max_size=12).map("".join)
VALID = st.builds("{}://{}/{}".format, st.sampled_from(["http", "https", "HTTP"]), HOSTS, PATHS)
PLAIN = st.text(string.ascii_letters + string.digits + "._~!$&()*+,;=:@/-", max_size=20)
ORDINARY = st.builds("http://{}/{}%20{}?{}".format, HOSTS, PLAIN, PLAIN, PLAIN)


def normal_or_none(url: str) -> str | None:
    try:
        return normalise(url)
    except InvalidInput:
        return None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTP://Example.COM/Path", "http://example.com/Path"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:80/", "https://example.com:80/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:08080/", "http://example.com:8080/"),
        ("http://example.com./", "http://example.com/"),
        ("  http://example.com/a \n", "http://example.com/a"),
        ("http://example.com/a#part", "http://example.com/a"),
        ("http://example.com/a?#part", "http://example.com/a"),
        ("http://example.com?q=1", "http://example.com/?q=1"),
        ("http://example.com/a/./b/../c", "http://example.com/a/c"),
        ("http://example.com/../../a", "http://example.com/a"),
        ("http://example.com/a/%2e%2E/b", "http://example.com/b"),
        ("http://example.com/a/..", "http://example.com/"),
        ("http://example.com/a//b", "http://example.com/a//b"),
        ("http://example.com/.well-known/x", "http://example.com/.well-known/x"),
        ("http:\\\\example.com\\a\\b?c\\d", "http://example.com/a/b?c%5Cd"),
        ("http://example.com/a b.pdf", "http://example.com/a%20b.pdf"),
        ("http://example.com/%c3%a9", "http://example.com/%C3%A9"),
        ("http://example.com/résumé.pdf", "http://example.com/r%C3%A9sum%C3%A9.pdf"),
        ("http://example.com/100%", "http://example.com/100%25"),
        ("http://example.com/a?b=2&a=1", "http://example.com/a?b=2&a=1"),
        ("http://example.com/a?b[]='x'|y", "http://example.com/a?b%5B%5D=%27x%27%7Cy"),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://faß.de/", "http://xn--fa-hia.de/"),
        ("http://ex%61mple.com/", "http://example.com/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://0x7f.0.0.1:81/", "http://127.0.0.1:81/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/"),
        ("http://user:p%40ss@example.com/", "http://example.com/"),
        ("http://info@example.com", "http://example.com/"),
        ("http://a@b@example.com/c@d", "http://example.com/c@d"),
        ("http://example.com:80@evil.example/", "http://evil.example/"),
        ("http://@example.com/", "http://example.com/"),
        ("http://a_b.example.com/", "http://a_b.example.com/"),
        ("http:/example.com", "http://example.com/"),
        ("http:example.com/a", "http://example.com/a"),
        ("http:///example.com", "http://example.com/"),
        ("http://exam\nple.com/\x00x", "http://example.com/%00x"),
        ("http://example.com/\ud800", "http://example.com/%EF%BF%BD"),
        ("http://☺.example/", "http://xn--74h.example/"),
    ],
)
def test_every_spelling_has_one_normal_form(url: str, expected: str) -> None:
    assert normalise(url) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "http://"),
        ("example.com/a", "http://"),
        ("ftp://example.com/", "http://"),
        ("javascript:alert(1)", "http://"),
        ("http://", "no host"),
        ("http://:80/", "no host"),
        ("http://user@/", "no host"),
        ("http://example.com:0/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:http/", "port"),
        ("http://example.com:-1/", "port"),
        ("http://[bad", "IPv6"),
        ("http://[::1]x/", "IPv6"),
        ("http://[bad]/", "IPv6"),
        ("http://[fe80::1%eth0]/", "IPv6"),
        ("http://1.2.3.4.5/", "IPv4"),
        ("http://1.2.3.256/", "IPv4"),
        ("http://a..b/", "host name"),
        ("http://exa mple.com/", "host name"),
        ("http://example.com,/", "host name"),
        (f"http://{'a' * 64}.com/", "host name"),
        (f"http://{'abcd.' * 60}com/", "host name"),
        ("http://\u00ad/", "international"),
        (f"http://{'é' * 300}/", "host name"),
        (f"http://{'中' * 4000}/", "too long"),
        ("http://exam\x00ple.com/", "host name"),
        (f"http://example.com/{'a' * 8192}", "longer"),
        (f"http://example.com/{'é' * 2000}", "longer"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name_and_the_reason(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as error:
        normalise(url)
    assert repr(url)[1:20] in str(error.value)
    assert len(str(error.value)) < 1_500


@given(st.one_of(st.text(), URLISH))
def test_normalising_raises_nothing_but_invalid_input(url: str) -> None:
    normal = normal_or_none(url)
    assert normal is None or normalise(normal) == normal


@given(VALID)
def test_normalising_twice_is_normalising_once(url: str) -> None:
    assert normalise(normalise(url)) == normalise(url)


@given(VALID)
def test_scrapy_sends_a_normal_url_as_it_is(url: str) -> None:
    assert safe_url_string(normalise(url)) == normalise(url)


@given(st.one_of(ORDINARY, VALID, VALID.map(normalise)))
@example("http://x.io:443/")
@example("https://x.io:443/")
@example("http://example.com/a%2E%2E/b")
def test_the_short_cut_gives_what_the_long_way_gives(url: str) -> None:
    assert normalise(url) == normal_form(url.strip(), "utf-8")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:54321/files/12345.pdf",
        "https://www.example.co.uk/some/where/page-1.html?id=7&file=a%20b.pdf",
        "http://localhost:8080/",
    ],
)
def test_ordinary_urls_take_the_short_cut(url: str) -> None:
    assert urls._is_normal(url)


def test_a_query_is_encoded_as_its_page_is_and_a_path_always_as_utf8() -> None:
    assert normalise("http://example.com/é?é", "cp1252") == "http://example.com/%C3%A9?%E9"
    assert normalise("http://example.com/?中é", "cp1252") == "http://example.com/?%26%2320013%3B%E9"
    assert normalise("http://example.com/?中", "iso2022_jp") == "http://example.com/?%1B$BCf%1B(B"
    assert normalise("http://example.com/?é", "utf-16-le") == "http://example.com/?%C3%A9"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/?a=1&b=2", "http://example.com/?b=2&a=1"),
        ("http://example.com/?a=x+y", "http://example.com/?a=x%20y"),
        ("http://example.com/?a=1&", "http://example.com/?&a=1"),
        ("http://example.com/%7Ejoe/%41", "http://example.com/~joe/A"),
        ("HTTP://EXAMPLE.com:80/a/../b#c", "http://example.com/b"),
        ("http://example.com/a.pdf;jsessionid=1A2B.node!3", "http://example.com/a.pdf"),
        ("http://example.com/a;JSESSIONID=1A2B/b?c=1", "http://example.com/a/b?c=1"),
        ("http://example.com/a?PHPSESSID=1a2b&b=1", "http://example.com/a?b=1"),
        ("http://example.com/a?jsessionid=1A2B", "http://example.com/a"),
        ("http://example.com/(S(abcdefghijklmnopqrstuvwx))/a.aspx", "http://example.com/a.aspx"),
        (
            "http://example.com/viewtopic.php?t=5&sid=0123456789abcdef0123456789abcdef",
            "http://example.com/viewtopic.php?t=5",
        ),
        ("http://example.com/a?utm_source=x&b=1&UTM_campaign=y", "http://example.com/a?b=1"),
        ("http://example.com/a?gclid=x&fbclid=y&msclkid=z", "http://example.com/a"),
        ("http://example.com/a.pdf?mc_cid=1&mc_eid=2#page=3", "http://example.com/a.pdf"),
        ("http://example.com/a?%75tm_source=x", "http://example.com/a"),
    ],
)
def test_spellings_of_one_url_share_their_fingerprint(one: str, other: str) -> None:
    assert fingerprint(normalise(one)) == fingerprint(normalise(other))


def test_a_redirect_that_drops_what_tells_visitors_apart_is_none_to_itself() -> None:
    assert canonical("http://example.com/a?utm_source=x") != canonical("http://example.com/a")
    assert fingerprint("http://example.com/a?utm_source=x#again") != fingerprint("http://example.com/a?utm_source=x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a", "http://example.com/a/"),
        ("http://example.com/a", "https://example.com/a"),
        ("http://example.com/a", "http://example.com:8080/a"),
        ("http://example.com/a", "http://example.com/A"),
        ("http://example.com/a%2Fb", "http://example.com/a/b"),
        ("http://example.com/?a=1", "http://example.com/?a=2"),
        ("http://example.com/?a=%26", "http://example.com/?a=&"),
        ("http://example.com/a+b", "http://example.com/a%20b"),
        ("http://example.com/%2541", "http://example.com/%41"),
        (
            "http://example.com/get?sid=0123456789abcdef0123456789abcdef",
            "http://example.com/get?sid=fedcba9876543210fedcba9876543210",
        ),
        ("http://example.com/get.php?a=1&sid=0123456789abcdef0123456789abcdef", "http://example.com/get.php?a=1"),
        ("http://example.com/viewtopic.php?t=5&sid=7", "http://example.com/viewtopic.php?t=5"),
        ("http://example.com/a;version=1", "http://example.com/a"),
        ("http://example.com/a?session=1", "http://example.com/a"),
        ("http://example.com/a?utm=1", "http://example.com/a"),
        ("http://example.com/a?xutm_source=1", "http://example.com/a"),
        ("http://example.com/a?id=1&ref=x", "http://example.com/a?id=1"),
        ("http://example.com/(S(abc))/a", "http://example.com/a"),
    ],
)
def test_different_urls_differ_in_their_fingerprint(one: str, other: str) -> None:
    assert fingerprint(normalise(one)) != fingerprint(normalise(other))


@given(VALID)
def test_a_fingerprint_is_eight_bytes_and_the_canonical_url_is_its_own(url: str) -> None:
    normal = normalise(url)
    assert len(fingerprint(normal)) == 8
    assert canonical(canonical(normal)) == canonical(normal)
    known = without_visitor(canonical(normal))
    assert without_visitor(known) == known


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("http://example.com/a:b@c", "example.com", "http://example.com"),
        ("https://example.com:8443/", "example.com", "https://example.com:8443"),
        ("http://[::1]/", "[::1]", "http://[::1]"),
        ("http://[::1]:8080/", "[::1]", "http://[::1]:8080"),
    ],
)
def test_host_and_origin_are_read_off_a_normal_url(url: str, host: str, origin: str) -> None:
    assert (host_of(url), origin_of(url)) == (host, origin)


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("b.html", "http://example.com/dir/b.html"),
        ("./b.html", "http://example.com/dir/b.html"),
        ("../b.html", "http://example.com/b.html"),
        ("/b.html", "http://example.com/b.html"),
        ("//other.org/b", "http://other.org/b"),
        ("\\\\other.org\\b", "http://other.org/b"),
        ("docs\\b.pdf", "http://example.com/dir/docs/b.pdf"),
        ("?q=2", "http://example.com/dir/a.html?q=2"),
        ("https://other.org/b", "https://other.org/b"),
        ("HTTPS://Other.org", "https://other.org/"),
        ("b.html#part", "http://example.com/dir/b.html"),
        (" b\n.html\t", "http://example.com/dir/b.html"),
        ("a b.pdf", "http://example.com/dir/a%20b.pdf"),
        ("x/y:z", "http://example.com/dir/x/y:z"),
        ("", None),
        ("  ", None),
        ("#", None),
        ("#part", None),
        ("mailto:joe@example.com", None),
        ("JavaScript:void(0)", None),
        ("data:application/pdf;base64,AAAA", None),
        ("tel:+123", None),
        ("http://[bad", None),
        ("//[bad", None),
        ("a\x00b", "http://example.com/dir/a%00b"),
        ("http:/b", "http://example.com/b"),
        ("http:b", "http://example.com/dir/b"),
        ("https:/other.org/b", "https://other.org/b"),
        ("///other.org/b", "http://other.org/b"),
        ("\\/other.org\\b", "http://other.org/b"),
        ("/\t/other.org/b", "http://other.org/b"),
        ("//%65xample.com/b", "http://example.com/b"),
        ("//0x7f.1/b", "http://127.0.0.1/b"),
        ("//a..b/", None),
        (" b ? d # e ", "http://example.com/dir/b%20?%20d%20"),
    ],
)
def test_a_reference_is_joined_as_browsers_do(href: str, expected: str | None) -> None:
    assert join("http://example.com/dir/a.html?q=1", href) == expected


def test_empty_segments_of_the_base_are_kept() -> None:
    assert join("http://example.com/a//b/c", "d") == "http://example.com/a//b/d"


@given(URLISH, URLISH)
def test_joining_never_raises(base: str, href: str) -> None:
    joined = join(base, href)
    assert joined is None or normalise(joined) == joined


NAMES = st.sampled_from(["a", "b.pdf", "..", ".", "~x", "a%20b"])
DIRECTORIES = st.lists(NAMES, min_size=1, max_size=5).map("/".join)


HREFS = st.builds("{}{}".format, st.sampled_from(["", "/", "?q=", "//other.org/"]), DIRECTORIES)


@given(DIRECTORIES, HREFS)
def test_joining_agrees_with_the_standard_library(directory: str, href: str) -> None:
    base = normalise(f"http://example.com/{directory}")
    assert join(base, href) == normalise(urljoin(base, href))

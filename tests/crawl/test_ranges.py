from __future__ import annotations

import pytest
from multidict import CIMultiDict

from pdfspider.crawl.fetch.bodies.ranges import PROGRESS_SIZE, ContentRange, RangeTries, part_of, strong_validator
from pdfspider.crawl.fetch.cookies import Cookies
from pdfspider.discovery.signed_urls import is_signed, unsigned

DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
BEFORE = "Sun, 22 Nov 2026 11:59:59 GMT"


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"x"'}, '"x"'),
        ({"ETag": 'W/"x"'}, None),
        ({"ETag": "x"}, None),
        ({"ETag": '"x'}, None),
        ({"ETag": 'W/"x"', "Date": DATE, "Last-Modified": BEFORE}, BEFORE),
        ({"Date": DATE, "Last-Modified": BEFORE}, BEFORE),
        ({"Date": DATE, "Last-Modified": DATE}, None),
        ({"Last-Modified": BEFORE}, None),
        ({"Date": "yesterday", "Last-Modified": BEFORE}, None),
        ({"Date": DATE, "Last-Modified": BEFORE.replace("2026", "99999999999")}, None),
        ({"Date": DATE, "Last-Modified": BEFORE.replace("GMT", "+99999999999999")}, None),
        ({"Date": DATE.replace("GMT", "-0000"), "Last-Modified": BEFORE}, None),
        ({}, None),
    ],
)
def test_strong_validators(headers: dict[str, str], validator: str | None) -> None:
    assert strong_validator(CIMultiDict(headers)) == validator


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes 0-99/100", ContentRange(0, 99, 100)),
        ("Bytes 10-99/100", ContentRange(10, 99, 100)),
        ("bytes 10-99/*", ContentRange(10, 99, None)),
        ("bytes */100", ContentRange(None, None, 100)),
        ("bytes 99-10/100", None),
        ("bytes 0-100/100", None),
        ("bytes 0-99", None),
        ("items 0-99/100", None),
        ("bytes -1-99/100", None),
        ("", None),
    ],
)
def test_parts(value: str, part: ContentRange | None) -> None:
    assert part_of(CIMultiDict({"content-range": value})) == part
    assert (part is not None and part.is_whole) == (value == "bytes 0-99/100")


def test_tries_are_counted_anew_after_progress_and_only_then() -> None:
    tries = RangeTries(3, 5)
    assert [tries.next(size) for size in (10, 20, 30, 40)] == [0, 5, 15, None]
    tries = RangeTries(2, 5)
    assert [tries.next(n * PROGRESS_SIZE) for n in (1, 2, 3, 4)] == [0, 0, 0, 0]
    assert [tries.next(size) for size in (0, 4 * PROGRESS_SIZE)] == [5, None]
    assert RangeTries(0, 5).next(PROGRESS_SIZE) is None


def test_cookies_go_back_to_the_host_that_set_them() -> None:
    cookies = Cookies()
    cookies.take(
        "https://a.example/x", ["a=1; Path=/; Secure", "b=2", "b=3; Max-Age=10", "junk", "=x", "c=\udce9", "d=\x01"]
    )
    cookies.take("http://b.example:81/", ["e=5"])
    assert cookies.header("https://a.example:8080/y") == "a=1; b=3"
    assert cookies.header("http://a.example/y") == "b=3"
    assert cookies.header("http://b.example/") == "e=5"
    assert cookies.header("http://www.a.example/") == ""
    cookies.take("http://a.example/", ["a=; Max-Age=0"])
    again = Cookies(cookies.carried())
    assert (again.header("http://a.example/"), again.header("http://b.example/")) == ("b=3", "e=5")


def test_cookies_of_a_domain_go_to_all_of_its_hosts() -> None:
    cookies = Cookies()
    given = ["all=1; Domain=example.org", "dot=2; domain=.Example.ORG ; Path=/", "own=3", "up=4; Domain=org"]
    cookies.take("http://login.example.org/", [*given, "other=5; Domain=example.com", "x=6; Domain=in.example.org"])
    again = Cookies(cookies.carried())
    assert again.header("http://www.example.org/") == again.header("http://example.org/") == "all=1; dot=2"
    assert again.header("http://login.example.org/") == "all=1; dot=2; own=3; up=4; other=5; x=6"
    assert not again.header("http://badexample.org/")
    assert not again.header("http://example.com/")
    again.take("http://www.example.org/", ["all=; Domain=example.org; Max-Age=0"])
    assert again.header("http://login.example.org/") == "dot=2; own=3; up=4; other=5; x=6"


@pytest.mark.parametrize("domain", ["127.0.0.1", "0.0.1", "localhost", "co.uk", "github.io", ".", "intranet"])
def test_what_has_no_one_owner_is_no_domain_for_cookies(domain: str) -> None:
    for host in (domain.strip(".") or "a.example", f"a.{domain}".strip(".")):
        cookies = Cookies()
        cookies.take(f"http://{host}/", [f"a=1; Domain={domain}"])
        assert [key for key, _ in cookies.carried()] == [host]


@pytest.mark.parametrize("age", ["--5", "\xb2", "9" * 5000, "", "soon", "1"])
def test_a_strange_age_takes_no_cookie_back(age: str) -> None:
    cookies = Cookies()
    cookies.take("http://a.example/", ["a=1", f"b=2; Max-Age={age}"])
    assert cookies.header("http://a.example/") == "a=1; b=2"


def test_cookies_are_bounded() -> None:
    cookies = Cookies()
    cookies.take("http://a.example/", [f"n{n}=x" for n in range(1000)] + [f"long={'x' * 10_000}"])
    assert len(cookies.header("http://a.example/")) < 500
    deep = Cookies()
    hosts = [f"{'a.' * n}example.org" for n in range(50)]
    deep.take(f"http://{hosts[-1]}/", [f"n{n}=x; Domain={host}" for host in hosts for n in range(9)])
    assert sum(len(cookies) for _, cookies in deep.carried()) <= 64


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=A&X-Amz-Date=D&X-Amz-Expires=300&X-Amz-Signature=s",
        "X-Goog-Expires=300&X-Goog-Signature=s",
        "AWSAccessKeyId=K&Expires=1&Signature=s",
        "Expires=1&Signature=s&Key-Pair-Id=K",
        "sv=2022&st=1&se=2&sr=b&sp=r&sig=s",
    ],
)
def test_signed_links(query: str) -> None:
    url = f"https://a.example/f.pdf?id=7&{query}"
    assert is_signed(url, document=False)
    assert unsigned(url) == "https://a.example/f.pdf?id=7"


def test_a_token_signs_documents_only() -> None:
    assert is_signed("https://a.example/f?token=1", document=True)
    assert not is_signed("https://a.example/f?token=1", document=False)
    assert not is_signed("https://a.example/f.pdf?expires=1&page=2", document=True)

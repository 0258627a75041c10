"""Cookies of jobs, and referrers."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from scrapy import Request
from scrapy.settings import Settings

from pdfspider.crawl.fetch.cookies import MAX_TOTAL_LENGTH, Cookies
from pdfspider.crawl.fetch.referer import Referers
from pdfspider.crawl.fetch.responses import StagedResponse
from pdfspider.crawl.fetch.sessions import MAX_FAILURES, MAX_JARS, Sessions, is_refused, of_this_session
from pdfspider.documents.head import Kind
from pdfspider.frontier.entries import Entry
from pdfspider.items import Hop, Link

PAGE, FILE = "http://a.org/list/", "http://a.org/list/get?id=7"


def test_a_cookie_goes_back_below_its_path() -> None:
    cookies = Cookies()
    cookies.take("http://a.org/app/one/x", ["s=1", "s=2; Path=/app", "s=3; Path=/", "t=4; path=strange"])
    assert cookies.header("http://a.org/app/one/y?q") == "s=1; t=4; s=2; s=3"
    assert cookies.header("http://a.org/app/two") == "s=2; s=3"
    assert cookies.header("http://a.org/apple") == "s=3"


@pytest.mark.parametrize(
    "expires", ["Thu, 01-Jan-1970 00:00:01 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"]
)
def test_a_date_that_is_past_takes_a_cookie_back(expires: str) -> None:
    cookies = Cookies()
    cookies.take(PAGE, ["a=1", "b=2", f"a=deleted; Expires={expires}", "c=3; Expires=Fri, 01 Jan 2100 00:00:00 GMT"])
    cookies.take(PAGE, ["b=4; Expires=whenever", f"b=5; Max-Age=60; Expires={expires}"])
    assert cookies.header(PAGE) == "b=5; c=3"


def test_a_jar_is_of_one_job_and_site() -> None:
    sessions = Sessions(enabled=True)
    sessions.take(1, PAGE, ["s=1", "all=2; Domain=a.org; Path=/"])
    assert sessions.header(1, FILE) == "s=1; all=2"
    assert sessions.header(1, "http://www.a.org/") == "all=2"
    assert sessions.header(2, FILE) == sessions.header(1, "http://b.org/list/") == ""
    visit = Cookies()
    visit.take(PAGE, ["s=own"])
    assert sessions.header(1, FILE, visit) == "s=own; all=2"
    off = Sessions(enabled=False)
    off.take(1, PAGE, ["s=1"])
    assert (off.header(1, FILE), off.header(1, FILE, visit), off.may_help(1, "a.org")) == ("", "s=own", False)


def test_jars_are_bounded() -> None:
    sessions = Sessions(enabled=True)
    for number in range(MAX_JARS + 10):
        sessions.take(number, PAGE, [f"{name}={'x' * 4000}" for name in range(20)])
    assert (sessions.header(9, PAGE), len(sessions.header(10, PAGE)) <= MAX_TOTAL_LENGTH + 100) == ("", True)
    assert len(sessions.header(MAX_JARS + 9, PAGE)) > 10_000


def test_nobody_goes_back_for_cookies_that_do_not_help() -> None:
    sessions = Sessions(enabled=True)
    for _ in range(MAX_FAILURES - 1):
        sessions.note(1, "a.org", helped=False)
    assert sessions.may_help(1, "a.org")
    sessions.note(1, "a.org", helped=False)
    assert not sessions.may_help(1, "a.org")
    assert sessions.may_help(2, "a.org")
    sessions.note(1, "a.org", helped=True)
    assert sessions.may_help(1, "a.org")


@pytest.mark.parametrize(
    ("status", "url", "headers", "hops", "refused"),
    [
        (403, FILE, {}, (), True),
        (401, FILE, {}, (), True),
        (401, FILE, {"WWW-Authenticate": "Basic"}, (), False),
        (404, FILE, {}, (), False),
        (200, FILE, {}, (), False),
        (200, PAGE, {}, (Hop(302, FILE),), True),
        (200, "http://a.org/other", {}, (Hop(302, FILE),), False),
        (302, FILE, {"Location": PAGE}, (), True),
        (302, FILE, {"Location": "https://b.org/"}, (), False),
    ],
)
def test_refusals(status: int, url: str, headers: dict[str, str], hops: tuple[Hop, ...], refused: bool) -> None:
    entry = Entry(FILE, b"", "a.org", found_on=PAGE)
    received = CIMultiDictProxy(CIMultiDict(headers))
    response = StagedResponse(url, status=status, request=Request(FILE), received=received, kind=Kind.HTML, hops=hops)
    assert is_refused(entry, response, new_cookies=False) is refused


@pytest.mark.parametrize(
    ("found_on", "url", "referer"),
    [
        ("https://a.org/x?y", "https://a.org/f.pdf", "https://a.org/x?y"),
        ("https://a.org/x?y", "https://b.org/f.pdf", "https://a.org/"),
        ("https://a.org/x?y", "http://a.org/f.pdf", None),
        ("http://a.org/x?y", "https://a.org/f.pdf", "http://a.org/"),
        ("http://a.org:81/x", "http://b.org/f.pdf", "http://a.org:81/"),
        (None, "http://b.org/f.pdf", None),
    ],
)
def test_the_referrer_follows_the_policy(found_on: str | None, url: str, referer: str | None) -> None:
    referers = Referers(Settings({"REFERRER_POLICY": "strict-origin-when-cross-origin"}))
    assert referers.header(found_on, url) == referer


def test_other_policies_of_scrapy() -> None:
    assert Referers(Settings({"REFERRER_POLICY": "no-referrer"})).header(PAGE, FILE) is None
    assert Referers(Settings({"REFERRER_POLICY": "origin"})).header(PAGE, FILE) == "http://a.org/"
    assert Referers(Settings({"REFERER_ENABLED": False})).header(PAGE, FILE) is None


@pytest.mark.parametrize(
    ("url", "links", "expected"),
    [
        ("/get?sid=1&file=7", ["/get?sid=2&file=7", "/get?sid=2&file=8"], "/get?sid=2&file=7"),
        ("/a.pdf;jsessionid=1", ["/a.pdf;jsessionid=2", "/b.pdf;jsessionid=2"], "/a.pdf;jsessionid=2"),
        ("/get?file=7&Token=x", ["/get?file=7"], "/get?file=7"),
        ("/get?hash=1", ["/get?hash=2", "/get?hash=3"], None),
        ("/get?sid=1&file=7", ["/get?sid=1&file=7", "/get?sid=2&file=8"], None),
        ("/get?file=7", ["/get?file=8"], None),
    ],
)
def test_the_link_of_another_session_is_found_again(url: str, links: list[str], expected: str | None) -> None:
    """What the field means is not known: more than one link may be that of another document."""
    entry = Entry(url=f"http://a.org{url}", fingerprint=b"", host="a.org")
    found = of_this_session(entry, [Link(f"http://a.org{link}", "a", document=False) for link in links])
    assert found == (expected and f"http://a.org{expected}")

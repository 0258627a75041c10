"""What is kept of a robots.txt, and what it costs."""

from __future__ import annotations

import gc
import time
import weakref
from itertools import product

import pytest
from protego import Protego

from pdfspider.crawl.policy.robots_rules import (
    MAX_BODY_SIZE,
    MAX_SITEMAPS,
    MAX_WILDCARD_RULES,
    packed,
    parsed,
    parsed_size,
    reduced,
    unpacked,
)

AGENT = "pdfspider/0.1 (a crawler that collects PDF documents and obeys robots.txt)"
PATHS = ("/", "/a", "/b", "/a/c", "/x.pdf", "/p/q?r=s", "/allowed", "/a/b/c.html")
TEXTS = [
    "User-agent: *\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n",
    "User-agent: other\nDisallow: /\n",
    "User-agent: *\nDisallow: /\n\nUser-agent: PDFspider\nDisallow: /b\n",
    "User-agent: *\nDisallow: /\nUser-agent: pdfspider\nDisallow:\n",
    "User-agent: other\nUser-agent: pdfspider\nAllow: /a/c\nDisallow: /a # no\nUser-agent: x\nDisallow: /\n",
    "User-agent: other\nDisallow: /b\nSitemap: http://h/s.xml\nUser-agent: *\nDisallow: /a\n",
    "user-agent:*\nDisallow:/*.pdf$\nDISALLOW: /p/*?r\nAllow: /p/q\n",
    "User agent *\nDisallow /a\n",
    "Useragent: spider\nDisallow: /\n",
    "User-agent: crawler\nDisallow: /b\nUser-agent: *\nDisallow: /a\n",
    "User-agent: pdf*\nDisallow: /a\nUser-agent: *\nDisallow: /b\n",
    "\ufeffUser-agent: *\r\nDisallow: /a\r\n\r\nCrawl-delay: 3\r\n",
    "Disallow: /\n",
    "User-agent: *\nnonsense\nDisallow: /a\nUser-agent: pdfspider\nUser-agent: other\nAllow: /\nDisallow: /b",
    "User-agent: pdfspider\nDisallow: /a\nUser-agent: other\nDisallow: /\nUser-agent: pdfspider\nDisallow: /b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_kept_says_what_all_of_it_said(text: str) -> None:
    whole, kept = Protego.parse(text.lstrip("\ufeff")), parsed(reduced(text.encode(), AGENT))
    for path in PATHS:
        assert kept.can_fetch(f"http://h{path}", AGENT) == whole.can_fetch(f"http://h{path}", AGENT), path
    assert kept.crawl_delay(AGENT) == whole.crawl_delay(AGENT)
    assert list(kept.sitemaps) == list(whole.sitemaps)


def test_groups_for_others_are_not_kept() -> None:
    others = "".join(f"User-agent: bot{n}\nDisallow: /{n}\n" for n in range(9))
    assert reduced(f"{others}User-agent: *\nDisallow: /x\n".encode(), AGENT) == b"User-agent: *\nDisallow: /x"


def test_rules_for_thousands_of_agents_are_kept_once() -> None:
    agents = "".join(f"User-agent: {n:x}\n" for n in range(9_000)) + "User-agent: p\nUser-agent: pdf\nUser-agent: *\n"
    rules = "".join(f"Disallow: /{n:x}\n" for n in range(20_000))
    text = reduced((agents + rules).encode()[:MAX_BODY_SIZE], AGENT)
    assert text.count(b"\n") <= 20_000
    assert not parsed(text).can_fetch("http://h/3e8", AGENT)


def test_what_is_the_same_is_kept_once_and_all_of_it_packed() -> None:
    text = reduced(b"User-agent: *\n" + b"Disallow: /same\n" * 30_000, AGENT)
    assert text == b"User-agent: *\nDisallow: /same"
    rules = reduced(b"User-agent: *\n" + b"".join(b"Disallow: /%d\n" % n for n in range(9_000)), AGENT)
    assert len(packed(rules)) < len(rules) / 3
    assert unpacked(packed(rules)) == rules
    assert unpacked(packed(text)) == text
    assert unpacked(b"x: of an earlier version") == b"x: of an earlier version"


def test_too_many_wildcards_forbid_more_rather_than_less() -> None:
    rules = [f"Disallow: /{a:x}/*a*a*a*b{b:x}" for a, b in product(range(2_000), range(8))]
    text = reduced("\n".join(["User-agent: *", *rules, "Allow: /7cf/*"]).encode(), AGENT)
    assert text.count(b"*") <= MAX_WILDCARD_RULES * 4 + 1
    kept = parsed(text)
    assert not kept.can_fetch("http://h/7cf/anything", AGENT)
    assert kept.can_fetch("http://h/1/anything", AGENT)


@pytest.mark.parametrize("pattern", ["/*a*a*a*a*b{:x}", "/*ab{:x}", "/{:x}", "/*{:x}$"])
def test_no_rules_take_long(pattern: str) -> None:
    lines = "".join(f"Disallow: {pattern.format(n)}\n" for n in range(60_000))
    began = time.process_time()
    text = reduced(f"User-agent: *\n{lines}".encode()[:MAX_BODY_SIZE], AGENT)
    kept = parsed(text)
    for n in range(20):
        kept.can_fetch(f"http://h/{'a' * 8_000}{n}", AGENT)
    assert time.process_time() - began < 20
    assert parsed_size(text) < 32 * 1024 * 1024


def test_sitemaps_are_bounded() -> None:
    text = "".join(f"Sitemap: http://h/{n}.xml\n" for n in range(9_000))
    assert len(list(parsed(reduced(text.encode(), AGENT)).sitemaps)) == MAX_SITEMAPS


def test_parsed_rules_leave_no_garbage() -> None:
    text = b"User-agent: *\nDisallow: /a*b$\nAllow: /c\nCrawl-delay: 2\nSitemap: http://a.b/\n"
    gc.disable()
    try:
        rules = parsed(text)
        known = weakref.ref(rules)
        assert not rules.can_fetch("http://a.b/axb", "pdfspider")
        assert (rules.crawl_delay("pdfspider"), list(rules.sitemaps)) == (2, ["http://a.b/"])
        del rules
        assert known() is None
    finally:
        gc.enable()

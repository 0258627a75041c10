from __future__ import annotations

import pytest

from pdfspider.discovery.hosts import registered_domain
from pdfspider.discovery.scope import Scope
from pdfspider.exceptions import InvalidInput
from pdfspider.items import Link

SEEDS = ["https://www.example.co.uk/start", "http://127.0.0.1:8080/"]


@pytest.mark.parametrize(
    ("kind", "url", "inside"),
    [
        ("host", "http://www.example.co.uk:81/x", True),
        ("host", "https://docs.example.co.uk/", False),
        ("host", "https://127.0.0.1/", True),
        ("host", "http://127.0.0.2/", False),
        ("domain", "https://docs.example.co.uk/", True),
        ("domain", "https://example.co.uk/", True),
        ("domain", "https://other.co.uk/", False),
        ("domain", "https://notexample.co.uk/", False),
        ("domain", "http://127.0.0.1/", True),
        ("domain", "http://128.0.0.1/", False),
        ("any", "http://wherever.org/", True),
    ],
)
def test_pages_stay_in_scope(kind: str, url: str, inside: bool) -> None:
    scope = Scope.of_seeds(kind, SEEDS)
    assert scope.contains(url) is inside
    assert scope.admits(Link(url, "a", document=False)) is inside


@pytest.mark.parametrize("kind", ["host", "domain", "any"])
def test_a_link_that_says_it_is_a_pdf_may_leave_the_scope(kind: str) -> None:
    link = Link("http://elsewhere.org/a.pdf", "a", document=True)
    assert Scope.of_seeds(kind, SEEDS).admits(link)


def test_what_a_seed_redirects_to_joins_the_scope() -> None:
    scope = Scope.of_seeds("host", ["http://example.com/"])
    assert not scope.contains("http://www.example.com/")
    assert scope.including(["http://www.example.com/"]).contains("http://www.example.com/")


@pytest.mark.parametrize("text", ["", "hosts", "HOST example.com"])
def test_an_unknown_scope_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="host, domain, any"):
        Scope.of_seeds(text, [])


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("alice.github.io", "alice.github.io"),
        ("pages.alice.github.io", "alice.github.io"),
        ("github.io", "github.io"),
        ("localhost", "localhost"),
        ("intranet.corp", "intranet.corp"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "[::1]"),
        ("www.xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
    ],
)
def test_the_registered_domain_follows_the_public_suffix_list(host: str, domain: str) -> None:
    assert registered_domain(host) == domain

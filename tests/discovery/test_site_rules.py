"""Rules that a site's operator or user gives for the pages of one site (PDF_SITE_RULES)."""

from __future__ import annotations

import pytest

from pdfspider.discovery.links import Discovery
from pdfspider.exceptions import ConfigurationError


def find_by_hand(url: str, html: str) -> list[str]:
    return [f"{url}/by-hand.pdf"] if "by hand" in html else []


def fail(url: str, html: str) -> list[str]:
    raise RuntimeError(url)


NOT_A_FUNCTION = "x"
HERE = "tests.discovery.test_site_rules"


def test_sites_have_rules_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    rules = {
        "example.com": [[r"(.*)/landing/(\d+)", r"\1/get?id=\2"], f"{HERE}.fail", f"{HERE}.find_by_hand"],
        "org": [[".*", "/all.pdf"]],
    }
    discovery = Discovery(site_rules=rules)
    body = "<a href=/landing/7>by hand</a><a href=http://other.org/b>x</a><a href=http://example.net/b>x</a>"
    links = discovery.links(body, "http://www.example.com:81/")
    assert [(link.url, link.technique, link.document) for link in links] == [
        ("http://www.example.com:81//by-hand.pdf", "site", True),
        ("http://www.example.com:81/landing/7", "a", False),
        ("http://www.example.com:81/get?id=7", "site", True),
        ("http://other.org/b", "a", False),
        ("http://other.org/all.pdf", "site", True),
        ("http://example.net/b", "a", False),
    ]
    assert "A site rule fails at http://www.example.com:81/" in caplog.text
    own = discovery.links("", "http://example.com/landing/8")
    assert [link.url for link in own] == ["http://example.com/get?id=8"]


@pytest.mark.parametrize(
    "rules",
    [
        {"exa mple.com": [["a", "b"]]},
        {"example.com": []},
        {"example.com": "tests.nothing"},
        {"example.com": [["a"]]},
        {"example.com": [["(", "b"]]},
        {"example.com": [["a", r"\1"]]},
        {"example.com": ["tests.nothing.at_all"]},
        {"example.com": ["nothing"]},
        {"example.com": [f"{HERE}.NOT_A_FUNCTION"]},
        {"example.com": [7]},
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_its_site(rules: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=f"PDF_SITE_RULES: .*{next(iter(rules))}"):
        Discovery(site_rules=rules)

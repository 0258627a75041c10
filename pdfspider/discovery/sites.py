"""Rules for single sites: where a site's URLs and pages lead to PDFs.

A rewrite turns a URL of the site, wherever it is found, into the URL of its PDF. A site rule gets each page of the site
and returns the URLs of PDFs in it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pkgutil import resolve_name
from typing import NamedTuple

from pdfspider.discovery.hosts import normal_host
from pdfspider.discovery.platforms import document_urls
from pdfspider.exceptions import ConfigurationError

logger = logging.getLogger(__name__)

SiteRule = Callable[[str, str], Iterable[str]]
"""A function that gets the URL and the text of a page."""


class Rewrite(NamedTuple):
    """A pattern for URLs, and its replacement."""

    pattern: re.Pattern[str]
    replacement: str


class SiteRules(NamedTuple):
    """The rules for the URLs and the pages of a host."""

    rewrites: tuple[Rewrite, ...] = ()
    rules: tuple[SiteRule, ...] = ()


_DOI = r"(10\.[0-9.]+/[^?#]+)"
REWRITES: dict[str, list[tuple[str, str]]] = {
    "arxiv.org": [(r"(https?://[^/]+)/abs/([^?]+).*", r"\1/pdf/\2")],
    "wiley.com": [(rf"(https?://[^/]+)/doi/(?:epdf|pdf|reader)/{_DOI}.*", r"\1/doi/pdfdirect/\2")],
    "tandfonline.com": [(rf"(https?://[^/]+)/doi/(?:epdf|full|abs)/{_DOI}.*", r"\1/doi/pdf/\2")],
    "sagepub.com": [(rf"(https?://[^/]+)/doi/(?:epub|reader|full|abs)/{_DOI}.*", r"\1/doi/pdf/\2")],
    "biorxiv.org": [(r"(https?://[^/]+/content/10\.1101/[0-9.]+v[0-9]+)(?:\.full|\.abstract)?", r"\1.full.pdf")],
    "medrxiv.org": [(r"(https?://[^/]+/content/10\.1101/[0-9.]+v[0-9]+)(?:\.full|\.abstract)?", r"\1.full.pdf")],
    "openreview.net": [(r"(https?://[^/]+)/forum\?id=([\w-]+).*", r"\1/pdf?id=\2")],
    "aclanthology.org": [(r"(https?://[^/]+/[A-Z0-9][\w.]*-[\w.]*[0-9])/?", r"\1.pdf")],
    "github.com": [(r"(https?://[^/]+/[^/]+/[^/]+)/blob/([^?]+\.pdf)(?:\?.*)?", r"\1/raw/\2")],
    "dropbox.com": [
        (r"(.+\.pdf\?(?:.*&)?)dl=0(.*)", r"\1dl=1\2"),
        (r"(.+\.pdf)", r"\1?dl=1"),
        (r"(.+\.pdf\?(?:(?!dl=)[^&]*&)*(?!dl=)[^&]*)", r"\1&dl=1"),
    ],
    "sharepoint.com": [(r"(https?://[^/]+/:b:/[^?]+)(?:\?.*)?", r"\1?download=1")],
    "onedrive.live.com": [(r"(https?://[^/]+)/(?:embed|redir|view\.aspx)?\?(.*\bresid=.*)", r"\1/download?\2")],
    "docs.google.com": [
        (
            r"https?://[^/]+/(?:a/[^/]+/)?(?:viewer|gview)\?(?:.*&)?(?:srcid|id)=([\w-]{10,}).*",
            r"https://drive.google.com/uc?export=download&id=\1",
        ),
    ],
    "drive.google.com": [
        (
            r"https?://[^/]+/file/(?:u/[0-9]/)?d/([\w-]+)[^?]*\?(?:.*&)?(resourcekey=[\w-]+).*",
            r"https://drive.google.com/uc?export=download&id=\1&\2",
        ),
        (
            r"https?://[^/]+/file/(?:u/[0-9]/)?d/([\w-]+)(?!.*[?&]resourcekey=).*",
            r"https://drive.google.com/uc?export=download&id=\1",
        ),
        (r"https?://[^/]+/(?:open|uc)\?id=([\w-]+).*", r"https://drive.google.com/uc?export=download&id=\1"),
    ],
}
"""For hosts and their subdomains: a pattern for the whole URL, and its replacement."""


class Sites:
    """The rules of each site: built-in ones, then those of the settings."""

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        """Read the rules.

        Raises ConfigurationError that names the invalid entry.
        """
        self._rules: dict[str, SiteRules] = {}
        for suffix, entries in (*REWRITES.items(), *(settings or {}).items()):
            self._add(suffix, entries)
        self.of_authority = lru_cache(maxsize=4096)(self._of_authority)
        """The rules for the authority of a URL, None if there are none."""

    def rewritten(self, url: str) -> list[str]:
        """Return the URLs of the PDFs that belong to a normalised ``url``."""
        rules = self.of_authority(url.split("/", 3)[2])
        found = ((rewrite, rewrite.pattern.fullmatch(url)) for rewrite in (rules.rewrites if rules else ()))
        return [match.expand(rewrite.replacement) for rewrite, match in found if match]

    def found_at(self, url: str, html: str) -> list[str]:
        """Return the URLs of PDFs that the rules for the site find in the page at ``url`` with that text."""
        found = self.rewritten(url) or document_urls(url, html)
        rules = self.of_authority(url.split("/", 3)[2])
        for rule in rules.rules if rules else ():
            try:
                found += map(str, rule(url, html))
            except Exception:
                logger.exception("A site rule fails at %s", url)
        return found

    def _of_authority(self, authority: str) -> SiteRules | None:
        labels = authority.rpartition("@")[2].partition(":")[0].split(".")
        suffixes = (".".join(labels[start:]) for start in range(len(labels)))
        found = [self._rules[suffix] for suffix in suffixes if suffix in self._rules]
        if not found:
            return None
        rewrites = tuple(one for rules in found for one in rules.rewrites)
        return SiteRules(rewrites, tuple(one for rules in found for one in rules.rules))

    def _add(self, suffix: str, entries: object) -> None:
        try:
            host = normal_host(suffix.lstrip("."))
        except ValueError as error:
            raise ConfigurationError(f"PDF_SITE_RULES: {suffix!r} is not a host: {error}") from None
        if not isinstance(entries, list | tuple) or not entries:
            raise ConfigurationError(f"PDF_SITE_RULES: the value of {suffix!r} is not a list of rules")
        rewrites, rules = self._rules.get(host, SiteRules())
        for entry in entries:
            if isinstance(entry, list | tuple):
                rewrites += (_rewrite(suffix, entry),)
            else:
                rules += (_site_rule(suffix, entry),)
        self._rules[host] = SiteRules(rewrites, rules)


def _rewrite(suffix: str, pair: list[object] | tuple[object, ...]) -> Rewrite:
    try:
        pattern, replacement = map(str, pair)
        compiled = re.compile(pattern)
        compiled.sub(replacement, "")
    except (ValueError, re.error, IndexError) as error:
        raise ConfigurationError(f"PDF_SITE_RULES: {pair!r} at {suffix!r} is not a rewrite: {error}") from None
    return Rewrite(compiled, replacement)


def _site_rule(suffix: str, path: object) -> SiteRule:
    try:
        rule: SiteRule = resolve_name(str(path))
    except Exception as error:
        raise ConfigurationError(f"PDF_SITE_RULES: {path!r} at {suffix!r} cannot be loaded: {error}") from None
    if not callable(rule):
        raise ConfigurationError(f"PDF_SITE_RULES: {path!r} at {suffix!r} is not a function")
    return rule

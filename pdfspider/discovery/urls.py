"""URLs: their normal form, which is stored and fetched, their fingerprint, and joining.

A crawl spends most of its time on URLs that are normal already. One regular expression recognises these, and nothing
more is done to them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from pdfspider.discovery.normal import (
    MAX_LENGTH,
    PATH_SAFE,
    QUERY_SAFE,
    REMOVED_CHARACTERS,
    STRIPPED_CHARACTERS,
    normal_form,
)
from pdfspider.discovery.variants import without_visitor
from pdfspider.exceptions import InvalidInput
from pdfspider.masking import masked
from pdfspider.origins import host_of, origin_of

__all__ = ["canonical", "fingerprint", "host_of", "join", "normalise", "origin_of"]

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HOST = rf"(?:(?:[a-z0-9_-]{{1,60}}\.){{0,3}}+[a-z][a-z0-9_-]{{0,59}}|{_OCTET}(?:\.{_OCTET}){{3}})"
_PORT = r"(?::(?!80/|443/)(?:[1-5][0-9]{0,4}|[6-9][0-9]{0,3}))?"
_PATH = rf"[A-Za-z0-9._~{PATH_SAFE}-]*+(?:%(?!2E)[0-9A-F]{{2}}[A-Za-z0-9._~{PATH_SAFE}-]*+)*+"
_QUERY = rf"[A-Za-z0-9._~{QUERY_SAFE}-]*+(?:%[0-9A-F]{{2}}[A-Za-z0-9._~{QUERY_SAFE}-]*+)*+"
_NORMAL = re.compile(rf"https?://{_HOST}{_PORT}/{_PATH}(?:\?(?=.){_QUERY})?").fullmatch

_PLAIN = re.compile(rf"/(?!/){_PATH}(?:\?(?=.){_QUERY})?").fullmatch

_ESCAPED_UNRESERVED = re.compile(r"%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match
_UNCLEAN = re.compile(r"[\x00-\x20#\\]").search


def normalise(url: str, encoding: str = "utf-8") -> str:
    """Return the form of ``url`` that is stored and fetched.

    Scheme and host are in lower case. There is no default port, no fragment and no dot segment. Everything unsafe is
    percent-encoded, and the query keeps its order.

    ``encoding`` is that of the page where the URL was found: browsers encode queries, and only these, in it. Raises
    InvalidInput, naming the URL and the reason, for a URL that cannot be fetched over HTTP.
    """
    if _is_normal(url):
        return url
    try:
        return normal_form(url, encoding)
    except ValueError as error:
        shown = masked(url if len(url) <= 200 else f"{url[:200]}…")
        raise InvalidInput(f"{shown!r} is not a URL that can be crawled: {error}") from None


def canonical(url: str) -> str:
    """Return the one spelling for all spellings of a normalised ``url``.

    Query fields are sorted, and there are no needless escapes.
    """
    if "%" in url:
        url = _ESCAPED_UNRESERVED.sub(lambda escape: chr(int(escape[0][1:], 16)), url)
    if "?" not in url:
        return url
    page, _, query = url.partition("?")
    return f"{page}?{'&'.join(sorted(filter(None, query.replace('+', '%20').split('&'))))}"


def fingerprint(url: str) -> bytes:
    """Return the 8 bytes by which the frontier knows a normalised ``url``, whoever visits it."""
    return blake2b(without_visitor(canonical(url)).encode(), digest_size=8).digest()


def join(base: str, href: str, encoding: str = "utf-8") -> str | None:
    """Return the normalised URL that ``href`` means on the page ``base``, as browsers see it.

    Return None if it cannot be followed: another scheme, a mere fragment, nonsense.
    """
    if _is_normal(href):
        return href
    try:
        if _PLAIN(href) and "/." not in href:
            url = _prefixes(base).root + href
            return url if len(url) <= MAX_LENGTH else None
        clean = _clean(href) if _UNCLEAN(href) else href
        if not clean:
            return None
        url = _absolute(base, clean)
        return url if _is_normal(url) else normal_form(href, encoding, normalise(base))
    except (InvalidInput, ValueError):
        return None


def _is_normal(url: str) -> bool:
    return _NORMAL(url) is not None and "/." not in url and len(url) <= MAX_LENGTH


def _clean(href: str) -> str:
    path, mark, query = href.strip(STRIPPED_CHARACTERS).translate(REMOVED_CHARACTERS).partition("#")[0].partition("?")
    return path.replace("\\", "/") + mark + query


def _absolute(base: str, href: str) -> str:
    if _SCHEME(href):
        return href
    prefixes = _prefixes(base)
    if href.startswith("//"):
        return prefixes.scheme + href
    if href.startswith("/"):
        return prefixes.root + href
    return (prefixes.page if href.startswith("?") else prefixes.directory) + href


class _Prefixes(NamedTuple):
    scheme: str
    root: str
    directory: str
    page: str


@lru_cache(maxsize=1_024)
def _prefixes(base: str) -> _Prefixes:
    base = normalise(base)
    page = base.partition("?")[0]
    root = base[: base.index("/", 8)]
    return _Prefixes(f"{base.partition(':')[0]}:", root, f"{page.rpartition('/')[0]}/", page)

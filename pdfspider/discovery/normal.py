"""Bring any spelling of a URL into the normal form, as browsers understand it; callers use ``urls``."""

from __future__ import annotations

import codecs
import re
from urllib.parse import quote, unquote

from ada_url import URL, join_url, normalize_url

from pdfspider.discovery.hosts import checked_name, reason_against

MAX_LENGTH = 8_192
"""In characters, before and after encoding."""

# Safe by the URL living standard and RFC 3986 alike: what Scrapy sends is then what is stored.
_SAFE = "!$&()*+,;=:@/"
PATH_SAFE = f"{_SAFE}'"
QUERY_SAFE = f"{_SAFE}?"

STRIPPED_CHARACTERS = "".join(map(chr, range(0x21)))
"""Characters that browsers strip from both ends of a URL."""
REMOVED_CHARACTERS = str.maketrans("", "", "\t\r\n")
"""Removes the characters that browsers remove anywhere in a URL."""

_PARTS = re.compile(r"(https?)://(?:[^/?#@]*@)?(\[[^\]]*\]|[^:/?#]*)(:[0-9]+)?(/[^?]*)(?:\?(.*))?").fullmatch
_LONG_HOST = re.compile(r"(?:https?:[/\\]*|[/\\]{2,})[^/\\?#]{1024}", re.IGNORECASE).match
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def normal_form(url: str, encoding: str, base: str | None = None) -> str:
    """Return what a browser makes of a URL on the page ``base``; ``encoding`` is for its query.

    User, fragment, and the dot that ends a host are left out. What RFC 3986 forbids is escaped, and all escapes are in
    upper case. Raises ValueError with the reason if the URL cannot be fetched over HTTP.
    """
    if len(url) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH:,} characters")
    url = _SURROGATE.sub("\ufffd", url.strip(STRIPPED_CHARACTERS).translate(REMOVED_CHARACTERS))
    if _LONG_HOST(url):
        raise ValueError("the host name is too long")
    address, mark, query = url.partition("#")[0].partition("?")
    query = _escape(_encode(query, encoding), QUERY_SAFE)
    parts = _PARTS(_parsed(f"{address}{mark}{query}", base))
    if parts is None:
        raise ValueError("it does not begin with http:// or https://")
    scheme, host, port, path, query = parts.groups("")
    if port == ":0":
        raise ValueError("its host or port is malformed")
    path = _escape(path.encode(), PATH_SAFE)
    normal = f"{scheme}://{checked_name(host)}{port}{path}{'?' if query else ''}{query}"
    if len(normal) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH:,} characters once encoded")
    return normal


def _parsed(url: str, base: str | None) -> str:
    try:
        return join_url(base, url) if base else normalize_url(url)
    except ValueError:
        raise ValueError(reason_against(url)) from None


def without_fragment(href: str) -> str:
    """Return a too long reference without its fragment, "" if it is still too long."""
    href = href.partition("#")[0].strip()
    return href if len(href) <= MAX_LENGTH else ""


def userinfo_of(url: str) -> tuple[str, str]:
    """Return the user and the password before a URL's host, both "" if there are none."""
    try:
        parsed = URL(_SURROGATE.sub("\ufffd", url))
    except ValueError:
        return "", ""
    return unquote(parsed.username), unquote(parsed.password)


def _encode(query: str, encoding: str) -> bytes:
    if query.isascii() or encoding.startswith("utf"):
        return query.encode()
    return query.encode(encoding, "pdfspider.reference")


def _reference(error: UnicodeError) -> tuple[str, int]:
    """Replace what a charset lacks by escaped HTML references, as browsers do in queries."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(f"%26%23{ord(character)}%3B" for character in missing), error.end


codecs.register_error("pdfspider.reference", _reference)


def _escape(data: bytes, safe: str) -> str:
    escaped = quote(_STRAY_PERCENT.sub(b"%25", data), safe=f"{safe}%")
    return _ESCAPE.sub(lambda escape: escape[0].upper(), escaped) if "%" in escaped else escaped

"""Bring any spelling of a URL into the normal form; callers use ``urls``."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from pdfspider.discovery.hosts import normal_host

MAX_LENGTH = 8_192
"""In characters, before and after encoding."""

# Safe by the URL living standard and RFC 3986 alike: what Scrapy sends is then what is stored.
_SAFE = "!$&()*+,;=:@/"
PATH_SAFE = f"{_SAFE}'"
QUERY_SAFE = f"{_SAFE}?"

_PARTS = re.compile(r"(https?):[/\\]{2}([^/\\?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE | re.DOTALL).fullmatch
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(0*[0-9]{0,5}))?").fullmatch
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search
_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def normal_form(url: str, encoding: str) -> str:
    """Return the normal form of a URL; ``encoding`` is for its query.

    Raises ValueError with the reason if the URL cannot be fetched over HTTP.
    """
    if len(url) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH:,} characters")
    if _FORBIDDEN(url):
        raise ValueError("it contains control characters or lone surrogates")
    parts = _PARTS(url)
    if parts is None:
        raise ValueError("it does not begin with http:// or https://")
    scheme = parts[1].lower()
    path = _without_dots(_escape(parts[3].replace("\\", "/").encode(), PATH_SAFE))
    query = _escape(_encode(parts[4] or "", encoding), QUERY_SAFE)
    normal = f"{scheme}://{_normal_authority(parts[2], scheme)}{path}{'?' if query else ''}{query}"
    if len(normal) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH:,} characters once encoded")
    return normal


def _normal_authority(authority: str, scheme: str) -> str:
    parts = _HOST_PORT(authority.rpartition("@")[2])
    if parts is None or int(parts[2] or 1) not in range(1, 65_536):
        raise ValueError("its host or port is malformed")
    host, port = parts.groups()
    if not host:
        raise ValueError("it has no host")
    explicit = f":{int(port)}" if port and int(port) != _DEFAULT_PORTS[scheme] else ""
    return f"{normal_host(host)}{explicit}"


def userinfo_of(url: str) -> tuple[str, str]:
    """Return the user and the password before a URL's host, both "" if there are none."""
    parts = _PARTS(url.strip())
    user, _, password = parts[2].rpartition("@")[0].partition(":") if parts else ("", "", "")
    return unquote(user), unquote(password)


def _encode(query: str, encoding: str) -> bytes:
    try:
        return query.encode("utf-8" if encoding.startswith("utf") else encoding)
    except UnicodeEncodeError:
        return query.encode()


def _escape(data: bytes, safe: str) -> str:
    escaped = quote(_STRAY_PERCENT.sub(b"%25", data), safe=f"{safe}%")
    return _ESCAPE.sub(lambda escape: escape[0].upper(), escaped)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    plain = ""
    for segment in path.split("/")[1:]:
        plain = segment.replace("%2E", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
    if plain in {".", ".."}:
        kept.append("")
    return f"/{'/'.join(kept)}"

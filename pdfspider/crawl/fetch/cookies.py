"""The cookies of one visit, which live for one chain of redirects."""

from __future__ import annotations

import re
import time
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.discovery.hosts import registered_domain
from pdfspider.discovery.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdfspider.frontier.entries import HostCookies

MAX_COOKIES = 64
MAX_COOKIE_LENGTH = 4096
MAX_TOTAL_LENGTH = 16 * 1024
"""Bytes of the cookies of one host; further ones are not taken."""
_PAST = re.compile(r"-[0-9]+|0+").fullmatch
"""A Max-Age that takes a cookie back."""


class _Cookie(NamedTuple):
    value: str
    secure: bool = False


class Cookies:
    """Cookies by host and name.

    Each one is sent to the host that set it, or to all hosts of the domain that it names. A domain is stored as a host
    that begins with a dot.
    """

    def __init__(self, carried: Iterable[HostCookies] = ()) -> None:
        self._by_host = {host: {(name, "/"): _Cookie(value) for name, value in cookies} for host, cookies in carried}

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Store the Set-Cookie headers of a response from ``url``, as RFC 6265, 5.2, reads them."""
        host = host_of(url)
        for header in set_cookies:
            pair, *rest = header.split(";")
            name, separator, value = (part.strip() for part in pair.partition("="))
            if not (separator and name and pair.isascii() and pair.isprintable()) or len(pair) > MAX_COOKIE_LENGTH:
                continue
            attributes = dict(map(_attribute, rest))
            cookies = self._by_host.setdefault(_key(host, attributes.get("domain", "")), {})
            key = name, _path(url, attributes.get("path", ""))
            if _is_past(attributes):
                cookies.pop(key, None)
            elif key in cookies or self._has_room(host, name, value):
                cookies[key] = _Cookie(value, "secure" in attributes)

    def header(self, url: str) -> str:
        """Return the Cookie header for a request to ``url``, "" if there is none."""
        found = [one for cookies in self._sent_to(host_of(url)) for one in cookies.items()]
        if not found:
            return ""
        path, secure = _path_of(url), url.startswith("https:")
        sent = [(key, cookie) for key, cookie in found if _is_under(path, key[1]) and (secure or not cookie.secure)]
        sent.sort(key=lambda one: -len(one[0][1]))
        return "; ".join(f"{name}={cookie.value}" for (name, _), cookie in sent)

    def _has_room(self, host: str, name: str, value: str) -> bool:
        kept = [one for cookies in self._sent_to(host) for one in cookies.items()]
        size = sum(len(key[0]) + len(cookie.value) for key, cookie in kept)
        return len(kept) < MAX_COOKIES and size + len(name) + len(value) <= MAX_TOTAL_LENGTH

    def _sent_to(self, host: str) -> Iterator[dict[tuple[str, str], _Cookie]]:
        return (cookies for key, cookies in self._by_host.items() if key == host or _holds(key, host))

    def carried(self) -> tuple[HostCookies, ...]:
        """Return the cookies that a redirect to another origin takes along."""
        return tuple(
            (host, tuple((name, cookie.value) for (name, _), cookie in cookies.items()))
            for host, cookies in self._by_host.items()
            if cookies
        )


class NoCookies(Cookies):
    """Takes none."""

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Leave what an answer sets."""


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _is_past(attributes: dict[str, str]) -> bool:
    """Return whether a cookie is taken back; Max-Age counts before Expires."""
    if "max-age" in attributes:
        return _PAST(attributes["max-age"]) is not None
    expires = parsedate_tz(attributes.get("expires", ""))
    try:
        return expires is not None and mktime_tz(expires) <= time.time()
    except (OverflowError, ValueError):
        return False


def _path_of(url: str) -> str:
    return url[url.index("/", 8) :].partition("?")[0]


def _path(url: str, declared: str) -> str:
    """Return the path that a cookie is sent back to: what it says, or the directory of ``url`` (RFC 6265, 5.1.4)."""
    return declared if declared.startswith("/") else _path_of(url).rpartition("/")[0] or "/"


def _is_under(path: str, above: str) -> bool:
    return path == above or (path.startswith(above) and (above.endswith("/") or path[len(above)] == "/"))


def _key(host: str, domain: str) -> str:
    """Return the key of a cookie: its domain if the host is in it and it has one owner, else the host."""
    key = f".{domain.removeprefix('.').lower()}"
    return key if key != "." and _holds(key, host) and _has_one_owner(key) else host


def _holds(key: str, host: str) -> bool:
    return key.startswith(".") and f".{host}".endswith(key)


def _has_one_owner(key: str) -> bool:
    below = f"x{key}"
    return registered_domain(below) != below

"""The cookies of one visit: they live for one chain of redirects, over hosts, and are forgotten with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdfspider.discovery.hosts import registered_domain
from pdfspider.discovery.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pdfspider.frontier.entries import HostCookies

MOST = 64
LONGEST = 4096
_PAST = re.compile(r"-[0-9]+|0+").fullmatch
"""A Max-Age that takes a cookie back."""


class Cookies:
    """By host and name: each is sent back to the very host that set it, or to all of the domain that it names, which is
    kept as a host that begins with a dot.
    """

    def __init__(self, carried: Iterable[HostCookies] = ()) -> None:
        self._by_host = {host: dict(cookies) for host, cookies in carried}

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Takes the Set-Cookie headers of an answer from ``url``, as RFC 6265, 5.2, reads them."""
        host = host_of(url)
        for header in set_cookies:
            pair, *rest = header.split(";")
            name, separator, value = (part.strip() for part in pair.partition("="))
            if not (separator and name and pair.isascii() and pair.isprintable()) or len(pair) > LONGEST:
                continue
            attributes = dict(map(_attribute, rest))
            cookies = self._by_host.setdefault(_key(host, attributes.get("domain", "")), {})
            if _PAST(attributes.get("max-age", "")):
                cookies.pop(name, None)
            elif name in cookies or sum(map(len, self._sent_to(host))) < MOST:
                cookies[name] = value

    def header(self, url: str) -> str:
        """The Cookie header for a request to ``url``; empty where there is none."""
        found = self._sent_to(host_of(url))
        return "; ".join(f"{name}={value}" for cookies in found for name, value in cookies.items())

    def _sent_to(self, host: str) -> Iterator[dict[str, str]]:
        return (cookies for key, cookies in self._by_host.items() if key == host or _holds(key, host))

    def carried(self) -> tuple[HostCookies, ...]:
        """What a redirect to another origin takes along."""
        return tuple((host, tuple(cookies.items())) for host, cookies in self._by_host.items() if cookies)


class NoCookies(Cookies):
    """Takes none."""

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Leave what an answer sets."""


def _attribute(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()


def _key(host: str, domain: str) -> str:
    """Under what a cookie is kept: a domain counts if the host is in it, and if it has one owner."""
    key = f".{domain.removeprefix('.').lower()}"
    return key if key != "." and _holds(key, host) and _has_one_owner(key) else host


def _holds(key: str, host: str) -> bool:
    return key.startswith(".") and f".{host}".endswith(key)


def _has_one_owner(key: str) -> bool:
    below = f"x{key}"
    return registered_domain(below) != below

"""The cookies of one visit: they live for one chain of redirects, over hosts, and are forgotten with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdfspider.discovery.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdfspider.frontier.entries import HostCookies

MOST = 64
LONGEST = 4096


class Cookies:
    """By host and name, each sent back to the very host that set it."""

    def __init__(self, carried: Iterable[HostCookies] = ()) -> None:
        self._by_host = {host: dict(cookies) for host, cookies in carried}

    def take(self, url: str, set_cookies: Iterable[str]) -> None:
        """Takes the Set-Cookie headers of an answer from ``url``, as RFC 6265, 5.2, reads them."""
        cookies = self._by_host.setdefault(host_of(url), {})
        for header in set_cookies:
            pair, *attributes = header.split(";")
            name, separator, value = (part.strip() for part in pair.partition("="))
            if not (separator and name and pair.isascii() and pair.isprintable()) or len(pair) > LONGEST:
                continue
            if any(_takes_back(attribute) for attribute in attributes):
                cookies.pop(name, None)
            elif name in cookies or len(cookies) < MOST:
                cookies[name] = value

    def header(self, url: str) -> str:
        """The Cookie header for a request to ``url``; empty where there is none."""
        return "; ".join(f"{name}={value}" for name, value in self._by_host.get(host_of(url), {}).items())

    def carried(self) -> tuple[HostCookies, ...]:
        """What a redirect to another origin takes along."""
        return tuple((host, tuple(cookies.items())) for host, cookies in self._by_host.items() if cookies)


def _takes_back(attribute: str) -> bool:
    name, _, value = attribute.partition("=")
    return name.strip().lower() == "max-age" and value.strip().lstrip("-").isdigit() and int(value) <= 0

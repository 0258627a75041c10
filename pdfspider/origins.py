"""Origins and hosts of URLs, which are the keys of everything that is kept by origin or host.

A normalised URL has no userinfo, and a path: the part before the path is its origin.
"""

from __future__ import annotations

from pdfspider.exceptions import InvalidInput

BEFORE_HOST = len("https://")
"""No path begins before this index."""


def origin_length(url: str) -> int:
    """Return how many characters of a normalised ``url`` are its origin.

    Raises InvalidInput for any other URL.
    """
    end = url.find("/", BEFORE_HOST)
    if end < 0 or url.find("@", 0, end) >= 0:
        raise InvalidInput(f"{url[:200]!r} is not normalised")
    return end


def origin_of(url: str) -> str:
    """Return scheme, host and port of a normalised ``url``, as in ``http://example.com:8080``."""
    return url[: origin_length(url)]


def host_of(url: str) -> str:
    """Return the host of a normalised ``url``, without its port; IPv6 addresses keep their brackets."""
    authority = url.split("/", 3)[2].rpartition("@")[2]
    if authority.endswith("]"):
        return authority
    return authority.rpartition(":")[0] if ":" in authority else authority

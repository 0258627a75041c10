"""The record that the frontier keeps for a URL while it waits."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from pdfspider.items import Hop
from pdfspider.origins import origin_length

if TYPE_CHECKING:
    from collections.abc import Iterable

SCOPES = ("host", "domain", "any")
SCOPE_NUMBERS = {scope: number for number, scope in enumerate(SCOPES)}
MAX_DEPTH = 10**12
"""The largest depth, so that each can be packed."""

UNTRIED = b"-\0\0\0"
"""The bytes between kind and payload in a queue member that no worker has tried yet (see keys.lua)."""
PAGE_SCORE, SCORE_PER_PRIORITY, SCORE_PER_DEPTH, MAX_SCORED_DEPTH = 2**50, 2**42, 2**34, 255
"""The parts of a queue's score (see keys.lua); what is below a depth is the order of submission."""
REACH_SHIFT = 4
"""The bit at which the reach begins among the flags of a payload; lease.lua knows it too."""
REQUIRED_VALUES = 4
"""The number of elements of a payload that are never left out."""

_packer = msgpack.Packer(use_bin_type=False)

HostCookies = tuple[str, tuple[tuple[str, str], ...]]
"""A host, and the names and values of its cookies."""


@lru_cache(maxsize=4_096)
def host_id(host: str) -> str:
    """Return the id under which the frontier keeps a host: 16 hex digits."""
    return blake2b(host.encode(), digest_size=8).hexdigest()


class Entry(NamedTuple):
    """A URL of a job that waits for one visit.

    ``url`` is normalised. ``fingerprint`` is the 8-byte hash of its canonical form. ``host`` is the name that the host
    gate uses. ``leaf`` marks a link outside the scope that looks like a document: if it turns out to be a page, its
    links are not followed.
    """

    url: str
    fingerprint: bytes
    host: str
    depth: int = 0
    max_depth: int = 0
    """Pages deeper than this are not followed; 0: no limit."""
    scope: str = "host"
    priority: int = 0
    document: bool = False
    leaf: bool = False
    technique: str | None = None
    found_on: str | None = None
    hops: tuple[Hop, ...] = ()
    cookies: tuple[HostCookies, ...] = ()
    """The cookies set on the way, if redirects led here from another origin."""
    sought: str = ""
    """The unsigned URL of the document for which this page is visited again."""
    reach: int = 0
    """The addresses that may be reached besides public ones, from here on (see ``frontier/reach.py``)."""
    request: str = ""
    """The request that a callback of the spider yielded, as JSON without its URL; empty: a link."""

    def pack(self) -> bytes:
        """Return the payload: a msgpack array without the defaults at its end."""
        shared = _shared(self.url, self.found_on) if self.found_on else 0
        values: list[Any] = [
            self.url,
            self.depth,
            SCOPE_NUMBERS[self.scope] | self.leaf << 2 | self.document << 3 | self.reach << REACH_SHIFT,
            origin_length(self.url),
            self.max_depth,
            self.priority,
            self.technique or "",
            shared,
            self.found_on[shared:] if self.found_on else "",
        ]
        if self.hops or self.cookies or self.sought or self.request:
            values += ([list(hop) for hop in self.hops], self.cookies, self.sought, self.request)
        while len(values) > REQUIRED_VALUES and not values[-1]:
            values.pop()
        payload: bytes = _packer.pack(values)
        return payload

    @classmethod
    def unpack(cls, payload: bytes, fingerprint: bytes = b"", host: str = "") -> Entry:
        """Return the entry that :meth:`pack` made the payload from."""
        values = msgpack.unpackb(payload, raw=False)
        values += (0, 0, 0, 0, 0, "", 0, "", (), (), "", "")[len(values) - 1 :]
        url, depth, flags, _, max_depth, priority, technique, shared, rest, hops, cookies, sought, request = values
        return cls(
            url=url,
            fingerprint=fingerprint,
            host=host,
            depth=depth,
            max_depth=max_depth,
            scope=SCOPES[flags & 3],
            priority=priority,
            document=bool(flags & 8),
            leaf=bool(flags & 4),
            technique=technique or None,
            found_on=url[:shared] + rest if shared or rest else None,
            hops=tuple(Hop(*hop) for hop in hops),
            cookies=tuple((host, tuple(map(tuple, pairs))) for host, pairs in cookies) if cookies else (),
            sought=sought,
            reach=flags >> REACH_SHIFT,
            request=request,
        )

    def member(self) -> bytes:
        """Return the member of a queue that stands for this URL."""
        return b"".join((self.fingerprint, b"d" if self.document else b"p", UNTRIED, self.pack()))

    def rank(self) -> int:
        """Return the score of the member, apart from the order of submission."""
        priority = self.priority and max(-128, min(self.priority, 127))
        depth = min(MAX_SCORED_DEPTH, self.depth)
        rank = (127 - priority) * SCORE_PER_PRIORITY + depth * SCORE_PER_DEPTH
        return rank if self.document else PAGE_SCORE + rank

    def child(self, **changes: Any) -> Entry:
        """Return a copy with some fields changed."""
        return self._replace(**changes)


def _shared(url: str, other: str) -> int:
    """Return the length of the prefix that two URLs share; quickly, where they share all but the last segment."""
    end = other.rfind("/") + 1
    while end and not url.startswith(other[:end]):
        end = other.rfind("/", 0, end - 1) + 1
    for a, b in zip(url[end:], other[end:], strict=False):
        if a != b:
            break
        end += 1
    return end


def links_of(entries: Iterable[Entry]) -> list[Any]:
    """Return URLs in the one list that the scripts take (see lua/shared/links.lua)."""
    groups: dict[str, list[Any]] = {}
    for entry in entries:
        group = groups.get(entry.host)
        if group is None:
            group = groups[entry.host] = [host_id(entry.host), entry.host, 0]
        group[2] += 1
        group += (entry.member(), entry.rank())
    return list(chain.from_iterable(groups.values()))

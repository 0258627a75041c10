"""Recognise URLs that look like a part of something without an end.

A maze is recognised by its URL alone: if a server accepts relative links anywhere, their paths repeat themselves.
Calendars, counters and session ids make any number of plausible URLs. These have a pattern in common, of which a crawl
takes a bounded number.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

MAX_SEGMENTS = 20
"""Segments that a path may have."""
_TIMES = 3
_TIMES_SHORT = 5
_SHORT = 3
_NUMBERED = re.compile(r"(?:/[^/]*[0-9][^/]*)+")


def maze(url: str) -> str | None:
    """Return why the path of a normalised ``url`` looks like a maze, None if it does not.

    Numbers do not count, and names of one or two characters count less, because dates and sharded directories repeat
    them.
    """
    segments = _segments(url)
    if len(segments) > MAX_SEGMENTS:
        return f"its path has {len(segments)} segments"
    if len(segments) == len(set(segments)):
        return None
    times = Counter(segment for segment in segments if not segment.isdigit())
    for name, count in times.items():
        if count >= (_TIMES if len(name) >= _SHORT else _TIMES_SHORT):
            return f"{name!r} is {count} times in its path"
    for at in range(len(segments) - 3):
        pair = segments[at : at + 2]
        if pair == segments[at + 2 : at + 4] and all(map(_is_name, pair)):
            return f"{'/'.join(pair)!r} is twice in a row in its path"
    return None


@lru_cache(maxsize=512)
def pattern(url: str) -> str:
    """Return what a normalised ``url`` has in common with similar URLs of its host.

    These differ only in their query, and in the parts of their path that have a number in them, as ids have.
    """
    place = url.partition("?")[0].partition("//")[2]
    host, slash, path = place.partition("/")
    return host + _NUMBERED.sub("/*", slash + path.rstrip("/"))


def _segments(url: str) -> list[str]:
    return [segment for segment in url.partition("?")[0].split("/")[3:] if segment]


def _is_name(segment: str) -> bool:
    return len(segment) >= _SHORT and not segment.isdigit()

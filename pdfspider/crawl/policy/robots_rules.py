"""The rules of a robots.txt for one user agent, reduced to a small form that is searched in bounded time."""

from __future__ import annotations

import re
import zlib
from itertools import takewhile
from typing import TYPE_CHECKING

from protego import Protego

from pdfspider.crawl.policy.retries import MAX_HOLD_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Line = tuple[str, str]

MAX_BODY_SIZE = 512 * 1024
"""Bytes of a robots.txt that are read; RFC 9309, 2.5, asks for 500 KiB at least."""
MAX_WILDCARD_RULES = 2_500
"""Rules with wildcards that are kept as they are: each of them is compared with each URL."""
MAX_SITEMAPS, MAX_SITEMAPS_LENGTH = 1_000, 128 * 1024
"""Sitemaps that are kept, and their characters."""
LEAST_PACKED_SIZE = 512
MAX_RESERVATIONS, MAX_RESERVATION_LENGTH = 5, 100
"""Lines about the use of responses that are recorded, and their characters."""

_AGENT = re.compile(r"user[- ]?agent(?=[\s:]|$)\s*:?\s*(.*)", re.IGNORECASE).fullmatch
_SITE_WIDE = re.compile(r"(site-?maps?|host)(?=[\s:]|$)\s*:?\s*(.*)", re.IGNORECASE).fullmatch
_RULE = re.compile(
    r"[^:]*:.*|(?:allow|disallow|crawl[- ]delay|request[- ]rate|visit[- ]time)\s.*", re.IGNORECASE
).fullmatch
_RESERVATION = re.compile(rb"^content-(?:signal|usage)\s*:[^\n]*", re.IGNORECASE | re.MULTILINE).findall
_ALLOW = re.compile(r"allow(?=[\s:])", re.IGNORECASE).match


def reduced(body: bytes, user_agent: str) -> bytes:
    """Return the rules of a robots.txt for a user agent, as rules for all, and its sitemaps.

    If a file has too many rules with wildcards, rules that forbid are cut before their first wildcard, so that they
    forbid more, and rules that allow are left out.
    """
    text = body.decode("utf-8-sig", errors="ignore")
    if len(body) >= MAX_BODY_SIZE:
        text = text.rpartition("\n")[0]  # its last line may be cut
    lines = list(_lines(text))
    names = {name for kind, name in lines if kind == "agent" and _concerns(name, user_agent.lower())}
    rules = list(_bounded(_rules_for(max(names, key=lambda name: (name != "*", len(name))), lines))) if names else []
    sitemaps = list(_sitemaps(lines))
    return "\n".join([*(["User-agent: *"] if rules else []), *rules, *sitemaps]).encode()


def packed(text: bytes) -> bytes:
    """Return the form in which the frontier stores the rules."""
    return zlib.compress(text) if len(text) > LEAST_PACKED_SIZE else text


def unpacked(body: bytes) -> bytes:
    """Return the rules from the form that ``packed`` returned."""
    try:
        return zlib.decompress(body) if body[:1] == b"x" else body
    except zlib.error:
        return body


def parsed(text: bytes) -> Protego:
    """Return the parsed rules.

    Each group refers to the whole while it is parsed. That is undone, because such a cycle, and the megabytes in it,
    would stay until Python looks for garbage, which a worker has it do rarely.
    """
    rules = Protego.parse(text.decode("utf-8-sig", errors="ignore"))
    for group in vars(rules).get("_user_agents", {}).values():
        vars(group).pop("_parser_instance", None)
    return rules


def reservations(text: bytes) -> tuple[str, ...]:
    """Return the lines ``Content-Signal`` and ``Content-Usage`` of rules, which say how responses may be used."""
    found = (line.decode("utf-8", "replace").partition(":") for line in _RESERVATION(text)[:MAX_RESERVATIONS])
    return tuple(f"{name.strip().lower()}: {value.strip()[:MAX_RESERVATION_LENGTH]}" for name, _, value in found)


def parsed_size(text: bytes) -> int:
    """Return about how many bytes of memory the parsed form takes."""
    return 2_000 + 400 * (text.count(b"\n") + 1) + 2 * len(text)


def crawl_delay(text: bytes, user_agent: str) -> float:
    """Return the seconds between two requests that a robots.txt asks for, at most a day."""
    asked = parsed(text).crawl_delay(user_agent) if text else None
    return min(float(asked or 0.0), MAX_HOLD_S)


def _lines(text: str) -> Iterator[Line]:
    """Yield the meaningful lines, each with its kind: agent, site or rule."""
    for line in text.splitlines():
        said = line.partition("#")[0].strip()
        if agent := _AGENT(said):
            yield "agent", agent[1].lower().replace("*", "") or agent[1][:1]
        elif _SITE_WIDE(said):
            yield "site", said
        elif _RULE(said):
            yield "rule", said


def _concerns(name: str, user_agent: str) -> bool:
    """Return whether a group is for a user agent: its name begins one of its words, or is ``*``."""
    return name == "*" or bool(name and re.search(rf"(?<![\w-]){re.escape(name)}", user_agent))


def _rules_for(name: str, lines: Iterable[Line]) -> Iterator[str]:
    """Yield the rules of all groups with that name, each once."""
    naming, concerned, seen = False, False, set[str]()
    for kind, line in lines:
        if kind == "agent":
            concerned = (naming and concerned) or line == name
            naming = True
        elif kind == "rule":
            naming = False
            if concerned and line not in seen:
                seen.add(line)
                yield line


def _bounded(rules: Iterable[str]) -> Iterator[str]:
    wildcards, seen = 0, set[str]()
    for rule in rules:
        wildcards += "*" in rule
        if wildcards <= MAX_WILDCARD_RULES or "*" not in rule:
            yield rule
        elif not _ALLOW(rule) and (cut := _before_wildcard(rule)) not in seen:
            seen.add(cut)
            yield cut


def _before_wildcard(rule: str) -> str:
    cut = rule.partition("*")[0]
    return cut if cut.rstrip()[-1:] != ":" else f"{cut}/"


def _sitemaps(lines: Iterable[Line]) -> Iterator[str]:
    size = 0
    found = (line for kind, line in lines if kind == "site" and line[:4].lower() == "site")
    for _, line in takewhile(lambda one: one[0] < MAX_SITEMAPS, enumerate(found)):
        size += len(line)
        if size > MAX_SITEMAPS_LENGTH:
            return
        yield line

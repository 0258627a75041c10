"""Links found on pages, and the Capture that records a visit."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, get_args, get_origin, get_type_hints


class Outcome(StrEnum):
    """The one class in which every URL ends.

    ``code`` is the single character by which the frontier remembers the class; ``dead`` tells whether the URL
    is a dead letter (set aside after every allowed try) or done.
    """

    code: str
    dead: bool

    def __new__(cls, value: str, code: str, dead: bool = False) -> Outcome:
        """Create an outcome class with its code."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.code = code
        member.dead = dead
        return member

    DOCUMENT = "document", "d"
    DUPLICATE = "duplicate", "u"
    UNCHANGED = "unchanged", "N"
    PAGE = "page", "p"
    REDIRECT = "redirect", "r"
    OTHER = "other", "o"

    EMPTY = "empty", "e"
    TRUNCATED = "truncated", "t", True
    TOO_LARGE = "too-large", "l"
    BAD_ENCODING = "bad-encoding", "b"
    REDIRECT_LOOP = "redirect-loop", "L"
    OUT_OF_SCOPE = "out-of-scope", "S"

    LOGIN_WALL = "login-wall", "g"
    CHALLENGE = "challenge", "k", True
    NOT_READY = "not-ready", "y", True

    NOT_FOUND = "not-found", "n"
    GONE = "gone", "G"
    FORBIDDEN = "forbidden", "f"
    HTTP_ERROR = "http-error", "h"
    SERVER_ERROR = "server-error", "s", True
    THROTTLED = "throttled", "q", True

    DNS_ERROR = "dns-error", "D", True
    CONNECTION_ERROR = "connection-error", "C", True
    BAD_RESPONSE = "bad-response", "m", True
    TLS_ERROR = "tls-error", "T", True
    TIMEOUT = "timeout", "w", True

    ROBOTS_DENIED = "robots-denied", "R"
    ROBOTS_UNAVAILABLE = "robots-unavailable", "U", True

    OVER_BUDGET = "over-budget", "B"
    TRAP = "trap", "z"
    BLOCKED = "blocked", "X"
    HOST_DOWN = "host-down", "H", True
    CANCELLED = "cancelled", "x"
    POISON = "poison", "P", True
    STORE_ERROR = "store-error", "F", True
    PIPELINE_ERROR = "pipeline-error", "E", True
    INTERNAL_ERROR = "internal-error", "I", True


OUTCOMES_BY_CODE = {outcome.code: outcome for outcome in Outcome}
OUTCOMES_BY_NAME = {outcome.value: outcome for outcome in Outcome}


class Link(NamedTuple):
    """A URL that a page leads to: absolute, http(s), without a fragment."""

    url: str
    technique: str
    """The name of the rule that found it: ``a``, ``iframe``, ``meta-refresh``, …"""
    document: bool
    """Whether the link itself says that it leads to a PDF (a strong hint, never a proof)."""


class Hop(NamedTuple):
    """One redirect on the way to the URL that answered."""

    status: int
    url: str


VISIT_FIELDS = ("document", "lease", "left_out", "links", "recorded", "retry_in", "staged", "stored", "withheld")


class VisitState:
    """The data that travels with a Capture and is no part of it: neither exported nor seen by ``ItemAdapter``."""

    if not TYPE_CHECKING:  # mypy takes the inherited slots of a dataclass for missing
        __slots__ = VISIT_FIELDS

    lease: Any
    links: list[Any]
    """What was found, as the frontier takes it."""
    left_out: int
    """Links that were found and are not followed, because there are too many."""
    withheld: int
    """Links that robots directives keep from being followed."""
    retry_in: float
    """Seconds after which the server said that the URL may be asked for again."""
    staged: Any
    """The document, until it is in the store. Its file is removed at the end of the lease."""
    document: bytes | str | None
    """The document itself, or the path of its file."""
    stored: bool
    """Whether the document is in the store."""
    recorded: Outcome | None
    """The outcome class in the row that the database has."""

    def begin(self, lease: Any = None) -> None:
        """Set what a new visit begins with."""
        self.lease, self.links, self.left_out, self.withheld, self.retry_in = lease, [], 0, 0, 0.0
        self.staged = self.document = self.recorded = None
        self.stored = False

    def take_over(self, other: VisitState) -> None:
        """Go on with the visit of another capture, of which this one is a copy."""
        for name in VISIT_FIELDS:
            setattr(self, name, getattr(other, name))


@dataclass(slots=True, kw_only=True)
class Capture(VisitState):
    """The record of one visit to one URL, which the spider yields once per response or failure.

    Times are seconds since the epoch; ``size`` is in bytes of the decoded body.
    """

    job: str
    run: int
    """The job's run in which the visit was made: milliseconds since the epoch at its opening."""
    fingerprint: int
    """64-bit fingerprint of the canonical URL, signed."""
    token: str
    """The lease's fencing token: fixed width, so that its text order is its order."""
    url: str
    depth: int = 0
    found_on: str | None = None
    technique: str | None = None
    final_url: str | None = None
    hops: list[Hop] = field(default_factory=list)
    status: int | None = None
    outcome: Outcome = Outcome.INTERNAL_ERROR
    reason: str | None = None
    sha256: str | None = None
    size: int | None = None
    content_type: str | None = None
    disposition_name: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    robots_directives: str | None = None
    """What a site asks of robots for this response, such as ``noindex, nofollow; content-signal: ai-train=no``."""
    nofollow_links: int | None = None
    """The links of a page with ``rel="nofollow"``."""
    started: float | None = None
    finished: float | None = None
    worker: str = ""
    attempt: int = 1
    reach: int = 0
    """What it might reach besides public addresses (see ``frontier/reach.py``), for whoever hands it in again."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields that item pipelines add: in feeds, not in the database."""

    def __post_init__(self) -> None:
        self.begin()

    def add_reason(self, reason: str) -> None:
        """Say something more about how the visit ended."""
        self.reason = f"{self.reason}; {reason}" if self.reason else reason

    def follow(self, links: list[Any]) -> None:
        """Follow only these of the links that were found, and say so."""
        self.left_out += len(self.links) - len(links)
        self.links = links
        if self.left_out:
            self.add_reason(f"{len(links) + self.left_out} links, of which {len(links)} are followed")

    def drop_document(self) -> None:
        """Keep the document out of the store. Its file is removed at the end of the lease."""
        self.sha256 = self.staged = self.document = None

    def open(self) -> BinaryIO:
        """Return the document as a file to be read. Raises ValueError where there is none."""
        if self.document is None:
            raise ValueError(f"{self.url} is no document that can be read here: {self.outcome.value}")
        return io.BytesIO(self.document) if isinstance(self.document, bytes) else Path(self.document).open("rb")

    def values(self) -> dict[str, Any]:
        """Return the value of each field."""
        return {name: getattr(self, name) for name in FIELD_TYPES}

    def undo_wrong_types(self, before: dict[str, Any]) -> str:
        """Give fields of another type than they must have their values of before; return the faults, "" for none."""
        if isinstance(self.outcome, str) and self.outcome in OUTCOMES_BY_NAME:
            self.outcome = OUTCOMES_BY_NAME[self.outcome]
        wrong = [name for name, types in FIELD_TYPES.items() if not isinstance(getattr(self, name), types)]
        faults = ", ".join(f"{name}={getattr(self, name)!r}" for name in wrong)
        for name in wrong:
            setattr(self, name, before[name])
        return faults


def _types(hint: Any) -> tuple[type, ...]:
    """Return the types that a field with this annotation may have; a whole number is a number of seconds too."""
    if get_origin(hint) in (list, dict):
        return (get_origin(hint),)
    types = get_args(hint) or (hint,)
    return (*types, int) if float in types else types


_HINTS = get_type_hints(Capture)
FIELD_TYPES = {each.name: _types(_HINTS[each.name]) for each in fields(Capture)}

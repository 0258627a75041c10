"""Jobs: their options, and the form in which their status is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.entries import links_of
from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pdfspider.frontier.entries import Entry

JOB_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
META_LIMIT = 16 * 1024
DEFAULT_JOB = "default"
"""The job of what names none; it never ends."""
MAX_NUMBER = 10**15
"""No larger number is handed to the scripts; it stands for no limit just as well."""


def job_name(name: str) -> str:
    """Return the name if it is a valid job name.

    Raises InvalidInput.
    """
    if not JOB_NAME.fullmatch(name):
        raise InvalidInput(f"not a job name: {name!r} (1 to 64 letters, digits, '_', '.' and '-')")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """The options of a job, fixed when it is opened; times in milliseconds, 0 means no limit."""

    delay: int = 0
    cap: int = 1
    robots: int = 1
    max_pages: int = 0
    max_documents: int = 0
    retention: int = 7 * 24 * 3600 * 1000
    anchors: str = ""
    """Hosts that are in scope besides the host of the page itself."""
    meta: bytes = b""
    """The master's own note, which comes back byte for byte."""
    due: int = 0
    """1 to leave out hosts that are not due yet."""
    max_time: int = 0
    """The time after the opening of each run at which its queued URLs end."""

    def __post_init__(self) -> None:
        if len(self.meta) > META_LIMIT:
            raise InvalidInput(f"meta has {len(self.meta)} bytes: at most {META_LIMIT} are allowed")

    def fields(self) -> dict[str, str | bytes]:
        """Return the fields of the job's hash, without those that are 0 or empty."""
        named = zip(OPTION_NAMES, _values(self), strict=True)
        return {name: value if isinstance(value, bytes) else _text(value) for name, value in named if value}


def options_from_hash(raw: Mapping[bytes, bytes]) -> JobOptions:
    """Return the options in the hash of a run."""
    given = {name: raw[name.encode()] for name in OPTION_NAMES if name.encode() in raw}
    texts = {"meta": lambda value: value, "anchors": bytes.decode}
    return JobOptions(**{name: texts.get(name, int)(value) for name, value in given.items()})


def _text(value: int | str) -> str:
    """Return an option as text; no number is so large that the scripts could not reckon with it."""
    return str(value if isinstance(value, str) else min(value, MAX_NUMBER))


OPTION_NAMES = tuple(field.name for field in fields(JobOptions))
_values = attrgetter(*OPTION_NAMES)


KEY_LENGTH = 16


class Task(NamedTuple):
    """A master's message that gets a result when the run of its job has ended."""

    transport: str
    """The name of the transport that it came by."""
    key: str
    """The key of the result: its first ``KEY_LENGTH`` digits are the same for a repeated message. If each sender gets a
    result, more digits distinguish the senders.
    """
    record: bytes
    """The master's part of the result: a JSON object whose last key is "reply", the destination."""
    once: bool
    """True for a job of its own: the message is not accepted again for a later run of that job."""
    events: bool = False
    """True if its master gets an event for each document."""


@dataclass(frozen=True, slots=True)
class Submission:
    """URLs that are submitted to a job together."""

    job: str
    entries: list[Entry]
    options: JobOptions
    seal: bool
    task: Task | None
    """The message of a master; None if the job never ends, so that there is no result."""
    networks: str = ""
    """The list of networks to whose number the reach of the entries refers."""

    def request(self) -> tuple[Any, ...]:
        """Return the form that the script takes.

        Raises InvalidInput.
        """
        links = links_of(self.entries)
        return job_name(self.job), self.options.fields(), True, self.seal, links, False, False, self.task or False


@dataclass(frozen=True, slots=True)
class Job:
    """A run of a job, with what a worker needs to know about it."""

    name: str
    run: int
    robots: bool
    anchors: str
    due: bool = False
    max_pages: int = 0

    @classmethod
    def from_hash(cls, run: int, raw: dict[bytes, bytes]) -> Job:
        """Return the run whose hash has these fields."""
        return cls(
            name=raw[b"name"].decode(),
            run=run,
            robots=raw.get(b"robots") == b"1",
            anchors=raw.get(b"anchors", b"").decode(),
            due=raw.get(b"due") == b"1",
            max_pages=int(raw.get(b"max_pages", 0)),
        )


COUNTERS = ("queued", "delayed", "leased", "done", "dead")
STATUS_NAMES = ("state", "sealed", "run", *COUNTERS, "documents", "bytes", "classes")
"""The names of what ``status_of`` returns."""


def status_of(raw: dict[bytes, bytes]) -> dict[str, Any]:
    """Return a job's hash in the form that ``scrapy status --json`` prints."""
    text = {key.decode(): value for key, value in raw.items() if key != b"meta"}
    classes = {
        OUTCOMES_BY_CODE[key[2:]].value: int(value)
        for key, value in text.items()
        if key.startswith("c:") and int(value)
    }
    return {
        "state": text["state"].decode(),
        "sealed": text.get("sealed") == b"1",
        "run": int(text["run"]),
        **{counter: int(text.get(counter, 0)) for counter in COUNTERS},
        "documents": classes.get("document", 0),
        "bytes": int(text.get("bytes", 0)),
        "classes": dict(sorted(classes.items())),
    }

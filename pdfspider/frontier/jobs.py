"""Jobs: their options, and how their state reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.exceptions import InvalidInput
from pdfspider.items import OUTCOMES_BY_CODE

if TYPE_CHECKING:
    from pdfspider.frontier.entries import Entry

JOB_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
META_LIMIT = 16 * 1024


def job_name(name: str) -> str:
    """The name itself, if it is one; raises InvalidInput."""
    if not JOB_NAME.fullmatch(name):
        raise InvalidInput(f"not a job name: {name!r} (1 to 64 letters, digits, '_', '.' and '-')")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What a job asks for; kept with the job from its opening on. Times in milliseconds, 0: no limit."""

    delay: int = 0
    cap: int = 1
    robots: int = 1
    max_pages: int = 0
    max_documents: int = 0
    retention: int = 7 * 24 * 3600 * 1000
    anchors: str = ""
    """Hosts that are in scope besides the host of the page itself."""
    meta: bytes = b""
    """The master's own note; comes back byte for byte."""
    due: int = 0
    """Whether hosts that are not due yet are left out."""
    max_time: int = 0
    """After which what is queued ends, from the opening of each run."""

    def __post_init__(self) -> None:
        if len(self.meta) > META_LIMIT:
            raise InvalidInput(f"meta of {len(self.meta)} bytes: at most {META_LIMIT} are kept")

    def fields(self) -> dict[str, str | bytes]:
        """As the job's hash holds them: without those that are 0 or empty."""
        named = zip(OPTIONS, _values(self), strict=True)
        return {name: value if isinstance(value, bytes) else str(value) for name, value in named if value}


OPTIONS = tuple(field.name for field in fields(JobOptions))
_values = attrgetter(*OPTIONS)


KEY_LENGTH = 16


class Task(NamedTuple):
    """A master's message that is to be answered when the run of its job has ended."""

    transport: str
    """The name of the one that it came by."""
    key: str
    """Who is answered: its first ``KEY_LENGTH`` digits are the same for the same message, redelivered or sent again.
    Where each of its senders is answered, more digits tell these."""
    record: bytes
    """What the answer needs: an object of JSON whose last key is "reply", and says where to."""
    once: bool
    """Whether its job is its own: once a run of that name has taken it in, it is not taken in again."""
    events: bool = False
    """Whether its master is told of each document, as it is found."""


@dataclass(frozen=True, slots=True)
class Submission:
    """URLs for a job, as somebody hands them in at once."""

    job: str
    entries: list[Entry]
    options: JobOptions
    seal: bool
    task: Task | None
    """None: the job never ends, so there will be no answer."""
    networks: str = ""
    """Those that the reach of the entries has the number of."""

    def request(self) -> tuple[Any, ...]:
        """The form in which the script takes it. Raises InvalidInput."""
        links = [entry.link() for entry in self.entries]
        return job_name(self.job), self.options.fields(), True, self.seal, links, False, False, self.task or False


@dataclass(frozen=True, slots=True)
class Job:
    """A run of a job as a worker needs to know it."""

    name: str
    run: int
    robots: bool
    anchors: str
    due: bool = False
    max_pages: int = 0

    @classmethod
    def from_hash(cls, run: int, raw: dict[bytes, bytes]) -> Job:
        return cls(
            name=raw[b"name"].decode(),
            run=run,
            robots=raw.get(b"robots") == b"1",
            anchors=raw.get(b"anchors", b"").decode(),
            due=raw.get(b"due") == b"1",
            max_pages=int(raw.get(b"max_pages", 0)),
        )


COUNTERS = ("queued", "delayed", "leased", "done", "dead")


def status_of(raw: dict[bytes, bytes]) -> dict[str, Any]:
    """A job's hash in the form that ``scrapy status --json`` prints."""
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

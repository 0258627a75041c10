"""The gateway's answers about jobs and documents; docs/gateway.md describes every field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A PDF that was found."""

    url: str
    outcome: str
    sha256: str
    size: int | None = None
    stored: str | None = None
    title: str | None = None
    found_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A URL that led to no document."""

    url: str
    outcome: str
    status: int | None = None
    reason: str | None = None
    found_on: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a job: "running", "paused", "finished", "cancelling" or "cancelled"."""

    job: str
    run: int
    state: str
    queued: int = 0
    delayed: int = 0
    leased: int = 0
    done: int = 0
    dead: int = 0
    documents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a job."""

    job: str
    run: int
    state: str
    documents: tuple[Document, ...]
    failures: tuple[Failure, ...]
    counts: Mapping[str, int]
    classes: Mapping[str, int]
    truncated: bool
    id: str | None = None
    task_id: str | int | None = None
    meta: Mapping[str, Any] | None = None
    urls: tuple[str, ...] | None = None


def document(said: Mapping[str, Any]) -> Document:
    """Return the document of an event, or of an entry of a result."""
    return _known(Document, said)


def status(said: Mapping[str, Any]) -> Status:
    """Return the status of a job."""
    return _known(Status, said)


def result(said: Mapping[str, Any]) -> Result:
    """Return the result of a job."""
    lists = {
        "documents": tuple(_known(Document, each) for each in said["documents"]),
        "failures": tuple(_known(Failure, each) for each in said["failures"]),
        "urls": None if said.get("urls") is None else tuple(said["urls"]),
    }
    return _known(Result, {**said, **lists})


def _known(kind: type[T], said: Mapping[str, Any]) -> T:
    """Make an instance from the fields that it has; a newer gateway may send more."""
    names = {each.name for each in fields(kind)}
    return kind(**{name: value for name, value in said.items() if name in names})

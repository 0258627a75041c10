"""Events of jobs and alerts, as they are noted in the frontier, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pdfspider.formatting import moment

if TYPE_CHECKING:
    from collections.abc import Mapping


class Event(Protocol):
    """Something that people are told of."""

    @property
    def kind(self) -> str:
        """The kind of thing that the event is about: "job" or "alert"."""

    @property
    def about(self) -> str:
        """The job or the alert, for the log."""

    @property
    def id(self) -> str:
        """The same for an event that is sent again."""

    def body(self) -> bytes:
        """Return the event as JSON."""

    def subject(self) -> str:
        """Return one line that says what has happened."""

    def text(self) -> str:
        """Return what has happened as text."""


class AlertEvent(NamedTuple):
    """An alert begins to fire, or does so no more."""

    name: str
    """"alert" or "resolved"."""
    alert: str
    said: str
    since: int
    """When its cause began, in seconds since 1970."""

    @property
    def kind(self) -> str:
        """The kind of thing that the event is about."""
        return "alert"

    @property
    def about(self) -> str:
        """The alert, for the log."""
        return f"the alert {self.alert}"

    @property
    def id(self) -> str:
        """The same for an event that is sent again."""
        return f"{self.alert}-{self.since}-{self.name}"

    def body(self) -> bytes:
        """Return the event as JSON."""
        return json.dumps({"event": self.name, "alert": self.alert, "text": self.said, "since": self.since}).encode()

    def subject(self) -> str:
        """Return one line that says what has happened."""
        return f"pdfspider: {self.alert} {'fires' if self.name == 'alert' else 'is resolved'}"

    def text(self) -> str:
        """Return the alert as text."""
        return f"{self.said}\n\nIt began on {moment(self.since)} UTC. scrapy status and the dashboard show more.\n"


class JobEvent(NamedTuple):
    """A job has ended or stalled; ``status`` is that of its run, empty if the frontier has it no more."""

    name: str
    """"finished", "cancelled" or "stalled"."""
    job: str
    run: int
    status: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind of thing that the event is about."""
        return "job"

    @property
    def about(self) -> str:
        """The job, for the log."""
        return f"job {self.job}"

    @property
    def id(self) -> str:
        """The same for an event that is sent again."""
        return f"{self.run}-{self.name}"

    def body(self) -> bytes:
        """Return the event as JSON."""
        return json.dumps({"event": self.name, "job": self.job, "run": self.run, **self._figures()}).encode()

    def subject(self) -> str:
        """Return one line that says what has happened."""
        documents = self.status.get("documents", 0)
        return f"pdfspider: job {self.job} {self._verb}, {documents:,} document{'' if documents == 1 else 's'}"

    def text(self) -> str:
        """Return the figures of the job as text."""
        lines = [f"The job {self.job} {self._verb} (run {self.run}).", ""]
        for name, figure in self._figures().items():
            shown = figure.items() if isinstance(figure, dict) else [("", figure)]
            lines += [f"{name}{f' {part}' if part else ''}: {value}" for part, value in shown]
        return "\n".join([*lines, "", f"scrapy status {self.job} shows it; scrapy changes {self.job} what is new.", ""])

    @property
    def _verb(self) -> str:
        return {"finished": "is finished", "cancelled": "is cancelled", "stalled": "has stalled"}.get(
            self.name, f"is {self.name}"
        )

    def _figures(self) -> dict[str, Any]:
        names = ("state", "documents", "bytes", "queued", "delayed", "leased", "done", "dead", "classes")
        return {name: self.status[name] for name in names if name in self.status}

"""Events of jobs, as the frontier notes them, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Event(NamedTuple):
    """A job has ended or stalled; ``status`` is that of its run, empty if the frontier has it no more."""

    name: str
    """"finished", "cancelled" or "stalled"."""
    job: str
    run: int
    status: Mapping[str, Any]

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

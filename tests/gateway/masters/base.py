"""A master as the conformance suite sees it, whatever way it talks."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Master(ABC):
    """Submits messages and collects what comes back, with the usual client of its broker."""

    def __init__(self, directory: Path) -> None:
        """Starts the broker, if there is one, with its data in this directory."""
        self.directory = directory
        self.settings: dict[str, Any] = {}
        """What the gateway needs besides its URL."""

    @property
    @abstractmethod
    def url(self) -> str:
        """For GATEWAY_URLS."""

    def urls(self, gateways: int) -> list[str]:
        """For the GATEWAY_URLS of each of several gateways; called once, before anything is handed in."""
        return [self.url] * gateways

    @abstractmethod
    def submit(self, *messages: str) -> None:
        """Hands in messages, so that they survive what ``restart_broker`` does."""

    @abstractmethod
    def results(self) -> list[dict[str, Any]]:
        """Every result that has come so far, repetitions too."""

    def events(self) -> list[dict[str, Any]] | None:
        """Every document that was told of so far, repetitions too; None where there is no way to be told."""
        return None

    @abstractmethod
    def rejects(self) -> list[dict[str, Any]]:
        """Every message that was set aside, as ``{"message": …, "reason": …}``."""

    @abstractmethod
    def restart_broker(self) -> None:
        """Kill -9 and start, if there is a broker."""

    @contextmanager
    def broker_away(self) -> Iterator[None]:
        """The broker does not run, where there is one that is started soon."""
        yield

    @abstractmethod
    def close(self) -> None:
        """Ends whatever was started."""


class TaskMaster(Master):
    """Of a task queue, which knows what became of each task."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._sent: dict[str, str] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._rejects: dict[str, dict[str, Any]] = {}

    def submit(self, *messages: str) -> None:
        for message in messages:
            fields = json.loads(message) if message.startswith("{") else {"url": message}
            self._sent[self._send(fields.pop("url"), fields)] = message

    def results(self) -> list[dict[str, Any]]:
        self._look([task for task in self._sent if task not in self._results and task not in self._rejects])
        return list(self._results.values())

    def rejects(self) -> list[dict[str, Any]]:
        self.results()
        return list(self._rejects.values())

    @abstractmethod
    def _send(self, url: str, fields: dict[str, Any]) -> str:
        """The id of the task."""

    @abstractmethod
    def _look(self, tasks: list[str]) -> None:
        """Calls ``_finished`` and ``_failed`` for those that are."""

    def _finished(self, task: str, result: dict[str, Any]) -> None:
        """A ``task_id`` that the master did not give is the task's own."""
        self._results[task] = {**result, "task_id": None if result["task_id"] == task else result["task_id"]}

    def _failed(self, task: str, reason: str) -> None:
        self._rejects[task] = {"message": self._sent[task], "reason": reason}


class AskingMaster(Master):
    """Of a gateway that is asked itself: what was not answered is sent again, in the background, until closed.

    The last answers may have been lost with a gateway that was killed, and nobody be there any more to ask: what has
    come back says whether everything arrived.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._rejects: list[dict[str, Any]] = []

    def submit(self, *messages: str) -> None:
        self._threads.append(threading.Thread(target=self._submit, args=messages))
        self._threads[-1].start()

    def rejects(self) -> list[dict[str, Any]]:
        return list(self._rejects)

    def restart_broker(self) -> None:
        """There is none."""

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    @abstractmethod
    def _submit(self, *messages: str) -> None:
        """Until all are answered, or ``_closed``."""

    def _rejected(self, message: str, reason: str) -> None:
        self._rejects.append({"message": message, "reason": reason})

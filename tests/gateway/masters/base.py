"""A master as the conformance suite sees it, whatever way it talks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

    @abstractmethod
    def submit(self, *messages: str) -> None:
        """Hands in messages, so that they survive what ``restart_broker`` does."""

    @abstractmethod
    def results(self) -> list[dict[str, Any]]:
        """Every result that has come so far, repetitions too."""

    @abstractmethod
    def rejects(self) -> list[dict[str, Any]]:
        """Every message that was set aside, as ``{"message": …, "reason": …}``."""

    @abstractmethod
    def restart_broker(self) -> None:
        """Kill -9 and start, if there is a broker."""

    @abstractmethod
    def close(self) -> None:
        """Ends whatever was started."""

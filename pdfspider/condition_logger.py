"""Log a condition that lasts: once when it begins and once when it has ended."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


class ConditionLogger:
    """A condition, with the messages for its beginning and its end."""

    def __init__(self, begins: str, ends: str) -> None:
        self._begins, self._ends = begins, ends
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """Return whether the condition lasts."""
        return self._since is not None

    def begin(self, reason: object = "") -> None:
        """Log the beginning with the reason, unless the condition lasts already."""
        if self._since is None:
            self._since = time.monotonic()
            logger.warning("%s%s", self._begins, f" ({reason})" if reason else "")

    def end(self) -> None:
        """Log the end and the duration, if the condition lasted."""
        if self._since is not None:
            logger.warning("%s after %.1f s", self._ends, time.monotonic() - self._since)
            self._since = None

"""Log a condition that lasts: once when it begins and once when it has ended."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


class ConditionLogger:
    """A condition, with the messages for its beginning and its end.

    A condition that comes and goes quickly has a time ``every`` in seconds: a beginning is logged only that long after
    the last one that was logged.
    """

    def __init__(self, begins: str, ends: str, *, every: float = 0.0) -> None:
        self._begins, self._ends, self._every = begins, ends, every
        self._since: float | None = None
        self._logged: float | None = None
        """When a beginning was logged last."""
        self._is_logged = False
        self.reason = ""
        """The reason of the last beginning."""

    @property
    def text(self) -> str:
        """The text that describes the condition while it lasts, "" otherwise."""
        return f"{self._begins}{f' ({self.reason})' if self.reason else ''}" if self.lasts else ""

    @property
    def lasts(self) -> bool:
        """Return whether the condition lasts."""
        return self._since is not None

    def begin(self, reason: object = "") -> None:
        """Log the beginning with the reason, unless that was done for the condition that lasts."""
        if self._is_logged:
            return
        now = time.monotonic()
        if self._since is None:
            self._since, self.reason = now, str(reason)
        if self._logged is None or now >= self._logged + self._every:
            self._is_logged, self._logged = True, now
            logger.warning("%s%s", self._begins, f" ({reason})" if reason else "")

    def end(self) -> None:
        """Log the end and the duration, if the beginning was logged."""
        if self._since is not None and self._is_logged:
            logger.warning("%s after %.1f s", self._ends, time.monotonic() - self._since)
        self._since, self._is_logged = None, False

"""What the log says of a condition that comes and goes: once when it comes, once when it has gone."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)


class ConditionLogger:
    """One such condition, and what is said at its beginning and at its end."""

    def __init__(self, begins: str, ends: str) -> None:
        self._begins, self._ends = begins, ends
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        return self._since is not None

    def begin(self, reason: object = "") -> None:
        if self._since is None:
            self._since = time.monotonic()
            logger.warning("%s%s", self._begins, f" ({reason})" if reason else "")

    def end(self) -> None:
        if self._since is not None:
            logger.warning("%s after %.1f s", self._ends, time.monotonic() - self._since)
            self._since = None

"""Log rejected messages, of which a master may send any number."""

from __future__ import annotations

import logging
import time

from pdfspider.masking import masked

logger = logging.getLogger(__name__)

LOG_INTERVAL_S = 60.0
MAX_LOGGED = 20
"""Messages that are logged in that time."""
SHOWN_SIZE = 200


class RejectionLog:
    """Logs the rejected messages of one transport, the first of each minute with their reasons."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._began = float("-inf")
        self._count = 0

    def add(self, reason: str, message: bytes) -> None:
        """Log a message, and after the last one of a minute that there may be more."""
        now = time.monotonic()
        if now >= self._began + LOG_INTERVAL_S:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= MAX_LOGGED:
            shown = masked(message[:SHOWN_SIZE].decode("utf-8", "replace"))
            logger.warning("A message from %s was rejected: %.500s: %r", self._transport, reason, shown)
        if self._count == MAX_LOGGED:
            logger.warning(
                "Further messages from %s that are rejected in the next %.0f s are not logged",
                self._transport,
                self._began + LOG_INTERVAL_S - now,
            )

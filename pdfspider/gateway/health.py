"""The state of a transport, for the log and for ``scrapy status``."""

from __future__ import annotations

import time

from pdfspider.condition_logger import ConditionLogger
from pdfspider.frontier.reports.transports import TransportState
from pdfspider.masking import masked

MAX_ERROR_LENGTH = 500


class Health:
    """The state of one transport; an outage is logged once when it begins and once when it ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "starting"
        self.since = time.time()
        self.error = ""
        self.received = self.published = 0
        self._outage = ConditionLogger(f"{name} cannot be used: waiting for it", f"{name} can be used again")

    @property
    def is_down(self) -> bool:
        """Return whether the transport cannot be used."""
        return self.state == "down"

    def begin(self, reason: object) -> None:
        """Note that the transport cannot be used."""
        self.note(reason)
        self._outage.begin(masked(str(reason)))
        self._change("down")

    def end(self) -> None:
        """Note that the transport works."""
        self._outage.end()
        self._change("up")

    def note(self, error: object) -> None:
        """Note a failure after which the transport goes on."""
        self.error = masked(str(error))[:MAX_ERROR_LENGTH]

    def read(self, gateway: str) -> TransportState:
        """Return the state for the frontier."""
        return TransportState(
            gateway=gateway,
            transport=self.name,
            state=self.state,
            since=self.since,
            error=self.error,
            received=self.received,
            published=self.published,
        )

    def _change(self, state: str) -> None:
        if self.state != state:
            self.state, self.since = state, time.time()

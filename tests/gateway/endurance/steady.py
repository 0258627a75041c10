"""A steady stream of messages by Redis: so many are under way, and each is followed by another once it is answered."""

from __future__ import annotations

import json
import threading
import time
from statistics import quantiles
from typing import TYPE_CHECKING, NamedTuple

from tests.gateway.conformance.suite import task
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.servers.processes import RedisProcess

UNDER_WAY = 10


class Rate(NamedTuple):
    """What came in a window of time."""

    per_second: float
    median: float
    """Seconds from message to result."""
    high: float
    """The 95th percentile of the same."""


class Steady:
    """Runs in a thread until ``end``."""

    def __init__(self, broker: RedisProcess, urls: Sequence[str]) -> None:
        self._redis, self._urls = broker.client(), urls
        self._sent: dict[str, float] = {}
        self._answered: list[tuple[float, float]] = []
        """When, and after how many seconds."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def rate(self, since: float) -> Rate:
        """The rate from a moment on until now."""
        latencies = [latency for at, latency in self._answered if at >= since]
        cuts = quantiles(latencies, n=20)
        return Rate(len(latencies) / (time.monotonic() - since), cuts[9], cuts[18])

    def end(self) -> None:
        """Let what is under way be answered."""
        self._ending.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        assert not self._sent
        self._redis.close()

    def _run(self) -> None:
        number = 0
        last = self._redis.xadd("pdfs:results", {"result": '{"task_id": null}'})
        while not self._ending.is_set() or self._sent:
            while len(self._sent) < UNDER_WAY and not self._ending.is_set():
                number += 1
                self._sent[f"steady-{number}"] = time.monotonic()
                self._redis.lpush("pdf_tasks", task(self._urls[number % len(self._urls)], f"steady-{number}"))
            for _, entries in self._redis.xread({"pdfs:results": last}, block=1000):
                for entry, fields in entries:
                    last = entry
                    self._came(json.loads(fields[b"result"])["task_id"])

    def _came(self, name: str) -> None:
        now = time.monotonic()
        if sent := self._sent.pop(name, None):
            self._answered.append((now, now - sent))

"""The dashboard that a worker starts beside its crawl, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from scrapy import signals
from scrapy.exceptions import NotConfigured
from scrapy.settings import SETTINGS_PRIORITIES

from pdfspider.crawl.worker import Worker

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

STOP_TIMEOUT_S = 5.0
WORKER_SETTINGS = {"DASHBOARD", "LOG_LEVEL", "LOG_FILE", "LOG_ENABLED"}
"""Settings of the worker that its dashboard does not take over."""


class DashboardProcess:
    """An extension that runs ``dashboard`` with the worker's settings until the worker ends, however it does."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the extension.

        Raises NotConfigured without DASHBOARD.
        """
        if not crawler.settings.getbool("DASHBOARD"):
            raise NotConfigured
        beside = cls(crawler)
        crawler.signals.connect(beside.start, signals.engine_started)
        return beside

    def start(self) -> None:
        """Start the process, which ends when its standard input does."""
        worker = Worker.of(self._crawler)
        if not hasattr(worker, "frontier"):  # another scheduler is at work
            return
        worker.before_close.append(self._stop)
        command = [sys.executable, "-m", "pdfspider.cli", "dashboard", "--until-eof"]
        self._process = subprocess.Popen(
            [*command, *_options(self._crawler.settings)], stdin=subprocess.PIPE, start_new_session=True
        )

    async def _stop(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await asyncio.to_thread(self._wait, self._process)

    @staticmethod
    def _wait(process: subprocess.Popen[bytes]) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        if process.poll() is None:
            process.kill()
            process.wait()


def _options(settings: BaseSettings) -> list[str]:
    """Return the options that give the dashboard what was given to the worker; no part of a crawl is among them."""
    given = [name for name in settings if settings.getpriority(name) == SETTINGS_PRIORITIES["cmdline"]]
    plain = {name: settings[name] for name in given if isinstance(settings[name], str | int | float | bool)}
    if "REDIS_PARAMS" in given:
        plain["REDIS_PARAMS"] = json.dumps(settings.getdict("REDIS_PARAMS"))
    return [
        *(f"-s{name}={value}" for name, value in plain.items() if name not in WORKER_SETTINGS),
        "-sLOG_LEVEL=WARNING",
    ]

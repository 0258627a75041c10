"""From a master's sending a message to the first request for its URL, while the worker is idle."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import redis

from bench.processes import free_port, redis_server
from bench.server import serve
from bench.sides import Process, until
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

PAUSE = 0.4
"""Seconds on average between two messages."""


def sample(name: str, count: int, parent: str | None) -> list[float]:
    """Milliseconds, in order; ``name`` is "redis" or "http"."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as text, ExitStack() as stack:
        directory = Path(text)
        server = stack.enter_context(serve(Site(hosts=4, pages=10, documents=count + 10)))
        url = stack.enter_context(redis_server(directory))
        client = stack.enter_context(redis.Redis.from_url(url))
        listening = f"http://127.0.0.1:{free_port()}"
        common = {"REDIS_URL": url, "DATA_DIR": directory / "data", "DOWNLOAD_DELAY": 0}
        urls = {"GATEWAY_URLS": f"redis:,{listening}", "GATEWAY_NETWORKS": "127.0.0.0/8"}
        stack.enter_context(Process("gateway", "Serving", directory, {**common, **urls}))
        worker = stack.enter_context(Process("crawl pdfs", "", directory, common))
        until(lambda: client.zcard("{pdfs}:workers"))
        sent: dict[str, float] = {}
        for number in range(count + 10):
            document = server.site.document_url(number)
            message = json.dumps({"url": document, "task_id": document}).encode()
            sent[_path(document)] = time.monotonic()
            if name == "redis":
                client.lpush("pdf_tasks", message)
            else:
                threading.Thread(target=_post, args=(listening, message)).start()
            time.sleep(PAUSE * random.uniform(0.5, 1.5))
        until(lambda: client.scard("{pdfs}:unanswered") == 0)
        first: dict[str, float] = {}
        for entry in server.log():
            first.setdefault(entry.path, entry.received)
        worker.stop()
        return sorted(1000 * (first[path] - at) for path, at in list(sent.items())[10:])


def percentiles(values: Sequence[float]) -> str:
    at = {name: values[min(int(len(values) * part), len(values) - 1)] for name, part in (("50 %", 0.5), ("99 %", 0.99))}
    return ", ".join(f"{name} {value:.0f}" for name, value in {**at, "most": values[-1]}.items())


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def _post(listening: str, message: bytes) -> None:
    with suppress(OSError):  # the last ones are not answered any more
        urlopen(Request(f"{listening}/jobs", message, {"Content-Type": "application/json"})).close()

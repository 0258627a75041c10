"""Real workers on a real frontier, and the audit of what they leave behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import redis

from bench import processes
from pdfspider.frontier.audit import audit
from pdfspider.frontier.connection import connect
from pdfspider.frontier.frontier import Frontier
from tests import fork_server
from tests.fork_server import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parents[1]
INJECTED = "tests.crawl.injected"
SETTINGS: dict[str, Any] = {
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "FRONTIER_RETRY_DELAY": 0.1,
    "FRONTIER_BACKOFF": 0.1,
    "PDF_INSPECT": False,
    "EXTENSIONS": {f"{INJECTED}.StartLog": 0},
}


class Start(NamedTuple):
    """One request as the worker sent it; ``at`` is on the machine's monotonic clock."""

    at: float
    url: str


class Worker:
    """A ``scrapy crawl pdfs`` process."""

    def __init__(self, log: Path, spider: str, arguments: Iterable[str], settings: dict[str, Any]) -> None:
        self.log = log
        self.start_log = log.with_suffix(".starts")
        self.start_log.touch()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")}
        options = [f"-s{name}={_text(value)}" for name, value in settings.items() if value is not None]
        with log.open("wb") as output:
            self.process = fork_server.start(
                ["scrapy", "crawl", spider, *arguments, *options],
                env={**environment, "START_LOG": str(self.start_log)},
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the worker did not end:\n{self.output[-4000:]}") from None

    def finish(self, timeout: float = PATIENCE) -> Worker:
        assert self.wait(timeout) == 0, self.output
        return self

    def dismiss(self) -> None:
        self.send(signal.SIGTERM)
        self.finish()

    def send(self, signum: int) -> None:
        self.process.send_signal(signum)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def starts(self) -> list[Start]:
        """Every request that the worker sent."""
        lines = (line.split(" ", 1) for line in self.start_log.read_text().splitlines())
        return [Start(float(at), url) for at, url in lines]

    def has_sent(self, count: int = 1) -> bool:
        """Whether it has sent that many requests; it must not have ended before."""
        sent = len(self.starts()) >= count
        assert sent or self.process.poll() is None, self.output
        return sent

    def watch_memory(self) -> int:
        """The largest resident size in bytes until the worker ended."""
        peak = 0
        while self.process.poll() is None:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
            time.sleep(0.02)
        return peak * 1024


@dataclass
class Fleet:
    """Workers with one frontier, one store, one database."""

    directory: Path
    redis_url: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def start(
        self,
        *urls: str,
        arguments: dict[str, Any] | None = None,
        options: Iterable[str] = (),
        spider: str = "pdfs",
        **settings: Any,
    ) -> Worker:
        """A worker: one that ends with the job of ``urls``, or one that serves until it is stopped."""
        given = {"urls": ",".join(urls)} if urls else {}
        words = [word for item in {**given, **(arguments or {})}.items() for word in ("-a", "{}={}".format(*item))]
        words += options
        known = {**SETTINGS, "DATA_DIR": self.data, "REDIS_URL": self.redis_url, **self.settings, **settings}
        worker = Worker(self.directory / f"worker-{len(self.workers)}.log", spider, words, known)
        self.workers.append(worker)
        return worker

    def crawl(self, *urls: str, arguments: dict[str, Any] | None = None, **settings: Any) -> Worker:
        """Runs a worker to its end."""
        return self.start(*urls, arguments=arguments, **settings).finish()

    def stand(self, count: int, **settings: Any) -> list[Worker]:
        """Workers that serve until they are dismissed, and are ready when this returns."""
        workers = [self.start(**settings) for _ in range(count)]
        until(lambda: len(self.status()["workers"]) == count)
        return workers

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()

    def client(self) -> redis.Redis:
        assert self.redis_url
        return redis.Redis.from_url(self.redis_url)

    def push(self, *messages: str | bytes) -> None:
        with self.client() as client:
            client.lpush("pdfs:start_urls", *messages)

    def rejected(self) -> list[dict[str, Any]]:
        """The rejected start URLs, in the order in which they were rejected."""
        with self.client() as client:
            return [json.loads(letter) for letter in reversed(client.lrange("pdfs:start_urls:rejected", 0, -1))]

    def rows(self, where: str = "1=1") -> list[dict[str, Any]]:
        """The captures."""
        return query(self.data / "pdfs.db", f"SELECT * FROM captures WHERE {where} ORDER BY started")

    def row(self, url: str) -> dict[str, Any]:
        (row,) = [row for row in self.rows() if row["url"] == url]
        return row

    def outcomes(self) -> dict[str, str]:
        """URL and class of every capture."""
        return {row["url"]: row["outcome"] for row in self.rows()}

    def files(self) -> set[str]:
        """The hashes of the store's documents, each of which has been read."""
        return stored(self.data / "files")

    def status(self) -> dict[str, Any]:
        assert self.redis_url
        return asyncio.run(_status(self.redis_url))

    def job(self) -> dict[str, Any]:
        """The status of the only job."""
        (job,) = self.status()["jobs"].values()
        return dict(job)

    def done(self) -> int:
        """URLs that have come to their end, whether there is a job yet or not."""
        return sum(job["done"] for job in self.status()["jobs"].values())

    def starts(self) -> list[Start]:
        """Every request that any worker sent."""
        return sorted(start for worker in self.workers for start in worker.starts())

    def audit(self) -> None:
        """Frontier, rows and store agree, and every URL has come to its end."""
        self.files()
        assert self.redis_url
        assert not asyncio.run(_findings(self.redis_url))
        assert not [path for path in leftovers(self.data / "files") if not self._is_of_killed(path)]
        rows = self.rows()
        of_runs = defaultdict(list)
        for row in rows:
            of_runs[row["job"], row["run"]].append(row)
        for name, job in self.status()["jobs"].items():
            assert (job["queued"], job["delayed"], job["leased"]) == (0, 0, 0), job
            mine = of_runs[name, job["run"]]
            # What is visited again for a good reason has come another way.
            ways = {(row["url"], row["found_on"], row["hops"]) for row in mine}
            assert len(ways) == len(mine) == job["done"] + job["dead"]
            assert Counter(row["outcome"] for row in mine) == job["classes"]
        kept = {row["sha256"] for row in rows if row["outcome"] in ("document", "duplicate")}
        assert kept == self.files()

    def _is_of_killed(self, staged: Path) -> bool:
        """What a killed worker left is removed a minute later."""
        killed = {worker.process.pid for worker in self.workers if worker.process.poll() == -signal.SIGKILL}
        return int(staged.parent.name.split("-")[-2]) in killed


def stored(directory: Path) -> set[str]:
    """The hashes of the documents in a directory store, after reading each of them."""
    files = list(directory.glob("??/??/*.pdf"))
    for file in files:
        with file.open("rb") as content:
            assert hashlib.file_digest(content, "sha256").hexdigest() == file.stem
        assert file.parent.relative_to(directory) == Path(file.stem[:2], file.stem[2:4])
    return {file.stem for file in files}


def leftovers(directory: Path) -> list[Path]:
    """What ended workers left in staging."""
    return [path for path in (directory / ".staging").rglob("*") if path.is_file()]


def query(database: Path, sql: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


def until(condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Waits for something to become true, and gives it."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return result


def free_port() -> int:
    """Return a port of loopback on which nobody listens."""
    return processes.free_port()


def gaps(times: Iterable[float]) -> Iterator[float]:
    """The seconds between one and the next."""
    ordered = sorted(times)
    return (later - earlier for earlier, later in pairwise(ordered))


@contextmanager
def disk_of(directory: Path, mebibytes: int) -> Iterator[Path]:
    """Give a file system of its own at ``directory``; skip the test where that may not be made."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = f"no file system of one's own: {done.stderr.strip()}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


async def _status(url: str) -> dict[str, Any]:
    client = connect(url)
    try:
        return await Frontier(client).status()
    finally:
        await client.aclose()


async def _findings(url: str) -> list[str]:
    client = connect(url)
    try:
        return (await audit(client)).lines()
    finally:
        await client.aclose()

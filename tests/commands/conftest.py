"""A small site, and our commands as processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.server import serve
from bench.site import Site
from tests import fork_server

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from bench.server import Server

    Scrapy = Callable[..., subprocess.CompletedProcess[str]]
    Ours = Callable[..., str]

ROOT = Path(__file__).parents[2]
GENTLE = ["-s", "DOWNLOAD_DELAY=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=8", "-s", "FRONTIER_RETRY_DELAY=0.01"]


def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")}
    return {**ours, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""}


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with serve(Site(hosts=2, pages=6, documents=9)) as server:
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def scrapy(data: Path) -> Scrapy:
    """Runs a command of ours to its end."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return fork_server.run(["scrapy", *words, "-s", f"DATA_DIR={data}", *GENTLE], env=environment())

    return run


@pytest.fixture
def ours(scrapy: Scrapy, redis_url: str) -> Ours:
    """A command on one Redis; what it prints, errors behind the rest."""

    def run(*words: str, code: int = 0) -> str:
        done = scrapy(*words, "-s", f"REDIS_URL={redis_url}")
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run

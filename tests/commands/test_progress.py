"""Progress in a real terminal, and where there is none."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from scrapy.utils.test import get_crawler

from pdfspider.crawl.progress.progress import Progress
from pdfspider.crawl.worker import Worker
from pdfspider.spiders.pdfs import PdfSpider
from tests import fork_server
from tests.commands.conftest import GENTLE, environment
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.server import Server

    Open = Callable[..., "Terminal"]

WIDTH = 80
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


class Terminal:
    """A command in a terminal of its own, 80 columns wide."""

    def __init__(self, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
        self.process = fork_server.start(["scrapy", *words, *GENTLE], env=environment(), terminal=slave)
        os.close(slave)
        self.written = b""

    @property
    def lines(self) -> list[str]:
        """All that was ever written, without what moves the cursor."""
        return [line for line in re.split(r"[\r\n]+", CONTROL.sub(b"", self.written).decode()) if line]

    def read_until(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not any(re.search(pattern, line) for line in self.lines):
            assert time.monotonic() < deadline, self.written.decode()
            assert self._read(), self.written.decode()

    def interrupt(self) -> None:
        os.write(self.master, b"\x03")

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self.master], [], [], PATIENCE)
        with suppress(OSError):  # what a terminal answers whose last user has gone
            data = os.read(self.master, 65536) if ready else b""
            self.written += data
            return data
        return b""


@pytest.fixture
def terminal(data: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def run(*words: str) -> Terminal:
        opened.append(Terminal("crawl", "pdfs", *words, "-s", f"DATA_DIR={data}"))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


def test_one_interrupt_ends_it_with_the_summary(terminal: Open, site: Server) -> None:
    shown = terminal(
        "-a", f"urls={site.url}list?n=1&prefix=/slow?ms=600000%26n=", "-a", "job=j", "-s", "FRONTIER_GRACE=0.2"
    )
    shown.read_until("pages +1 ")
    assert HIDE in shown.written
    shown.interrupt()
    assert shown.end() == 0
    assert shown.written.rindex(SHOW) > shown.written.rindex(HIDE)
    assert any(re.fullmatch(r"Stopped after .*: job j, 1 URL left", line) for line in shown.lines)
    assert any("the same command again" in line for line in shown.lines)
    assert all(len(line) <= WIDTH for line in shown.lines if "DATA_DIR" not in line and "/" not in line)


def test_the_panel_has_all_figures_in_place(terminal: Open, site: Server) -> None:
    shown = terminal("-a", f"urls={site.url}slow?ms=600000", "-a", "job=j", "-s", "FRONTIER_GRACE=0.2")
    shown.read_until("The last URL is being fetched")
    panel = shown.lines[-5:]
    assert re.match(r"job j  running ─+ 0:\d\d:\d\d", panel[0])
    assert panel[4].strip() == "The last URL is being fetched."
    for line, (left, middle, right) in zip(
        panel[1:4],
        (("documents", "queued", "hosts"), ("pages", "delayed", "workers"), ("failures", "leased", "")),
        strict=True,
    ):
        assert line.startswith(left)
        assert line[37:].startswith(middle)
        assert line[59:].startswith(right)
    shown.interrupt()
    assert shown.end() == 0


def test_a_second_interrupt_ends_it_at_once(terminal: Open, site: Server) -> None:
    shown = terminal("-a", f"urls={site.url}slow?ms=600000", "-s", "FRONTIER_GRACE=600")
    shown.read_until("leased +1 ")
    shown.interrupt()
    shown.read_until("stopping: requests in flight have 600 s")
    shown.interrupt()
    assert shown.end() == 1
    assert shown.written.rindex(SHOW) > shown.written.rindex(HIDE)


def test_log_lines_stay_whole_above_the_panel(terminal: Open, site: Server) -> None:
    shown = terminal("-a", f"urls={site.url}list?n=40&prefix=/slow?ms=9%26id=", "-L", "DEBUG")
    assert shown.end() == 0
    fetched = [line for line in shown.lines if "DEBUG Crawled (200) <GET " in line and "robots.txt" not in line]
    assert len(fetched) == 41
    assert all(line.endswith("(referer: None)") for line in fetched)


def test_a_log_file_leaves_the_terminal_to_the_panel(terminal: Open, site: Server, tmp_path: Path) -> None:
    shown = terminal("-a", f"urls={site.url}status/404", "--logfile", str(tmp_path / "log"))
    assert shown.end() == 0
    assert any(line.startswith("Finished after") for line in shown.lines)
    assert not any(" INFO " in line for line in shown.lines)
    assert "works on job" in (tmp_path / "log").read_text()


async def test_nothing_is_asked_after_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis may be closed then: it would be taken for one that is away."""
    crawler = get_crawler(PdfSpider, {"EXTENSIONS_BASE": {}})
    worker = Worker.of(crawler)
    monkeypatch.setattr(worker, "frontier", None, raising=False)
    progress, looks = Progress(crawler), []

    async def look() -> None:
        looks.append(len(looks))

    monkeypatch.setattr(progress, "_look", look)
    monkeypatch.setattr(progress, "_introduce", look)
    monkeypatch.setattr("pdfspider.crawl.progress.progress.REFRESH_INTERVAL_S", 0.001)
    progress.start()
    async with asyncio.timeout(PATIENCE):
        while len(looks) < 5:
            await asyncio.sleep(0.001)
    for close in worker.before_close:
        await close()
    known = len(looks)
    await asyncio.sleep(0.1)
    assert len(looks) == known

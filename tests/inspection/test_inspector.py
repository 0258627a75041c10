"""Processes that die, hang, eat memory or lie: each is a result, and the next document is served."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pdfspider.documents.inspection.inspector import Inspector, Stopped, Unavailable
from pdfspider.documents.inspection.limits import LEAST_MEMORY, Limits
from pdfspider.documents.inspection.report import Status
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISBEHAVING = ("-m", "tests.inspection.misbehaving")
TIMEOUT = 0.5


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    inspector = Inspector(Limits(memory=LEAST_MEMORY), MISBEHAVING)
    yield inspector
    inspector.close()


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("SIGKILL", Status.CRASHED, "SIGKILL"),
        ("SIGABRT", Status.CRASHED, "SIGABRT"),
        ("SIGSEGV", Status.CRASHED, "SIGSEGV"),
        ("exit", Status.CRASHED, "exit code 3"),
        ("defect", Status.CRASHED, "ZeroDivisionError: integer division or modulo by zero"),
        ("SIGXCPU", Status.TIMEOUT, "more than 30 s of CPU"),
        ("eat", Status.MEMORY, "Python had no memory left"),
        *((name, Status.CRASHED, "makes no sense") for name in ("no-object", "unknown-field", "unknown-status")),
        *((name, Status.CRASHED, "makes no sense") for name in ("wrong-type", "negative", "no-png", "too-deep")),
        ("no-end", Status.CRASHED, ""),
    ],
)
def test_whatever_happens_is_a_result(inspector: Inspector, name: str, status: Status, reason: str) -> None:
    report = inspector.inspect(f"{name}.pdf")
    assert report.status is status
    assert report.reason
    assert reason in report.reason
    assert report.title == f"{name}.pdf", "what was known before is kept"
    assert inspector.inspect("fine.pdf").status is Status.OK


def test_a_death_by_too_much_memory_is_told_from_others() -> None:
    """As far as the process had more in use than the one that started it."""
    inspector = Inspector(Limits(), MISBEHAVING)
    report = inspector.inspect("eat-and-abort.pdf")
    inspector.close()
    assert report.status is Status.MEMORY
    assert report.reason
    assert re.fullmatch(r"SIGABRT with \d+ MiB in use", report.reason)


@pytest.mark.parametrize("name", ["hang", "burn"])
def test_a_hang_is_ended_by_the_clock(name: str) -> None:
    inspector = Inspector(Limits(timeout=TIMEOUT), MISBEHAVING)
    report = inspector.inspect(f"{name}.pdf")
    inspector.close()
    assert (report.status, report.title) == (Status.TIMEOUT, f"{name}.pdf")
    assert report.reason == "not done within 0.5 s"
    assert report.seconds >= TIMEOUT


def test_what_came_before_is_not_held_against_a_document(inspector: Inspector) -> None:
    assert [inspector.inspect("leak.pdf").status for _ in range(3)] == [Status.OK] * 3


def test_what_a_process_must_not_do(inspector: Inspector) -> None:
    report = inspector.inspect("attempts.pdf")
    assert report.reason == "write socket fork files, nice 19, core 0"
    if inspector.isolated:
        assert report.links == []


def test_a_process_is_replaced_after_so_many_documents() -> None:
    inspector = Inspector(Limits(documents=2), MISBEHAVING)
    processes = []
    for _ in range(4):
        assert inspector.inspect("fine.pdf").status is Status.OK
        processes.append(inspector._process)
    assert [process is None for process in processes] == [False, True, False, True]
    inspector.close()


def test_closing_ends_what_is_under_way() -> None:
    inspector = Inspector(Limits(), MISBEHAVING)
    inspector.inspect("fine.pdf")
    closer = threading.Timer(0.1, inspector.close)
    began = time.monotonic()
    closer.start()
    with pytest.raises(Stopped):
        inspector.inspect("hang.pdf")
    assert time.monotonic() - began < inspector.limits.timeout
    closer.join()
    with pytest.raises(Stopped):
        inspector.inspect("fine.pdf")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    inspector = Inspector(Limits())
    with pytest.raises(Unavailable, match="No such file"):
        inspector.inspect(str(tmp_path / "nothing.pdf"))
    inspector.close()


def test_a_process_that_cannot_start() -> None:
    inspector = Inspector(Limits(), ("-c", "raise SystemExit(5)"))
    with pytest.raises(ConfigurationError, match="exit code 5"):
        inspector.inspect("fine.pdf")
    inspector.close()

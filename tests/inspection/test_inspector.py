"""Processes that die, hang, eat memory or lie: each is a result, and the next document is served."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pdfspider.documents.inspection.inspector import DocumentUnavailable, Inspector, InspectorClosed
from pdfspider.documents.inspection.limits import LEAST_MEMORY, MAX_MAPPED, InspectionLimits
from pdfspider.documents.inspection.report import InspectionReport, InspectionStatus
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

MISBEHAVING = ("-m", "tests.inspection.misbehaving")
INSPECTS = f"""
import sys
from pdfspider.documents.inspection.inspector import Inspector
from pdfspider.documents.inspection.limits import InspectionLimits
inspector = Inspector(InspectionLimits(), {MISBEHAVING})
report = inspector.inspect(sys.argv[1])
inspector.close()
print(f"{{report.status.value}}: {{report.reason}}")
"""
TIMEOUT = 0.5


class Deeds(Inspector):
    """Has documents inspected that say what the process shall do."""

    directory: Path

    def do(self, name: str) -> InspectionReport:
        path = self.directory / f"{name}.pdf"
        path.write_text(name)
        return self.inspect(str(path))


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path) -> None:
    Deeds.directory = tmp_path


@pytest.fixture(scope="module")
def inspector() -> Iterator[Deeds]:
    inspector = Deeds(InspectionLimits(memory=LEAST_MEMORY), MISBEHAVING)
    yield inspector
    inspector.close()


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("SIGKILL", InspectionStatus.CRASHED, "SIGKILL"),
        ("SIGABRT", InspectionStatus.CRASHED, "SIGABRT"),
        ("SIGSEGV", InspectionStatus.CRASHED, "SIGSEGV"),
        ("exit", InspectionStatus.CRASHED, "exit code 3"),
        ("defect", InspectionStatus.CRASHED, "KeyError: 0"),
        ("SIGXCPU", InspectionStatus.TIMEOUT, "more than 30 s of CPU"),
        ("eat", InspectionStatus.MEMORY, "Python had no memory left"),
        *(
            (name, InspectionStatus.CRASHED, "an invalid answer")
            for name in ("no-object", "unknown-field", "unknown-status")
        ),
        *(
            (name, InspectionStatus.CRASHED, "an invalid answer")
            for name in ("wrong-type", "negative", "no-png", "too-deep")
        ),
        ("no-end", InspectionStatus.CRASHED, ""),
    ],
)
def test_whatever_happens_is_a_result(inspector: Deeds, name: str, status: InspectionStatus, reason: str) -> None:
    report = inspector.do(name)
    assert report.status is status
    assert report.reason
    assert reason in report.reason
    assert report.title == name, "what was known before is kept"
    assert inspector.do("fine").status is InspectionStatus.OK


def test_a_death_by_too_much_memory_is_told_from_others(tmp_path: Path) -> None:
    """As far as the process had more in use than the one that started it, which is a small one here."""
    path = tmp_path / "eat-and-abort.pdf"
    path.write_text("eat-and-abort")
    answer = subprocess.run([sys.executable, "-c", INSPECTS, str(path)], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"memory: SIGABRT with \d+ MiB in use\n", answer.stdout)


@pytest.mark.parametrize("name", ["hang", "burn"])
def test_a_hang_is_ended_by_the_clock(name: str) -> None:
    inspector = Deeds(InspectionLimits(timeout=TIMEOUT), MISBEHAVING)
    report = inspector.do(name)
    inspector.close()
    assert (report.status, report.title) == (InspectionStatus.TIMEOUT, name)
    assert report.reason == "not done within 0.5 s"
    assert report.seconds >= TIMEOUT


def test_what_came_before_is_not_held_against_a_document(inspector: Deeds) -> None:
    assert [inspector.do("leak").status for _ in range(3)] == [InspectionStatus.OK] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_process_may_take_of_the_machine(inspector: Deeds) -> None:
    assert "while a document is inspected" in (inspector.do("connect").reason or "")
    assert inspector._process
    lines = Path(f"/proc/{inspector._process.pid}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max core file size"] == limits["Max file size"] == ["0", "0"]
    assert limits["Max open files"] == ["32", "32"]
    assert limits["Max address space"] == [str(LEAST_MEMORY), str(LEAST_MEMORY + MAX_MAPPED)]
    assert psutil.Process(inspector._process.pid).nice() == 19


def test_a_process_is_replaced_after_so_many_documents() -> None:
    inspector = Deeds(InspectionLimits(documents=2), MISBEHAVING)
    processes = []
    for _ in range(4):
        assert inspector.do("fine").status is InspectionStatus.OK
        processes.append(inspector._process)
    assert [process is None for process in processes] == [False, True, False, True]
    inspector.close()


def test_closing_ends_what_is_under_way() -> None:
    inspector = Deeds(InspectionLimits(), MISBEHAVING)
    inspector.do("fine")
    closer = threading.Timer(0.1, inspector.close)
    closer.start()
    with pytest.raises(InspectorClosed):
        inspector.do("hang")
    closer.join()
    with pytest.raises(InspectorClosed):
        inspector.do("fine")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    inspector = Inspector(InspectionLimits())
    with pytest.raises(DocumentUnavailable, match="No such file"):
        inspector.inspect(str(tmp_path / "nothing.pdf"))
    inspector.close()


def test_a_process_that_cannot_start() -> None:
    inspector = Deeds(InspectionLimits(), ("-c", "raise SystemExit(5)"))
    with pytest.raises(ConfigurationError, match="exit code 5"):
        inspector.do("fine")
    inspector.close()

"""Inspect documents one after the other in a process, which is replaced if it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pdfspider.documents.inspection.limits import MEBIBYTE
from pdfspider.documents.inspection.report import InspectionReport, InspectionStatus, InvalidAnswer
from pdfspider.exceptions import ConfigurationError, PdfSpiderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from resource import struct_rusage

    from pdfspider.documents.inspection.limits import InspectionLimits

PROGRAM = ("-m", "pdfspider.documents.inspection.process")
START_TIMEOUT_S = 60.0
"""Seconds within which a process must be ready."""
EXIT_TIMEOUT_S = 1.0
"""Seconds that a process may take to die once it has closed its end."""
POLL_INTERVAL_S = 0.005
KIBIBYTE = 1 << 10
MEMORY_DEATH_SHARE = 0.5
"""The part of the allowed memory above which memory counts as the cause of a death."""
MAX_ANSWER_SIZE = 8 << 20
CHUNK_SIZE = 1 << 16
SIGNAL_NAMES: dict[int, str] = {number.value: number.name for number in signal.Signals}
PASSED_VARIABLES = ("LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL")
SHARED_FATE = (InspectionStatus.MEMORY, InspectionStatus.CRASHED)
"""Failures that an earlier document may have caused."""


class DocumentUnavailable(PdfSpiderError):
    """The document cannot be read from its place."""


class InspectorClosed(PdfSpiderError):
    """The inspector was closed meanwhile."""


class _Ended(Exception):
    """The process has ended or cannot be used any longer."""

    def __init__(self, status: InspectionStatus | None = None, reason: str = "") -> None:
        self.status, self.reason = status, reason


class Inspector:
    """Inspects one document at a time; its calls block, so it belongs in a thread.

    ``close`` may be called from another thread.
    """

    def __init__(self, limits: InspectionLimits, program: Sequence[str] = PROGRAM) -> None:
        self.limits = limits
        self.lacking: Sequence[str] = ()
        """The layers of confinement that this system does not have, once a process was started."""
        self._program = program
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._served = self._peak = 0
        self._rest = b""
        self._parts: dict[str, Any] = {}
        self._closed = False
        self._working, self._reaping = threading.Lock(), threading.Lock()

    def inspect(self, path: str) -> InspectionReport:
        """Return the report on the PDF at this path, also if it ends the process.

        Raises DocumentUnavailable if the file cannot be read, ConfigurationError if no process can be started, and
        InspectorClosed.
        """
        with self._working:
            self._make_ready()
            began, fresh = time.monotonic(), self._served == 0
            with _open(path) as descriptor:
                report = self._attempt(descriptor, began + self.limits.timeout)
                if report.status in SHARED_FATE and not fresh:
                    self._make_ready()
                    report = self._attempt(descriptor, began + self.limits.timeout)
            report.seconds = time.monotonic() - began
            return report

    def close(self) -> None:
        """End the process at once, and with it an inspection that runs."""
        self._closed = True
        with self._reaping:
            if self._process is not None:
                os.kill(self._process.pid, signal.SIGKILL)
        with self._working:
            self._end()

    def _attempt(self, descriptor: int, deadline: float) -> InspectionReport:
        self._served += 1
        self._parts = {}
        try:
            report = self._ask(descriptor, deadline)
        except _Ended as ended:
            status, reason = self._explain(ended)
            report = InspectionReport.of({**self._parts, "status": status.value, "reason": reason})
        if report.status in SHARED_FATE or self._served >= self.limits.documents:
            self._end()
        return report

    def _ask(self, descriptor: int, deadline: float) -> InspectionReport:
        """Send the document to the process and return its report.

        Raises _Ended and DocumentUnavailable.
        """
        assert self._requests is not None
        try:
            socket.send_fds(self._requests, [b"d"], [descriptor])
        except OSError:
            raise _Ended from None
        while True:
            part = self._next_part(deadline)
            if "unavailable" in part:
                raise DocumentUnavailable(str(part["unavailable"]))
            parts = {**self._parts, **part}
            try:
                report = InspectionReport.of({"status": InspectionStatus.OK.value, **parts})
            except InvalidAnswer as error:
                raise _Ended(InspectionStatus.CRASHED, str(error)) from None
            if "status" in part:
                return report
            self._parts = parts

    def _next_part(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            self._rest += self._read(deadline)
            if len(self._rest) > MAX_ANSWER_SIZE:
                raise _Ended(InspectionStatus.CRASHED, "the answer is too long")
        line, self._rest = self._rest.split(b"\n", 1)
        try:
            part = json.loads(line)
        except (ValueError, RecursionError):
            part = None
        if not isinstance(part, dict):
            raise _Ended(InspectionStatus.CRASHED, str(InvalidAnswer()))
        return part

    def _read(self, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        wait = select.poll()
        wait.register(descriptor, select.POLLIN)
        if not wait.poll(max(deadline - time.monotonic(), 0) * 1000):
            raise _Ended(InspectionStatus.TIMEOUT, f"not done within {self.limits.timeout:g} s")
        content = os.read(descriptor, CHUNK_SIZE)
        if not content:
            raise _Ended
        return content

    def _make_ready(self) -> None:
        if self._closed:
            raise InspectorClosed
        if self._process is None:
            self._start()

    def _start(self) -> None:
        """Start the process with only that part of the environment that it needs to find its modules."""
        environment = {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, json.dumps(asdict(self.limits))],
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                process_group=0,  # a Ctrl-C is not meant for it
            )
        self._served, self._rest = 0, b""
        if self._closed:
            self._end()
            raise InspectorClosed
        try:
            ready = self._next_part(time.monotonic() + START_TIMEOUT_S)
        except _Ended as ended:
            _, reason = self._explain(ended)
            raise ConfigurationError(
                f"PDFs cannot be inspected: the inspecting process does not start ({reason})"
            ) from None
        self.lacking, self._peak = tuple(map(str, ready.get("lacking", ()))), int(ready.get("peak", 0))

    def _explain(self, ended: _Ended) -> tuple[InspectionStatus, str]:
        """End the process if it still runs, and return a status and reason for its death."""
        code, usage = self._end(0.0 if ended.status else EXIT_TIMEOUT_S)
        if self._closed:
            raise InspectorClosed
        return (ended.status, ended.reason) if ended.status else self._cause(code, usage)

    def _cause(self, code: int, usage: struct_rusage | None) -> tuple[InspectionStatus, str]:
        """Return why a process ended that gave no answer; running out of memory has many symptoms."""
        if code == -signal.SIGXCPU:
            return InspectionStatus.TIMEOUT, f"more than {self.limits.timeout:g} s of CPU"
        how = SIGNAL_NAMES.get(-code, f"exit code {code}")
        peak = usage.ru_maxrss if usage else 0
        if peak > self._peak and peak * KIBIBYTE > self.limits.memory * MEMORY_DEATH_SHARE:
            return InspectionStatus.MEMORY, f"{how} with {peak * KIBIBYTE // MEBIBYTE} MiB in use"
        return InspectionStatus.CRASHED, how

    def _end(self, patience: float = 0.0) -> tuple[int, struct_rusage | None]:
        """Kill the process if it does not end in time, and return its exit code and resource usage."""
        deadline = time.monotonic() + patience
        while True:
            with self._reaping:
                if self._process is None:
                    return 0, None
                pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
                if pid:
                    return self._forget(status), usage
                if time.monotonic() >= deadline:
                    os.kill(self._process.pid, signal.SIGKILL)
            time.sleep(POLL_INTERVAL_S)

    def _forget(self, status: int) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.returncode = os.waitstatus_to_exitcode(status)
        for end in (self._requests, process.stdout):
            with suppress(OSError):
                assert end is not None
                end.close()
        return process.returncode


@contextmanager
def _open(path: str) -> Iterator[int]:
    """Yield the open file, which is all that the process gets.

    Raises DocumentUnavailable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DocumentUnavailable(str(error)) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DocumentUnavailable(f"{path} is not a file")
        yield descriptor
    finally:
        os.close(descriptor)

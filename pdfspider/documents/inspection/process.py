"""The inspecting process: ``python -m pdfspider.documents.inspection.process LIMITS``.

Standard input is a Unix socket. Each document comes through it as an open file with one byte. The process answers with
JSON lines: the parts of a report, the last of which has a status. The first line says that the process is ready.
"""

from __future__ import annotations

import codecs
import ctypes
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from pdfspider.documents.inspection import engine
from pdfspider.documents.inspection.confinement import allow_cpu, confine, peak
from pdfspider.documents.inspection.limits import InspectionLimits
from pdfspider.documents.inspection.report import InspectionStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODINGS = ("ascii", "utf-8", "utf-16-le")


def main() -> None:
    """Answer requests until standard input is closed."""
    limits = InspectionLimits(**json.loads(sys.argv[1]))
    requests = socket.socket(fileno=0)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # output that a library prints must not look like an answer
        _load()
        _say(answers, {"lacking": confine(limits), "peak": peak()})
        while descriptors := socket.recv_fds(requests, 1, 1)[1]:
            try:
                for part in _inspect(descriptors[0], limits):
                    _say(answers, part)
            finally:
                os.close(descriptors[0])


def _load() -> None:
    """Load everything that is loaded at first use, because no module can be read afterwards."""
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    ctypes.CFUNCTYPE(None)(lambda: None)  # libffi gets a page for callbacks, as none can be made executable later


def _inspect(descriptor: int, limits: InspectionLimits) -> Iterator[dict[str, Any]]:
    allow_cpu(limits.timeout)
    try:
        yield from engine.read(descriptor, limits)
    except MemoryError:
        yield {"status": InspectionStatus.MEMORY.value, "reason": "Python had no memory left"}
    except OSError as error:
        yield {"unavailable": str(error)}
    except Exception as error:
        yield {"status": InspectionStatus.CRASHED.value, "reason": f"{type(error).__name__}: {error}"}


def _say(answers: BinaryIO, part: dict[str, Any]) -> None:
    answers.write(json.dumps(part).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()

"""The inspecting process: ``python -m pdfspider.documents.inspection.process LIMITS``.

A line of JSON in names a file; lines of JSON out are the parts of what is found, the last of which has a status. The
first line of all says that the process is ready.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from pdfspider.documents.inspection import engine
from pdfspider.documents.inspection.confinement import allow_cpu, confine, peak
from pdfspider.documents.inspection.limits import Limits
from pdfspider.documents.inspection.report import Status

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever a library prints is no answer
        _say(answers, {"isolated": confine(limits), "peak": peak()})
        for line in sys.stdin.buffer:
            for part in _inspect(json.loads(line), limits):
                _say(answers, part)


def _inspect(path: str, limits: Limits) -> Iterator[dict[str, Any]]:
    allow_cpu(limits.timeout)
    try:
        yield from engine.read(path, limits)
    except MemoryError:
        yield {"status": Status.MEMORY.value, "reason": "Python had no memory left"}
    except OSError as error:
        yield {"unavailable": str(error)}
    except Exception as error:
        yield {"status": Status.CRASHED.value, "reason": f"{type(error).__name__}: {error}"}


def _say(answers: BinaryIO, part: dict[str, Any]) -> None:
    answers.write(json.dumps(part).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()

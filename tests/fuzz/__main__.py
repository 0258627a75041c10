"""Fuzz the harnesses for some minutes: ``python -m tests.fuzz [--minutes 5] [NAME …]``.

Hypothesis makes the inputs, and Atheris, guided by coverage, where it is installed. An input that finds something is
kept in the corpus, which ``make test`` runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings

from tests.fuzz.harnesses import HARNESSES
from tests.fuzz.inputs import CORPUS, keep, made

if TYPE_CHECKING:
    from pathlib import Path

GROUP = 500
"""Inputs between two looks at the clock."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads strangers' bytes.")
    parser.add_argument("--minutes", type=float, default=5.0, help="for all harnesses together")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(HARNESSES)}; all by default")
    options = parser.parse_args()
    if unknown := {*options.names} - HARNESSES.keys():
        parser.error(f"there is no harness {min(unknown)!r}")
    names = options.names or [*HARNESSES]
    engines = [by_hypothesis, by_coverage] if find_spec("atheris") else [by_hypothesis]
    seconds = options.minutes * 60 / len(names) / len(engines)
    found = [path for name in names for engine in engines for path in engine(name, seconds)]
    sys.exit(1 if found else 0)


def by_hypothesis(name: str, seconds: float) -> list[Path]:
    """Return where the smallest input is kept that failed, if one did."""
    harness, last, number = HARNESSES[name], b"", 0

    def check(data: bytes) -> None:
        nonlocal last, number
        last, number = data, number + 1
        harness.check(data)

    run = settings(max_examples=GROUP, deadline=None, database=None, suppress_health_check=[*HealthCheck])(
        given(made(harness))(check)
    )
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            run()
        except Exception as error:
            path = keep(name, last)
            print(f"{name}: {type(error).__name__}: {error} by {last!r}, kept as {path}")
            return [path]
    print(f"{name}: {number:,} inputs of Hypothesis, nothing found")
    return []


def by_coverage(name: str, seconds: float) -> list[Path]:
    """Return where the inputs are kept that failed; what else is of interest is forgotten afterwards."""
    kept = CORPUS / name
    kept.mkdir(exist_ok=True)
    before = {*kept.iterdir()}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as seeds:
        options = [f"-max_total_time={max(int(seconds), 1)}", f"-artifact_prefix={kept}/", "-verbosity=0"]
        subprocess.run([sys.executable, "-m", "tests.fuzz.guided", name, *options, seeds, str(kept)], check=False)
    found = sorted({*kept.iterdir()} - before)
    print(f"{name}: by coverage", *(f"failed by {path}" for path in found) if found else ["nothing found"])
    return found


if __name__ == "__main__":
    main()

"""Measure the CPU time that the frontier's scripts cost Redis: ``python -m bench.frontier_cost --against DIRECTORY``.

The same work is done by this checkout and by the one in DIRECTORY in turns, each time on a new Redis with its
append-only file on; the figures are medians over the rounds. Machines drift: only the ratio within one run means
something. ``--grow 100000 1000000`` measures instead what that many queued URLs take, ``--per-host`` of them at each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import redis_server
from bench.server import PROJECT

WORKLOAD = PROJECT / "bench" / "frontier_workload.py"


def work(checkout: Path, *arguments: object) -> dict[str, Any]:
    """Return the figures of the workload on a checkout's frontier and a new Redis."""
    with tempfile.TemporaryDirectory(prefix="frontier-cost-") as directory, redis_server(Path(directory)) as url:
        command = [sys.executable, "-P", str(WORKLOAD), url, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    figures: dict[str, Any] = json.loads(answer)
    return figures


def compare(checkouts: list[Path], rounds: int, urls: int) -> None:
    """Print the microseconds of Redis and of the client for each thing done."""
    measured = [[work(checkout, urls) for checkout in checkouts] for _ in range(rounds)]
    print(f"{'microseconds of Redis (and of the client)':45}" + "".join(f"{path.name:>20}" for path in checkouts))
    for part in measured[0][0]:
        costs = [[[1e6 * value / one[part][0] for value in one[part][1:]] for one in turn] for turn in measured]
        medians = [tuple(median(turn[i][k] for turn in costs) for k in (0, 1)) for i in range(len(checkouts))]
        cells = "".join(f"{redis:12.1f} ({client:5.1f})" for redis, client in medians)
        ratio = f"  {medians[-1][0] / medians[0][0]:.2f} times" if len(checkouts) > 1 else ""
        print(f"{part:45}{cells}{ratio}")


def grow(sizes: list[int], per_host: int) -> None:
    """Print what many queued URLs take."""
    print("      queued      hosts  B per known  B per queued  us per new link  us per lease of 64")
    for urls in sizes:
        found = work(PROJECT, urls, per_host)
        print(
            f"{urls:12,} {found['hosts']:10,} {found['known']:12.1f} {found['queued']:13.1f}"
            f" {found['submit']:16.1f} {found['lease']:19.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.frontier_cost", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout of pdfspider")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--urls", type=int, default=20_000)
    parser.add_argument("--grow", type=int, nargs="+", help="measure the frontier with so many queued URLs")
    parser.add_argument("--per-host", type=int, default=1000)
    options = parser.parse_args()
    if options.grow:
        grow(options.grow, options.per_host)
    else:
        compare([PROJECT, *([options.against.resolve()] if options.against else [])], options.rounds, options.urls)


if __name__ == "__main__":
    main()

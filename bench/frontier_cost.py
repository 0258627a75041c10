"""Measure the CPU time that the frontier's scripts cost Redis: ``python -m bench.frontier_cost --against DIRECTORY``.

The same work is done by this checkout and by the one in DIRECTORY in turns, each time on a new Redis with its
append-only file on; the figures are medians over the rounds. Machines drift: only the ratio within one run means
something. ``--grow 100000 1000000`` measures instead what a frontier of that many queued URLs takes and costs,
``--per-host`` of them at each; with ``--report DIR`` it writes growth-PER-HOST.json there, and draws all such files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any

from bench.plots import plot_lines, write_image
from bench.processes import redis_server
from bench.server import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKLOAD = PROJECT / "bench" / "frontier_workload.py"


@contextlib.contextmanager
def working(checkout: Path, *arguments: object) -> Iterator[IO[str]]:
    """Run the workload on a checkout's frontier and a new Redis; gives what it prints."""
    with tempfile.TemporaryDirectory(prefix="frontier-cost-") as directory, redis_server(Path(directory)) as url:
        command = [sys.executable, "-P", str(WORKLOAD), url, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            yield process.stdout
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)


def work(checkout: Path, urls: int) -> dict[str, Any]:
    """Return the figures of the workload."""
    with working(checkout, urls) as output:
        figures: dict[str, Any] = json.loads(output.read())
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


def grow(sizes: list[int], per_host: int, report: Path | None) -> None:
    """Print what many queued URLs take and cost, as a table in Markdown; microseconds are those of Redis."""
    print("| queued URLs | hosts | B per known URL | B per queued URL | µs per new link | ms per lease of 64 |", end="")
    print(" µs per commit |")
    print("|---|---|---|---|---|---|---|", flush=True)
    found = []
    with working(PROJECT, per_host, *sizes) as output:
        for line in output:
            found.append(one := json.loads(line))
            cells = f"{one['known']:.1f} | {one['queued']:.0f} | {one['submit']:.1f} | {one['lease'] / 1e3:.2f}"
            print(f"| {one['urls']:,} | {one['hosts']:,} | {cells} | {one['commit']:.1f} |", flush=True)
            if report:
                report.mkdir(parents=True, exist_ok=True)
                (report / f"growth-{per_host}.json").write_text(json.dumps(found))
                draw(report)


def draw(report: Path) -> None:
    """Draw what growing frontiers cost, from the figures in a directory."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(report.glob("growth-*.json")):
        for name, (field, divisor) in {
            "new link": ("submit", 1),
            "lease": ("lease", 64),
            "commit": ("commit", 1),
        }.items():
            points = [(one["urls"], one[field] / divisor) for one in json.loads(path.read_text())]
            lines[f"{name}, {path.stem.removeprefix('growth-')} a host"] = points
    write_image(report / "growth.svg", plot_lines("µs of Redis for one URL, over the URLs queued", lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.frontier_cost", description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout of pdfspider")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--urls", type=int, default=20_000)
    parser.add_argument("--grow", type=int, nargs="+", help="measure the frontier with so many queued URLs")
    parser.add_argument("--per-host", type=int, default=1000)
    parser.add_argument("--report", type=Path, metavar="DIR", help="where figures and plots of --grow are written")
    options = parser.parse_args()
    if options.grow:
        grow(sorted(options.grow), options.per_host, options.report)
    else:
        compare([PROJECT, *([options.against.resolve()] if options.against else [])], options.rounds, options.urls)


if __name__ == "__main__":
    main()

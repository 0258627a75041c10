"""Charts as the points of SVG shapes, computed on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdfspider.formatting import said_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdfspider.frontier.reports.worker_reports import Sample

WIDTH, HEIGHT = 720, 160
GRID_LINES = 4


class Chart(NamedTuple):
    """A chart as the template draws it: points of SVG shapes, and labels with their places."""

    done: str
    """An area: the URLs that have ended."""
    queued: str
    """A line: the URLs that are left."""
    documents: str
    """A line: the documents."""
    lines: list[tuple[float, str]]
    """Heights of the grid with their numbers."""
    times: list[tuple[float, str]]
    top: int


def chart(job: Mapping[str, Any], history: Sequence[Sample], now: float) -> Chart | None:
    """Return the chart of a job's run so far, None while there is nothing to draw."""
    begun = job["opened"] / 1000
    end = job["finished"] / 1000 if job["finished"] else now
    left, ended = job["queued"] + job["delayed"] + job["leased"], job["done"] + job["dead"]
    samples = [sample for sample in history if begun <= sample.time < end]
    points = [(begun, 0, 0, 0), *samples, (end, left, ended, job["documents"])]
    if len(points) < 3 or end - begun < 1:
        return None
    top = _round_up(max(max(point[1], point[2]) for point in points))
    at = [WIDTH * (point[0] - begun) / (end - begun) for point in points]
    drawn = [_line(at, [point[i] for point in points], top) for i in (1, 2, 3)]
    first_left = drawn[0].partition(" ")[2]  # nothing is known of what was left before the first sample
    area = f"0,{HEIGHT} {drawn[1]} {WIDTH},{HEIGHT}"
    lines = [(HEIGHT - HEIGHT * i / GRID_LINES, f"{top * i // GRID_LINES:,}") for i in range(GRID_LINES + 1)]
    times = [(WIDTH * i / GRID_LINES, said_time((end - begun) * i / GRID_LINES)) for i in range(GRID_LINES + 1)]
    return Chart(area, first_left, drawn[2], lines, times, top)


def _line(at: Sequence[float], values: Sequence[int], top: int) -> str:
    return " ".join(f"{x:.1f},{HEIGHT - HEIGHT * value / top:.1f}" for x, value in zip(at, values, strict=True))


def _round_up(value: int) -> int:
    """Return the least number that is no smaller, has one digit that matters, and four parts that are whole."""
    step = 4
    while step * 10 < value:
        step *= 10
    return step * max(-(-value // step), 1)

"""What a comparison found, as a table and as a plot."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, BAR, GAP, LABEL = 720, 22, 10, 150
OURS = "pdfspider"


@dataclass(frozen=True)
class Measurement:
    """One crawl: CPU and wall in seconds; ``active`` from the first request to the end of the last answer."""

    responses: int
    documents: int
    cpu: float
    wall: float
    active: float
    peak_mb: float
    redis: float = 0.0

    @property
    def rate(self) -> float:
        """Responses per CPU-second of the crawling process."""
        return self.responses / self.cpu


def table(measured: Mapping[str, Sequence[Measurement]], expected: int) -> str:
    """Return the medians of all rounds as a table in Markdown; the spread is that of the rate."""
    first = _rate(next(iter(measured.values())))
    lines = [
        "| crawler | responses per CPU-second | spread | ratio | CPU s | Redis CPU s | wall s | peak MB | documents |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rounds in measured.items():
        rates = [one.rate for one in rounds]
        cells = (
            name,
            f"{_rate(rounds):.0f}",
            f"{min(rates):.0f} to {max(rates):.0f}",
            f"{_rate(rounds) / first:.2f}",
            *(f"{median(values):.1f}" for values in _columns(rounds)),
            f"{median(one.peak_mb for one in rounds):.0f}",
            f"{min(one.documents for one in rounds):,} of {expected:,}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _columns(rounds: Sequence[Measurement]) -> Iterator[list[float]]:
    for name in ("cpu", "redis", "wall"):
        yield [getattr(one, name) for one in rounds]


def _rate(rounds: Sequence[Measurement]) -> float:
    return median(one.rate for one in rounds)


def machine() -> str:
    """Return what the figures depend on, in one line."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def plot(measured: Mapping[str, Sequence[Measurement]]) -> str:
    """Return the rates as an SVG: a bar for each crawler, with a line from the least to the greatest round."""
    ordered = sorted(measured.items(), key=lambda item: _rate(item[1]))
    most = max(one.rate for rounds in measured.values() for one in rounds)
    height = GAP + len(ordered) * (BAR + GAP)
    scale = (WIDTH - LABEL - 80) / most
    bars = "\n".join(_bar(n, name, rounds, scale) for n, (name, rounds) in enumerate(ordered))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Responses per CPU-second" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{bars}\n</svg>\n'
    )


def _bar(number: int, name: str, rounds: Sequence[Measurement], scale: float) -> str:
    top, rate = GAP + number * (BAR + GAP), _rate(rounds)
    least, greatest = (LABEL + scale * end(one.rate for one in rounds) for end in (min, max))
    middle, right = top + BAR / 2, LABEL + scale * rate
    return (
        f'<text x="{LABEL - 8}" y="{middle + 5}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{scale * rate:.1f}" height="{BAR}" '
        f'fill="{"#2f6f4f" if name == OURS else "#9aa5b1"}"/>'
        f'<path d="M{least:.1f} {middle}H{greatest:.1f}" stroke="#222" stroke-width="1.5"/>'
        f'<text x="{max(right, greatest) + 6:.1f}" y="{middle + 5}">{rate:.0f}</text>'
    )

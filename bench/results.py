"""What a comparison found, as a table and as a plot."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

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
    bars = [_crawler(name, [one.rate for one in rounds]) for name, rounds in ordered]
    return _chart("Responses per CPU-second", bars, max(bar.greatest for bar in bars))


def plot_shares(shares: Mapping[str, float]) -> str:
    """Return shares of 1 as an SVG: a bar for each."""
    bars = [Bar(name, share, share, share, f"{share:.1%}") for name, share in shares.items()]
    return _chart("Share of the rate that politeness allows", bars, 1.0)


class Bar(NamedTuple):
    """A bar with its name and its inscription, and what the line over it goes from and to."""

    name: str
    value: float
    least: float
    greatest: float
    text: str
    is_ours: bool = True


def _crawler(name: str, rates: Sequence[float]) -> Bar:
    middle = median(rates)
    return Bar(name, middle, min(rates), max(rates), f"{middle:.0f}", name == OURS)


def _chart(title: str, bars: Sequence[Bar], most: float) -> str:
    height, scale = GAP + len(bars) * (BAR + GAP), (WIDTH - LABEL - 80) / most
    drawn = "\n".join(_drawn(number, bar, scale) for number, bar in enumerate(bars))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{drawn}\n</svg>\n'
    )


def _drawn(number: int, bar: Bar, scale: float) -> str:
    top = GAP + number * (BAR + GAP)
    least, right, greatest = (LABEL + scale * value for value in (bar.least, bar.value, bar.greatest))
    middle = top + BAR / 2
    return (
        f'<text x="{LABEL - 8}" y="{middle + 5}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{right - LABEL:.1f}" height="{BAR}" '
        f'fill="{"#2f6f4f" if bar.is_ours else "#9aa5b1"}"/>'
        f'<path d="M{least:.1f} {middle}H{greatest:.1f}" stroke="#222" stroke-width="1.5"/>'
        f'<text x="{max(right, greatest) + 6:.1f}" y="{middle + 5}">{bar.text}</text>'
    )

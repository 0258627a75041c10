"""Lines over two logarithmic axes as an SVG, and SVGs as PNGs."""

from __future__ import annotations

from html import escape
from itertools import chain
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from resvg_py import svg_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Lines = Mapping[str, Sequence[tuple[float, float]]]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 60, 190, 30, 30
COLORS = ("#2f6f4f", "#b3541e", "#2b5c9e", "#8a2f6b", "#7a7a1f", "#444c56")
LABEL_HEIGHT = 15


def write_image(path: Path, svg: str) -> None:
    """Write an SVG, and beside it the same as a PNG of twice the size."""
    path.write_text(svg)
    path.with_suffix(".png").write_bytes(svg_to_bytes(svg_string=svg, zoom=2, sans_serif_family="DejaVu Sans"))


class Axis:
    """A logarithmic axis over whole powers of ten; maps values to pixels."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self._low, self._high = floor(log10(min(values))), ceil(log10(max(values)))
        self._high = max(self._high, self._low + 1)
        self._first, self._last = first, last

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        share = (log10(value) - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield each power of ten as a pixel and a text."""
        for power in range(self._low, self._high + 1):
            yield self(10.0**power), f"{10.0**power:,g}" if power < 0 else f"{10**power:,}"


def plot_lines(title: str, lines: Lines) -> str:
    """Return the lines, given as points, as an SVG with both axes logarithmic; each has its name at its last point."""
    points = list(chain.from_iterable(lines.values()))
    x = Axis([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = Axis([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    drawn = "\n".join([*_grid(x, y), *_drawn(lines, x, y)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
        f'<text x="{LEFT}" y="18" font-size="13">{escape(title)}</text>\n{drawn}\n</svg>\n'
    )


def _grid(x: Axis, y: Axis) -> Iterator[str]:
    for at, text in x.ticks():
        yield f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{text}</text>'
    for at, text in y.ticks():
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'


def _drawn(lines: Lines, x: Axis, y: Axis) -> Iterator[str]:
    """Yield the lines from the lowest end to the highest, with their names apart from each other."""
    label = float("inf")
    ordered = sorted(lines.items(), key=lambda line: line[1][-1][1])
    for number, (name, points) in enumerate(ordered):
        color = COLORS[number % len(COLORS)]
        pixels = [(x(a), y(b)) for a, b in points]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in pixels)
        yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        yield from (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"/>' for a, b in pixels)
        label = min(pixels[-1][1] + 4, label - LABEL_HEIGHT)
        yield f'<text x="{WIDTH - RIGHT + 8}" y="{label:.1f}" fill="{color}">{escape(name)}</text>'

"""How lines are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pytest

from bench.plots import Axis, plot_lines, write_image

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def test_an_axis_has_each_power_of_ten_around_its_values() -> None:
    axis = Axis([20, 3000], 0, 300)
    assert [text for _, text in axis.ticks()] == ["10", "100", "1,000", "10,000"]
    assert [axis(value) for value in (10, 100, 10_000)] == pytest.approx([0, 100, 300])
    assert [text for _, text in Axis([0.05], 0, 1).ticks()] == ["0.01", "0.1"]


def test_each_line_has_its_points_and_its_name_apart_from_others() -> None:
    image = fromstring(plot_lines("<cost>", {"a": [(10, 1), (1000, 2)], "b": [(10, 1), (1000, 2)]}))
    names = {text.text: float(text.get("y", 0)) for text in image.iter(f"{SVG}text") if text.get("fill")}
    assert sorted(names) == ["a", "b"]
    assert abs(names["a"] - names["b"]) >= 15
    assert len(list(image.iter(f"{SVG}circle"))) == 4


def test_an_image_is_written_as_svg_and_png(tmp_path: Path) -> None:
    svg = plot_lines("cost", {"a": [(10, 1), (1000, 2)]})
    write_image(tmp_path / "a.svg", svg)
    assert (tmp_path / "a.svg").read_text() == svg
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

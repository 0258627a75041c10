"""What a comparison writes."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

from bench.contenders import Contender
from bench.results import Measurement, plot, table


def measured(*rates: float) -> list[Measurement]:
    return [Measurement(100, 9 + n, 100 / rate, 2.0, 1.0, 50.4, 0.25) for n, rate in enumerate(rates)]


RESULTS = {"stock": measured(100, 120, 80), "pdf<spider>": measured(300)}


def test_the_table_has_medians_and_ratios_to_the_first() -> None:
    head, _, stock, ours = table(RESULTS, 12).splitlines()
    assert head.count("|") == stock.count("|") == ours.count("|") == 10
    assert stock == "| stock | 100 | 80 to 120 | 1.00 | 1.0 | 0.2 | 2.0 | 50 | 9 of 12 |"
    assert ours.startswith("| pdf<spider> | 300 | 300 to 300 | 3.00 | 0.3 |")


def test_the_plot_is_an_image_with_a_bar_for_each() -> None:
    image = fromstring(plot(RESULTS))
    texts = [element.text for element in image.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["stock", "100", "pdf<spider>", "300"]


def test_what_is_not_installed_is_named() -> None:
    assert Contender("a", (), needs="/nowhere/crawlee").missing == "crawlee: make peers"
    assert Contender("a", (), needs="no_such_module").missing == "no_such_module"
    assert Contender("a", (), needs="sh").missing is Contender("a", (), needs="json").missing is None

"""What the measurements of politeness make of a log."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from bench.fleet import early
from bench.log import Entry
from bench.politeness import in_flight, shares
from bench.results import plot_shares


def asked(address: str, at: float) -> Entry:
    return Entry(at, address, "GET", "/", 200, at + 0.5, sent=True)


def test_shares_are_of_what_the_delay_allows() -> None:
    log = [asked("a", 0), asked("a", 1), asked("a", 2), asked("b", 0), asked("b", 1.25), asked("b", 2.5)]
    between, whole, too_early = shares(log, 1.0)
    assert (between, whole, too_early) == pytest.approx((0.9, 2 / 3, 0))


def test_a_request_that_comes_too_early_is_counted() -> None:
    assert shares([asked("a", 0), asked("a", 1), asked("a", 1.5)], 1.0)[2] == 1
    assert early({"a": [2.0, 1.0], "b": [0.0, 0.9]}, 1.0) == 1


def test_shares_are_drawn_with_their_names() -> None:
    image = fromstring(plot_shares({"1 at 0.1 s": 0.98}))
    texts = [element.text for element in image.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["1 at 0.1 s", "98.0%"]


@pytest.mark.parametrize(("latency", "delay", "at_a_host"), [(50, 0.1, 1), (300, 1.0, 1), (300, 0.3, 3), (300, 0.1, 5)])
def test_slow_hosts_are_asked_with_several_requests_in_flight(latency: int, delay: float, at_a_host: int) -> None:
    assert in_flight(latency, delay)["CONCURRENT_REQUESTS_PER_DOMAIN"] == at_a_host

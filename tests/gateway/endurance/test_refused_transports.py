"""Seven ways that are refused in turn, beside an eighth under a steady stream."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.conformance.suite import by_id, task
from tests.gateway.endurance.refusals import REFUSALS
from tests.gateway.endurance.steady import Steady
from tests.gateway.endurance.ways import masters, named, settings_of
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Gateway, Start
    from tests.gateway.endurance.steady import Rate
    from tests.gateway.masters.base import Master
    from tests.support import Fleet

pytestmark = pytest.mark.slow

DURATION = float(os.environ.get("DURATION") or 60)
"""Seconds for which a way is refused."""
MANY = 50
"""Messages of a way that is refused whose results are still to be published."""
MOST_LINES = 12
"""Of the gateway's log about one way that was refused for a while."""
COLUMNS = "{:<14} {:<22} {:>8} {:>8} {:>8} {:>7}"


def measure(stream: Steady, seconds: float) -> Rate:
    since = time.monotonic()
    time.sleep(seconds)
    return stream.rate(since)


def refuse(name: str, master: Master, stream: Steady, running: Gateway, urls: list[str]) -> tuple[Any, ...]:
    """Refuse one way for a while; what it had handed in is answered afterwards, and the gateway says little."""
    before = measure(stream, DURATION / 2)
    lines = len(running.output.splitlines())
    names = [f"{name}-{number}" for number in range(MANY)]
    master.submit(*[task(urls[number % len(urls)], one) for number, one in enumerate(names)])
    with REFUSALS[name](master):
        during = measure(stream, DURATION)
    until(lambda: {result["task_id"] for result in master.results()} >= set(names))
    assert sorted(result["task_id"] for result in by_id(master.results())) == sorted(names)
    said = running.output.splitlines()[lines:]
    assert len(said) <= MOST_LINES, said
    after = measure(stream, DURATION / 2)
    beside = [(one + other) / 2 for one, other in zip(before, after, strict=True)]
    ratios = [one / other for one, other in zip(during, beside, strict=True)]
    return (name, REFUSALS[name].__name__, *(f"{ratio:.2f}" for ratio in ratios), len(said))


@pytest.mark.timeout(0)
def test_the_eighth_way_does_not_notice(
    gateway: Start, site: Server, served: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = site.site.document_urls()
    with masters(tmp_path, "redis", *REFUSALS) as ways:
        running = gateway(",".join(named(name, master.url) for name, master in ways.items()), **settings_of(ways))
        stream = Steady(ways["redis"].broker, urls)  # type: ignore[attr-defined]
        try:
            measure(stream, DURATION / 4)  # everybody has begun
            rows = [refuse(name, ways[name], stream, running, urls) for name in REFUSALS]
        finally:
            stream.end()
        with capsys.disabled():
            print(f"\nthe eighth way while another is refused for {DURATION:.0f} s, as a ratio to before and after")
            print(COLUMNS.format("refused", "how", "results", "median", "95 %", "lines"))
            for row in rows:
                print(COLUMNS.format(*row))
        running.stop()
    served.audit()

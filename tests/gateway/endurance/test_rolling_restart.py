"""Two gateways that are restarted in turn, again and again, under messages on every way."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.conformance.suite import by_id, task, waiting
from tests.gateway.endurance.ways import KINDS, masters, named, settings_of
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.gateway.conftest import Gateway, Start
    from tests.gateway.masters.base import Master
    from tests.support import Fleet

pytestmark = pytest.mark.slow

MANY = int(os.environ.get("MANY") or 5000)
"""Messages on each way."""
EVERY = 5.0
"""Seconds between two restarts."""
AT_ONCE = 50
"""Messages that are handed in between two looks."""
LONG = PATIENCE + MANY * len(KINDS)


class Pair:
    """Two gateways on the same frontier, the elder of which is restarted when it is time."""

    def __init__(self, start: Start, urls: list[str], settings: dict[str, Any]) -> None:
        self._start, self._settings = start, settings
        self._running: list[tuple[str, Gateway]] = [(one, start(one, **settings)) for one in urls]
        self._next = time.monotonic() + EVERY
        self.restarts = 0

    def restart(self) -> None:
        """Stop the elder, and start it again, if it is time."""
        if time.monotonic() < self._next:
            return
        urls, elder = self._running.pop(0)
        elder.stop()
        self._running.append((urls, self._start(urls, **self._settings)))
        self._next = max(self._next + EVERY, time.monotonic())
        self.restarts += 1

    def stop(self) -> None:
        for _, gateway in self._running:
            gateway.stop()


def start_pair(start: Start, ways: dict[str, Master]) -> Pair:
    each = [[named(name, url) for url in master.urls(2)] for name, master in ways.items()]
    return Pair(start, [",".join(urls) for urls in zip(*each, strict=True)], settings_of(ways))


def hand_in(pair: Pair, ways: dict[str, Master], names: list[str], urls: list[str]) -> None:
    for first in range(0, len(names), AT_ONCE):
        messages = [task(urls[int(name) % len(urls)], name) for name in names[first : first + AT_ONCE]]
        for master in ways.values():
            master.submit(*messages)
            pair.restart()


def all_results(master: Master) -> list[dict[str, Any]]:
    """Those that are there; some masters ask for a few at a time."""
    found = master.results()
    while len(more := master.results()) > len(found):
        found = more
    return more


def all_answered(pair: Pair, open_ways: dict[str, Master], names: set[str]) -> bool:
    for name, master in list(open_ways.items()):
        if {result["task_id"] for result in all_results(master)} >= names:
            del open_ways[name]
        pair.restart()
    time.sleep(0.5)
    return not open_ways


@pytest.mark.timeout(0)
def test_nothing_is_lost_and_nothing_comes_twice(
    gateway: Start, site: Server, served: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, urls = [str(number) for number in range(MANY)], site.site.document_urls()
    began = time.monotonic()
    with masters(tmp_path, *KINDS) as ways:
        pair = start_pair(gateway, ways)
        hand_in(pair, ways, names, urls)
        open_ways = dict(ways)
        until(lambda: all_answered(pair, open_ways, set(names)), LONG)
        until(lambda: not any(waiting(served, master, name) for name, master in ways.items()), LONG)
        pair.stop()
        for name, master in ways.items():
            results = master.results()
            answers = by_id(results)
            assert sorted(result["task_id"] for result in answers) == sorted(names), name
            assert Counter(len(result["documents"]) for result in answers) == {1: MANY}, name
            assert not master.rejects(), name
            with capsys.disabled():
                print(f"\n{name}: {MANY} messages, {len(results)} results, {len(answers)} different ones", end="")
    served.audit()
    with capsys.disabled():
        print(f"\n{pair.restarts} restarts in {time.monotonic() - began:.0f} s")

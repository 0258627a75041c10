"""How soon others go on with what a killed worker had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pdfspider.settings import DOWNLOAD_DELAY, FRONTIER_LEASE_SECONDS
from tests.crawl.hostile import hostile, page
from tests.support import until

if TYPE_CHECKING:
    from tests.crawl.hostile import Request
    from tests.support import Fleet

QUICK = {"FRONTIER_LEASE_SECONDS": 2}
DEFAULT = dict.fromkeys(("DOWNLOAD_DELAY", "CONCURRENT_REQUESTS_PER_DOMAIN"))


@pytest.mark.parametrize(
    ("lease", "settings"),
    [(2, QUICK), pytest.param(FRONTIER_LEASE_SECONDS, DEFAULT, marks=pytest.mark.slow)],
)
def test_urls_of_a_killed_worker_are_leased_when_their_hosts_open_again(
    fleet: Fleet, lease: float, settings: dict[str, float | None]
) -> None:
    paths = [f"/{number}" for number in range(3)]
    asked: dict[str, list[float]] = {path: [] for path in paths}

    def answer(request: Request) -> None:
        asked[request.path].append(time.monotonic())
        if len(asked[request.path]) == 1:
            request.hang()
        request.send(page())

    with hostile(dict.fromkeys(paths, answer), hosts=3) as server:
        (victim,) = fleet.stand(1, **settings)
        fleet.push(*(server.url(path, host) for host, path in enumerate(paths, 1)))
        until(lambda: all(asked.values()))
        heir = fleet.start(**settings)
        until(lambda: len(fleet.status()["workers"]) == 2)
        killed = time.monotonic()
        victim.kill()
        until(lambda: all(len(times) == 2 for times in asked.values()), 2 * lease)
        after = [times[1] - killed for times in asked.values()]
        heir.dismiss()
    print(f"asked again after {', '.join(f'{seconds:.2f} s' for seconds in after)}")
    assert lease / 2 < min(after)
    assert max(after) < lease + 1 + (0 if settings is QUICK else DOWNLOAD_DELAY)
    fleet.audit()

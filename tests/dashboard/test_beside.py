"""The dashboard that a worker starts beside its crawl."""

from __future__ import annotations

import signal
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import URLError

from tests.crawl.hostile import hostile
from tests.support import free_port, until

if TYPE_CHECKING:
    from tests.support import Fleet


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return b"being fetched" in answer.read()
    except (URLError, ConnectionError):
        return False


def is_gone(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=60).close()
    except (URLError, ConnectionError) as error:
        return "refused" in str(error)
    return False


def test_it_says_where_it_is_and_ends_with_its_worker_however_that_ends(fleet: Fleet) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with hostile({"/": lambda request: request.hang()}) as site:
        settings = {"DASHBOARD": True, "DASHBOARD_URL": url, "ROBOTSTXT_OBEY": False, "LOGSTATS_INTERVAL": 0}
        worker = fleet.start(site.url(), arguments={"job": "j"}, **settings)
        until(lambda: answers(f"{url}/jobs/j"))
        assert f"works on job j; watch it at {url}/jobs/j" in worker.output
        site.answers["/other"] = site.answers["/"]
        other = fleet.start(site.url("/other"), arguments={"job": "k"}, **settings)
        until(lambda: f"works on job k; watch it at {url}/jobs/k" in other.output)
        lonely = fleet.start(site.url("/missing"), arguments={"job": "m"}, LOGSTATS_INTERVAL=0).finish()
        assert f"works on job m; watch it at {url}/jobs/m" in lonely.output
        other.send(signal.SIGTERM)
        assert "error" not in other.finish().output.lower()
        worker.kill()
        until(lambda: is_gone(url))

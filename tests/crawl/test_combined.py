"""Parts of nine kinds of other people in one crawl: nothing is lost, the gate holds, and the statistics add up."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from bench.server import serve
from bench.site import Site
from tests.crawl.combined import ForwardProxy, forward_proxy
from tests.support import gaps

if TYPE_CHECKING:
    from pathlib import Path

    from bench.log import Entry
    from tests.support import Fleet

COMBINED = "tests.crawl.combined"
ROTATING = (
    {
        "rotating_proxies.middlewares.RotatingProxyMiddleware": 610,
        "rotating_proxies.middlewares.BanDetectionMiddleware": 620,
    }
    if find_spec("rotating_proxies")
    else {f"{COMBINED}.ProxyMiddleware": 610}
)
"""scrapy-rotating-proxies where it is installed; it requires the package typing, which is for Python 2."""
PARTS: dict[str, Any] = {
    "DOWNLOAD_HANDLERS": {"http": f"{COMBINED}.ApiHandler"},
    "DOWNLOADER_MIDDLEWARES": {
        "scrapy_user_agents.middlewares.RandomUserAgentMiddleware": 400,
        f"{COMBINED}.RetryMiddleware": 550,
        **ROTATING,
    },
    "ITEM_PIPELINES": {f"{COMBINED}.OriginalNames": 300, f"{COMBINED}.JsonLines": 500},
    "EXTENSIONS": {"tests.crawl.injected.StartLog": 0, "spidermon.contrib.scrapy.extensions.Spidermon": 500},
    "SPIDERMON_ENABLED": True,
    "SPIDERMON_SPIDER_CLOSE_MONITORS": f"{COMBINED}.Suite",
}


def most_in_flight(entries: list[Entry]) -> int:
    changes = [(entry.received, 1) for entry in entries] + [(entry.ended or 0.0, -1) for entry in entries]
    most = in_flight = 0
    for _, change in sorted(changes):
        in_flight += change
        most = max(most, in_flight)
    return most


@pytest.mark.parametrize(
    ("site", "delay"),
    [
        (Site(hosts=2, pages=5, documents=10), 0.05),
        pytest.param(Site(), 0.01, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
    ids=["small", "full"],
)
def test_parts_of_nine_kinds_together(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site, delay: float
) -> None:
    monkeypatch.setenv("JSON_LINES", str(tmp_path / "items.jl"))
    monkeypatch.setenv("MONITORED", str(tmp_path / "stats.json"))
    proxies = [forward_proxy(), forward_proxy()]
    for proxy in proxies:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
    addresses = ",".join(f"127.0.0.1:{proxy.server_port}" for proxy in proxies)
    cache = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path / "cache")}
    settings = {**cache, "DOWNLOAD_DELAY": delay, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "ROTATING_PROXY_LIST": addresses}
    with serve(site) as server:
        worker = fleet.start(server.url, arguments={"scope": "any"}, **PARTS, **settings).finish(3000)
        entries = server.log()
    for proxy in proxies:
        proxy.shutdown()
        proxy.server_close()
    expected = server.site.expected()
    assert Counter(fleet.outcomes().values()) == {"page": site.pages, "document": len(set(expected.values()))}
    assert fleet.files() == set(expected.values())
    assert {path.name for path in (fleet.data / "files/by-name").iterdir()}
    items = [json.loads(line) for line in (tmp_path / "items.jl").read_text().splitlines()]
    assert {item["url"]: item["outcome"] for item in items} == fleet.outcomes()
    assert len(ForwardProxy.agents) > 1
    check_gate(fleet, entries, delay)
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["httpcache/miss"], stats["httpcache/firsthand"]) == (len(items) + site.hosts,) * 2
    assert stats["item_scraped_count"] == len(items) == site.pages + site.documents
    assert stats["downloader/request_count"] == len(entries)
    assert stats["own/retried"] == len(entries) - len(items) - site.hosts > 0
    assert not [name for name in stats if name.startswith("bans/") or (name == "proxies/dead" and stats[name])]
    assert "Traceback" not in worker.output
    fleet.audit()


def check_gate(fleet: Fleet, entries: list[Entry], delay: float) -> None:
    """Each request of the server's log is a start of the worker, and no host was asked faster than it may be."""
    by_host: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_host[entry.address].append(entry)
    starts = fleet.starts()
    assert len(starts) == len(entries)
    for address, mine in by_host.items():
        assert most_in_flight(mine) == 1
        assert min(gaps(start.at for start in starts if f"//{address}:" in start.url)) >= delay

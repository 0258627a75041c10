"""The spider on Scrapy's own parts: plain Scrapy's scheduler and scrapy-redis's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.crawl.hostile import document, hostile, page, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Fleet

SCRAPY = {"SCHEDULER": "scrapy.core.scheduler.Scheduler"}
SCRAPY_REDIS = {
    "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
    "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
    "MAX_IDLE_TIME_BEFORE_CLOSE": 1,
}


@pytest.mark.parametrize("parts", [SCRAPY, SCRAPY_REDIS], ids=["scrapy", "scrapy-redis"])
def test_pages_are_requests_and_documents_items(fleet: Fleet, tmp_path: Path, parts: dict[str, object]) -> None:
    with hostile() as server:
        server.answers |= {
            "/": page("/1.pdf", "/sub", "/download?id=3", server.url("/elsewhere", host=2)),
            "/sub": page("/2.pdf", "/", "/deep"),
            "/deep": page("/deep.pdf"),
            "/1.pdf": reply(document("1")),
            "/2.pdf": reply(document("2")),
            "/download?id=3": reply(document("3")),
        }
        feeds = {str(tmp_path / "items.jl"): {"format": "jsonlines"}}
        arguments = {"depth": 1, "max_pages": 9}
        if parts is SCRAPY:
            worker = fleet.start(server.url(), arguments=arguments, FEEDS=feeds, EXTENSIONS=None, **parts)
        else:
            fleet.push(json.dumps({"url": server.url()}))
            worker = fleet.start(arguments=arguments, FEEDS=feeds, EXTENSIONS=None, **parts)
        worker.finish()
        items = [json.loads(line) for line in (tmp_path / "items.jl").read_text().splitlines()]
        found = {
            file["url"]: (fleet.data / "files" / file["path"]).stat().st_size
            for item in items
            for file in item["files"]
        }
        assert found == {server.url(path): len(document("1")) for path in ("/1.pdf", "/2.pdf", "/download?id=3")}
        assert "/elsewhere" not in server.paths()
        assert "/deep" not in server.paths()
        assert "without the frontier nothing is shared" in worker.output
        assert "-a max_pages has no effect without the frontier" in worker.output

"""Parts of other people's making that raise, drop or repeat: every URL still comes to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider import settings as project
from tests.crawl.hostile import document, hostile, page, reply
from tests.support import INJECTED, until

if TYPE_CHECKING:
    from tests.crawl.hostile import Request
    from tests.support import Fleet

DOWNLOADER_MIDDLEWARES = {
    "RaisingRequest": {"internal-error"},
    "RaisingResponse": {"internal-error"},
    "Ignoring": {"other"},
    "Answering": {"internal-error"},
    "Repeating": {"page", "document"},
}
PIPELINES = {
    "RaisingItem": {"store-error"},
    "LateRaisingItem": {"store-error"},
    "Dropping": {"page", "other"},
    "Unsendable": {"internal-error", "document"},
    "LateDropping": {"page", "document"},
}
BUGS = {"parse": {"internal-error"}, "late": {"page", "document"}, "failed/broken": {"internal-error"}}
SPIDER_MIDDLEWARES = {
    "RaisingInput": {"internal-error"},
    "RaisingOutput": {"internal-error"},
    "Swallowing": {"internal-error"},
}
SETTINGS = {
    "SPIDER_MODULES": f"pdfspider.spiders,{INJECTED}",
    "RETRY_TIMES": 1,
    "DOWNLOADER_MIDDLEWARES": {f"{INJECTED}.{name}": 500 for name in DOWNLOADER_MIDDLEWARES},
    "ITEM_PIPELINES": {
        **project.ITEM_PIPELINES,
        **{f"{INJECTED}.{name}": 900 if name.startswith("Late") else 100 for name in PIPELINES},
    },
}


@pytest.mark.parametrize("middlewares", [{}, SPIDER_MIDDLEWARES], ids=["lean", "spider-middlewares"])
def test_no_url_is_lost(fleet: Fleet, middlewares: dict[str, set[str]]) -> None:
    expected = {**DOWNLOADER_MIDDLEWARES, **PIPELINES, **BUGS, **middlewares, "fine": {"page", "document"}}
    paths = {f"/{part}/{end}": part for part in expected for end in ("1", "2.pdf")}
    settings = {**SETTINGS, "SPIDER_MIDDLEWARES": {f"{INJECTED}.{name}": 500 for name in middlewares}}
    with hostile({"/": page(*paths)}) as server:
        server.answers |= {path: reply(document(path)) if path.endswith("pdf") else page() for path in paths}
        server.answers |= {path: lambda request: request.hang() for path in paths if "/broken/" in path}
        fleet.start(server.url(), spider="unlucky", PDF_IDLE_TIMEOUT=1, **settings).finish()
        outcomes: dict[str, set[str]] = {part: set() for part in expected}
        for row in fleet.rows(f"url != '{server.url()}'"):
            outcomes[paths[row["url"].partition(str(server.port))[2]]].add(row["outcome"])
        assert outcomes == expected
        job = fleet.job()
        assert (job["queued"], job["delayed"], job["leased"]) == (0, 0, 0)
        assert job["done"] + job["dead"] == len(fleet.rows()) == len(paths) + 1


def test_an_ending_that_redis_refuses_is_made_again(fleet: Fleet) -> None:
    with hostile({}) as server, fleet.client() as client:

        def answer(request: Request) -> None:
            if len(server.paths()) == 1:
                client.execute_command("ACL", "SETUSER", "default", "-evalsha")
            request.send(reply(document("d")))

        server.answers["/d.pdf"] = answer
        try:
            worker = fleet.start(server.url("/d.pdf"), ROBOTSTXT_OBEY=False, FRONTIER_LEASE_SECONDS=2)
            until(lambda: "/d.pdf is not committed: " in worker.output)
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+evalsha")
        worker.finish()
        assert fleet.outcomes() == {server.url("/d.pdf"): "document"}
        assert server.paths() == ["/d.pdf"] * 2
    fleet.audit()


@pytest.mark.parametrize("part", ["RaisingRobots", "AnsweringRobots"])
def test_a_robots_txt_that_a_middleware_breaks(fleet: Fleet, part: str) -> None:
    with hostile({"/": page()}) as server:
        fleet.crawl(server.url(), RETRY_TIMES=1, DOWNLOADER_MIDDLEWARES={f"{INJECTED}.{part}": 500})
        assert server.paths() == []
        assert fleet.outcomes() == {server.url(): "internal-error"}
    fleet.audit()

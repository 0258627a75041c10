"""Parts of other people's making that raise, drop or repeat: every URL still comes to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pdfspider import settings as project
from tests.crawl.hostile import document, hostile, page, reply
from tests.crawl.injected import UNLUCKY
from tests.support import INJECTED

if TYPE_CHECKING:
    from tests.support import Fleet


def downloader(name: str) -> dict[str, Any]:
    return {"DOWNLOADER_MIDDLEWARES": {f"{INJECTED}.{name}": 543}}


def spider(name: str) -> dict[str, Any]:
    return {"SPIDER_MIDDLEWARES": {f"{INJECTED}.{name}": 543}}


def pipeline(name: str, order: int = 100) -> dict[str, Any]:
    return {"ITEM_PIPELINES": {**project.ITEM_PIPELINES, f"{INJECTED}.{name}": order}}


CASES = {
    "downloader-request": (downloader("RaisingRequest"), "internal-error"),
    "downloader-response": (downloader("RaisingResponse"), "internal-error"),
    "downloader-ignores": (downloader("Ignoring"), "other"),
    "downloader-answers": (downloader("Answering"), "internal-error"),
    "downloader-repeats": (downloader("Repeating"), "page document"),
    "spider-input": (spider("RaisingInput"), "internal-error"),
    "spider-output": (spider("RaisingOutput"), "internal-error"),
    "spider-swallows": (spider("Swallowing"), "internal-error"),
    "pipeline-raises": (pipeline("RaisingItem"), "store-error"),
    "pipeline-raises-last": (pipeline("RaisingItem", 900), "store-error"),
    "pipeline-drops": (pipeline("Dropping"), "page other"),
    "pipeline-drops-last": (pipeline("Dropping", 900), "page document"),
    "spider-raises": ({"SPIDER": "unlucky"}, "internal-error"),
    "spider-raises-late": ({"SPIDER": "late"}, "page document"),
    "errback-raises": ({"SPIDER": "errback", **downloader("RaisingRequest")}, "internal-error"),
}


@pytest.mark.parametrize("case", CASES)
def test_no_url_is_lost(fleet: Fleet, case: str) -> None:
    settings, expected = CASES[case]
    name = settings.get("SPIDER", "pdfs")
    given = {key: value for key, value in settings.items() if key != "SPIDER"}
    given |= {"SPIDER_MODULES": f"pdfspider.spiders,{INJECTED}"} if name != "pdfs" else {}
    with hostile({"/": page(f"{UNLUCKY}/1", f"{UNLUCKY}/2.pdf", "/fine", "/fine.pdf")}) as server:
        server.answers |= {f"{UNLUCKY}/1": page(), "/fine": page(), "/fine.pdf": reply(document("fine"))}
        server.answers[f"{UNLUCKY}/2.pdf"] = reply(document("unlucky"))
        fleet.start(server.url(), spider=name, RETRY_TIMES=1, **given).finish(20)
        outcomes = fleet.outcomes()
        unlucky = {outcomes.pop(server.url(f"{UNLUCKY}/{end}")) for end in ("1", "2.pdf")}
        assert unlucky == set(expected.split())
        assert outcomes == {server.url("/"): "page", server.url("/fine"): "page", server.url("/fine.pdf"): "document"}
        job = fleet.job()
        assert (job["queued"], job["delayed"], job["leased"], job["done"] + job["dead"]) == (0, 0, 0, 5)


def test_a_robots_txt_that_a_middleware_breaks(fleet: Fleet) -> None:
    with hostile({"/": page()}) as server:
        fleet.start(server.url(), RETRY_TIMES=1, **downloader("RaisingRobots")).finish(20)
        assert server.paths() == []
        assert fleet.outcomes() == {server.url(): "internal-error"}
    fleet.audit()

"""Parts of other people's making that raise, drop or repeat: every URL still comes to its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pdfspider import settings as project
from tests.crawl.hostile import document, hostile, page, reply, unmeasured
from tests.support import INJECTED, leftovers, until

if TYPE_CHECKING:
    from tests.crawl.hostile import Request
    from tests.support import Fleet

DOWNLOADER_MIDDLEWARES = {
    "RaisingRequest": {"internal-error"},
    "RaisingResponse": {"internal-error"},
    "Ignoring": {"other"},
    "ResultPublisher": {"page"},
    "Repeating": {"page", "document"},
}
PIPELINES = {
    "RaisingItem": {"pipeline-error"},
    "LateRaisingItem": {"pipeline-error"},
    "Dropping": {"page", "other"},
    "Forgetting": {"pipeline-error"},
    "Replacing": {"pipeline-error"},
    "Clearing": {"page", "pipeline-error"},
    "Copying": {"page", "document"},
    "LateForgetting": {"page", "document"},
    "Unsendable": {"internal-error", "document"},
    "LateDropping": {"page", "document"},
}
BUGS = {"parse": {"internal-error", "document"}, "late": {"page", "document"}, "failed/broken": {"internal-error"}}
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
        fleet.start(server.url(), spider="unlucky", PDF_IDLE_TIMEOUT=1, DOWNLOAD_TIMEOUT=1, **settings).finish()
        outcomes: dict[str, set[str]] = {part: set() for part in expected}
        for row in fleet.rows(f"url != '{server.url()}'"):
            outcomes[paths[row["url"].partition(str(server.port))[2]]].add(row["outcome"])
        assert outcomes == expected
        job = fleet.job()
        assert (job["queued"], job["delayed"], job["leased"]) == (0, 0, 0)
        assert job["done"] + job["dead"] == len(fleet.rows()) == len(paths) + 1
        assert fleet.files() == {row["sha256"] for row in fleet.rows("sha256 IS NOT NULL")}
        counted = Counter(seen.path for seen in server.seen)
        assert not [path for path in paths if counted[path] > 1 and paths[path] not in ("failed/broken", "Repeating")]


def ended(fleet: Fleet) -> int:
    job = fleet.status()["jobs"].get("default", {"done": 0, "dead": 0})
    return int(job["done"] + job["dead"])


def test_what_was_staged_is_gone_while_the_worker_runs(fleet: Fleet) -> None:
    parts = ["RaisingResponse", *(part for part in PIPELINES if part != "Unsendable"), "parse", "late", "fine"]
    with hostile({}) as server:
        for part in parts:
            server.answers[f"/{part}/1.pdf"] = reply(document(part, 2_000_000))
        server.answers["/cut/1.pdf"] = unmeasured(document("cut", 2_000_000)[:-1000])
        settings = {**SETTINGS, "RETRY_TIMES": 0, "PDF_RESUME_TIMES": 0, "DOWNLOAD_MAXSIZE": 3_000_000}
        server.answers["/large/1.pdf"] = reply(document("large", 4_000_000))
        worker = fleet.start(spider="unlucky", **settings)
        fleet.push(*(server.url(path) for path in server.answers))
        until(lambda: ended(fleet) == len(server.answers))
        until(lambda: not leftovers(fleet.data / "files"))
        assert worker.process.poll() is None
        assert fleet.row(server.url("/large/1.pdf"))["outcome"] == "too-large"
        assert fleet.files() == {row["sha256"] for row in fleet.rows("sha256 IS NOT NULL")}
        worker.dismiss()


def test_the_item_signals_are_sent(fleet: Fleet) -> None:
    ends = {"RaisingItem": "item_error", "Forgetting": "item_error", "Dropping": "item_dropped", "fine": "item_scraped"}
    with hostile({f"/{part}/1.pdf": reply(document(part)) for part in ends}) as server:
        extensions = {f"{INJECTED}.StartLog": 0, f"{INJECTED}.ItemLog": 0}
        worker = fleet.crawl(*map(server.url, server.answers), EXTENSIONS=extensions, **SETTINGS)
        for part, signal in ends.items():
            assert f"{signal} {server.url(f'/{part}/1.pdf')}" in worker.output
        assert worker.output.count("item_scraped") == 1


@pytest.mark.parametrize("pipelines", [{}, {f"{INJECTED}.Dropping": 500}], ids=["none", "others"])
def test_our_pipelines_are_there_whatever_others_are(fleet: Fleet, pipelines: dict[str, int]) -> None:
    with hostile({"/d.pdf": reply(document("d"))}) as server:
        fleet.crawl(server.url("/d.pdf"), ITEM_PIPELINES=pipelines)
        assert fleet.outcomes() == {server.url("/d.pdf"): "document"}
    fleet.audit()


def test_pipelines_that_cannot_work_are_refused(fleet: Fleet) -> None:
    worker = fleet.start("http://127.0.0.1/", ITEM_PIPELINES={"scrapy.pipelines.files.FilesPipeline": 1})
    assert worker.wait() != 0
    assert "make it a subclass of pdfspider.crawl.store.pipelines.PdfFilesPipeline" in worker.output
    assert "Traceback" not in worker.output


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


def test_a_robots_txt_that_a_middleware_answers(fleet: Fleet) -> None:
    with hostile({"/": page()}) as server:
        fleet.crawl(server.url(), DOWNLOADER_MIDDLEWARES={f"{INJECTED}.AnsweringRobots": 500})
        assert server.paths() == ["/"]
        assert fleet.outcomes() == {server.url(): "page"}
    fleet.audit()


def test_a_robots_txt_that_a_middleware_breaks(fleet: Fleet) -> None:
    with hostile({"/": page()}) as server:
        fleet.crawl(server.url(), RETRY_TIMES=1, DOWNLOADER_MIDDLEWARES={f"{INJECTED}.RaisingRobots": 500})
        assert server.paths() == []
        assert fleet.outcomes() == {server.url(): "internal-error"}
    fleet.audit()

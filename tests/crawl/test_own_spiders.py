"""Subclasses of the spider that yield requests: the frontier keeps them, and any worker calls their callbacks."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.crawler import Crawler

from pdfspider.crawl.extract.spider_requests import load
from pdfspider.exceptions import ConfigurationError, RequestRefused
from pdfspider.frontier.entries import Entry
from pdfspider.spiders.pdfs import PdfSpider
from pdfspider.submission.seeds import seed
from tests.crawl.hostile import document, hostile, page, redirect, reply
from tests.crawl.own_spiders import AttributesSpider, ForgetfulSpider
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crawl.hostile import Hostile, Request
    from tests.support import Fleet

SPIDERS = "tests.crawl.own_spiders"
MODULES = {"SPIDER_MODULES": f"pdfspider.spiders,{SPIDERS}"}
MIDDLEWARES: list[dict[str, Any]] = [{}, {"SPIDER_MIDDLEWARES": {f"{SPIDERS}.PlainMiddleware": 500}}]


def feed(path: Path) -> dict[str, Any]:
    return {"FEEDS": {str(path): {"format": "jsonlines"}}}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def serve_catalogue(server: Hostile) -> None:
    index = b"<title>Index</title><a class=chapter href=/1>1</a><a class=chapter href=/2>2</a><a href=/aside.pdf>A</a>"
    answers = iter([b"more", b"more", b"enough"])
    listed = json.dumps({"padding": "x" * 5000, "pdfs": ["/api.pdf"]}).encode()

    def api(request: Request) -> None:
        known = "X-Asked: yes" in request.headers and "who=me" in request.headers
        request.send(reply(listed if known else b"{}", "application/json"))

    server.answers |= {
        "/": reply(index, "text/html"),
        "/1": page("/1.pdf"),
        "/2": page("/2.pdf"),
        "/api?page=1": api,
        "/missing": reply(b"gone", "text/html", status="404 Not Found"),
        "/missing?status=404": page(),
        "/moved": redirect(server.url("/target", host=2)),
        "/target": page("/target.pdf"),
        "/again": lambda request: request.send(reply(next(answers), "text/plain")),
        **{f"/{name}.pdf": reply(document(name)) for name in ("1", "2", "api", "target", "aside")},
    }


@pytest.mark.parametrize("middlewares", MIDDLEWARES, ids=["lean", "spider-middlewares"])
def test_a_spider_that_finds_its_own_way(fleet: Fleet, tmp_path: Path, middlewares: dict[str, Any]) -> None:
    items = tmp_path / "items.jl"
    with hostile() as server:
        serve_catalogue(server)
        fleet.start(server.url(), spider="catalogue", **MODULES, **middlewares, **feed(items)).finish()
        outcomes = Counter(fleet.row(url)["outcome"] for url in fleet.outcomes() if not url.endswith("/again"))
        assert outcomes == {"page": 6, "document": 4, "not-found": 1, "redirect": 1}
        asked = Counter(server.paths())
        assert (asked["/again"], asked["/aside.pdf"]) == (3, 0)
        found = {line["url"]: (line["name"], line["from"]) for line in lines(items) if line.get("sha256")}
        assert found == {
            server.url("/1.pdf"): ("none", server.url()),
            server.url("/2.pdf"): ("none", server.url()),
            server.url("/api.pdf"): ("api", None),
            server.url("/target.pdf", host=2): ("moved", None),
        }
        assert [line for line in lines(items) if "outcome" not in line] == [{"title": "Index"}]
        assert {row["technique"] for row in fleet.rows("found_on IS NOT NULL")} == {"request"}


def test_what_cannot_be_kept_is_refused_with_its_reason(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers |= {"/": page("/1.pdf"), "/1.pdf": reply(document("1")), "/own": page()}
        worker = fleet.start(server.url(), spider="refused", **MODULES).finish()
        assert fleet.outcomes() == {server.url(): "page", server.url("/1.pdf"): "document", server.url("/own"): "page"}
        reasons = {
            "/lambda": "is not a method of the spider, so workers cannot find it by its name",
            "/put": "a PUT request: only GET and POST are sent",
            "/object": "its meta['item'] is not JSON: Object of type object is not JSON serializable",
            "/tuple": "its cb_kwargs['pair'] would not come back from JSON as it is: (1, 2)",
            "/large": "bytes, not at most 16,384",
            "data:text/html,x": "is not fetched: ",
        }
        for path, reason in reasons.items():
            assert [line for line in worker.output.splitlines() if path in line and reason in line], path
        assert fleet.row(server.url())["reason"].startswith("6 of its requests are refused: ")
        assert "Traceback" not in worker.output
    fleet.audit()


def test_another_worker_calls_the_callback(fleet: Fleet, tmp_path: Path) -> None:
    asked = []

    def listed(request: Request) -> None:
        asked.append(request.path)
        if len(asked) == 1:
            request.hang()
        request.send(page("/1.pdf"))

    settings = {**MODULES, "FRONTIER_LEASE_SECONDS": 2}
    with hostile({"/": page(), "/list": listed, "/1.pdf": reply(document("1"))}) as server:
        first = fleet.start(server.url(), spider="hanging", **settings)
        until(lambda: asked)
        first.kill()
        fleet.start(server.url(), spider="hanging", **settings, **feed(tmp_path / "items.jl")).finish()
        (line,) = [line for line in lines(tmp_path / "items.jl") if line["url"].endswith("/list")]
        assert (line["title"], line["page"], line["depth_"], line["attempt"]) == ("Ä", 1, 1, 2)
        assert line["job_"] == "its own"
        assert fleet.row(server.url("/1.pdf"))["outcome"] == "document"
    fleet.audit()


def test_an_entry_keeps_its_request() -> None:
    entry = seed("http://a.test/").child(request='{"callback":"parse"}')
    assert Entry.unpack(entry.pack()).request == entry.request
    assert Entry.unpack(seed("http://a.test/").pack()).request == ""


@pytest.mark.parametrize("name", ["listed", "_set_crawler", "settings", "no_such", "__init__"])
def test_a_worker_whose_spider_has_no_such_callback_says_so(name: str) -> None:
    """Also where the frontier holds the name of something else: only methods of the spider itself are callbacks."""
    spider = PdfSpider()
    with pytest.raises(RequestRefused, match=f"the spider pdfs of this worker has no method '{name}', its callback"):
        load(spider, json.dumps({"callback": name}))
    assert load(spider, '{"callback": "parse", "meta": {"a": 1}}') == {"callback": spider.parse, "meta": {"a": 1}}


def test_attributes_that_mean_a_setting() -> None:
    """As Scrapy's middlewares read them, from the class or from an argument."""
    crawler = Crawler(AttributesSpider, {"USER_AGENT": "other"})
    AttributesSpider.from_crawler(crawler, download_timeout="20")
    names = ("USER_AGENT", "DOWNLOAD_TIMEOUT", "DOWNLOAD_MAXSIZE")
    assert [crawler.settings[name] for name in names] == ["mine", "20", 500]


def test_an_argument_that_a_script_misspells_is_refused() -> None:
    """The worker would wait for URLs for ever; a subclass takes what it is given, as Scrapy's spiders do."""
    with pytest.raises(ConfigurationError, match="no such argument: url "):
        PdfSpider.from_crawler(Crawler(PdfSpider), url="https://example.org/", _job="1", name="own")
    assert AttributesSpider.from_crawler(Crawler(AttributesSpider), colour="red").colour == "red"


def test_a_subclass_that_does_not_call_its_base_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"ForgetfulSpider.__init__\(\) must call super"):
        ForgetfulSpider.from_crawler(Crawler(ForgetfulSpider))


def test_start_urls_an_argument_and_a_coroutine(fleet: Fleet) -> None:
    pages = {"/1": page("/1.pdf"), "/2": page(), "/1.pdf": reply(document("1"))}
    with hostile({**pages, "/3": page()}) as server:
        site = server.url().rstrip("/")
        for _ in range(2):  # two workers with the same spider have one job
            fleet.start(spider="start-urls", arguments={"site": site}, **MODULES)
        for worker in fleet.workers:
            worker.finish()
        assert set(fleet.outcomes()) == {f"{site}{path}" for path in pages}
        assert list(fleet.status()["jobs"]) == ["start-urls"]
        fleet.start(server.url("/3"), spider="start-urls", arguments={"site": site}, **MODULES).finish()
        assert [row["url"] for row in fleet.rows("job != 'start-urls'")] == [server.url("/3")]
    fleet.audit()


@pytest.mark.parametrize("mode", ["plain", "bad"])
def test_start_of_a_subclass(fleet: Fleet, tmp_path: Path, mode: str) -> None:
    items = tmp_path / "items.jl"
    with hostile({"/first": page("/1.pdf"), "/1.pdf": reply(document("1"))}) as server:
        site = server.url().rstrip("/")
        arguments = {"site": site, "mode": mode, "job": "mine"}
        worker = fleet.start(spider="start", arguments=arguments, **MODULES, **feed(items))
        assert worker.wait() == (0 if mode == "plain" else 1)
        assert {row["url"]: (row["job"], row["outcome"]) for row in fleet.rows()} == {
            f"{site}/first": ("mine", "page"),
            f"{site}/1.pdf": ("mine", "document"),
        }
        assert {"started": site} in lines(items)
        assert [line["number"] for line in lines(items) if line.get("technique") == "seed"] == [1]
        assert ("is not a method of the spider" in worker.output) == (mode == "bad")
        assert ("RuntimeError" in worker.output) == (mode == "bad")


def test_many_start_requests(fleet: Fleet) -> None:
    """More than are submitted at once."""
    with hostile({"/robots.txt": reply(b"User-agent: *\nDisallow: /many", "text/plain"), "/first": page()}) as server:
        site = server.url().rstrip("/")
        fleet.start(spider="start", arguments={"site": site, "mode": "many"}, **MODULES).finish()
        job = fleet.job()
        assert job["classes"] == {"page": 1, "robots-denied": 1_100}


def test_ways_to_begin_that_have_gone_are_named(fleet: Fleet) -> None:
    worker = fleet.start(spider="old", **MODULES)
    assert worker.wait() == 1
    assert "OldSpider.start_requests() is never called here: use start()" in worker.output
    assert "OldSpider.make_request_from_data() is never called here" in worker.output
    assert "<GET file:///etc/passwd> is not fetched: " in worker.output
    assert "Traceback" not in worker.output

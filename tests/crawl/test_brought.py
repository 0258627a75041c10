"""What Scrapy users bring along: pipelines that look at items, feeds, statistics, signals, subclasses."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.crawl.hostile import document, hostile, page, redirect, reply
from tests.support import INJECTED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crawl.hostile import Request
    from tests.support import Fleet

BROUGHT = "tests.crawl.brought"
ROBOTS = b"User-agent: nutch\nDisallow: /theirs\n\nUser-agent: *\nDisallow: /mine"
FORMATS = {"jl": "jsonlines", "csv": "csv", "xml": "xml"}


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notes.json"
    monkeypatch.setenv("NOTES", str(path))
    return path


def test_items_feeds_statistics_and_signals(fleet: Fleet, tmp_path: Path, notes: Path) -> None:
    with hostile() as server:
        server.answers |= {
            "/": page("/1.pdf", "/2.pdf", "/moved", "/gone", "/down", "/forbidden"),
            "/1.pdf": reply(document("1")),
            "/2.pdf": reply(document("2", 1_500_000)),
            "/moved": b"HTTP/1.1 302 Found\r\nLocation: /1.pdf?moved\r\nContent-Length: 0\r\n\r\n",
            "/1.pdf?moved": reply(document("moved")),
            "/down": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            "/robots.txt": reply(b"User-agent: *\nDisallow: /forbidden", "text/plain"),
        }
        feeds = {str(tmp_path / f"items.{form}"): {"format": name} for form, name in FORMATS.items()}
        fleet.crawl(
            server.url(),
            FEEDS=feeds,
            ITEM_PIPELINES={f"{BROUGHT}.Describing": 100, f"{BROUGHT}.LateDescribing": 350},
            EXTENSIONS={f"{INJECTED}.StartLog": 0, f"{BROUGHT}.Noting": 0},
            RETRY_TIMES=1,
        )
        outcomes = fleet.outcomes()
        assert Counter(outcomes.values()) == {
            "page": 1, "document": 3, "not-found": 1, "server-error": 1, "robots-denied": 1
        }  # fmt: skip
        lines = [json.loads(line) for line in (tmp_path / "items.jl").read_text().splitlines()]
        assert {line["url"]: line["outcome"] for line in lines} == outcomes
        assert len(lines) == len(outcomes)
        assert {line["head"] for line in lines if line["outcome"] == "document"} == {"%PDF"}
        assert {line["site"] for line in lines} == {server.url().split("/")[2]}
        (moved,) = [line for line in lines if line["url"].endswith("/moved")]
        assert moved["hops"] == [[302, server.url("/moved")]]
        with (tmp_path / "items.csv").open(newline="") as file:
            assert {row["url"]: row["outcome"] for row in csv.DictReader(file)} == outcomes
        assert (tmp_path / "items.xml").read_text().count("<item>") == len(outcomes)
        check_notes(json.loads(notes.read_text()))
    fleet.audit()


def check_notes(noted: dict[str, Any]) -> None:
    stats, signals = noted["stats"], noted["signals"]
    expected = {
        "downloader/request_count": 9,
        "downloader/response_count": 9,
        "downloader/response_status_count/200": 5,
        "downloader/response_status_count/302": 1,
        "downloader/response_status_count/404": 1,
        "downloader/response_status_count/500": 2,
        "item_scraped_count": 7,
        "httperror/response_ignored_count": 2,
        "httperror/response_ignored_status_count/404": 1,
        "httperror/response_ignored_status_count/500": 1,
        "retry/count": 1,
        "retry/reason_count/500 Internal Server Error": 1,
        "retry/max_reached": 1,
        "robotstxt/request_count": 1,
        "robotstxt/response_count": 1,
        "robotstxt/response_status_count/200": 1,
        "robotstxt/forbidden": 1,
        "finish_reason": "finished",
    }
    assert {name: stats.get(name) for name in expected} == expected
    assert stats["downloader/response_bytes"] > 1_500_000
    assert stats["memusage/max"] > 0
    sent = {
        **dict.fromkeys(("engine_started", "spider_opened", "spider_idle", "spider_closed", "robots_parsed"), 1),
        "request_scheduled": 8,
        "request_reached_downloader": 8,
        "request_left_downloader": 8,
        "response_downloaded": 8,
        "response_received": 8,
        "item_scraped": 7,
    }
    assert {name: signals.get(name) for name in sent} == sent
    assert signals["headers_received"] == 9
    assert signals["scheduler_empty"]
    assert signals["bytes_received"] >= 7


def test_who_listens_may_feed_and_end_the_spider(fleet: Fleet) -> None:
    extensions = {f"{BROUGHT}.IdleFeeding": 0, f"{BROUGHT}.Ignoring": 0, f"{INJECTED}.StartLog": 0}
    with hostile({"/": page("/ignored"), "/1": page(), "/2": page("/3"), "/3": page()}) as server:
        worker = fleet.crawl(server.url(), EXTENSIONS=extensions, LOG_LEVEL="INFO")
        assert {url.removeprefix(server.url()): end for url, end in fleet.outcomes().items()} == {
            "": "page",
            "ignored": "other",
            "1": "page",
            "2": "page",
            "3": "page",
        }
        assert "/ignored" not in server.paths()
        assert "Closing spider (fed)" in worker.output


def test_settings_that_mean_what_they_say(fleet: Fleet) -> None:
    long = "/" + "x" * 200 + ".pdf"
    with hostile() as server:
        server.answers |= {
            "/": page("/moved", "/down", "/mine.pdf", "/theirs.pdf", long),
            "/moved": redirect("/elsewhere.pdf"),
            "/down": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            "/mine.pdf": reply(document("mine")),
            "/robots.txt": reply(
                b"User-agent: nutch\nDisallow: /theirs\n\nUser-agent: *\nDisallow: /mine", "text/plain"
            ),
        }
        worker = fleet.crawl(
            server.url(),
            REDIRECT_ENABLED=False,
            RETRY_ENABLED=False,
            ROBOTSTXT_USER_AGENT="nutch",
            URLLENGTH_LIMIT=150,
            TELNETCONSOLE_ENABLED=False,
            JOBDIR="jobs/1",
        )
        assert {url.removeprefix(server.url()): outcome for url, outcome in fleet.outcomes().items()} == {
            "": "page",
            "moved": "redirect",
            "down": "server-error",
            "mine.pdf": "document",
            "theirs.pdf": "robots-denied",
        }
        assert server.paths().count("/down") == 1
        assert worker.output.count("JOBDIR has no effect here: the frontier keeps what is left") == 1
        assert worker.output.count("has no effect") == 1
    fleet.audit()


def test_a_spider_that_is_closed_at_once_says_so(fleet: Fleet) -> None:
    worker = fleet.start(EXTENSIONS={f"{BROUGHT}.Unwilling": 0})
    assert worker.wait() == 0
    assert "Ended (unwilling) before it began" in worker.output


def test_no_reactor_is_needed(fleet: Fleet) -> None:
    """Scrapy puts in other download handlers then, which know nothing of documents."""
    with hostile({"/": page("/1.pdf"), "/1.pdf": reply(document("1", 1_500_000))}) as server:
        fleet.crawl(server.url(), TWISTED_REACTOR_ENABLED=False)
        assert fleet.outcomes() == {server.url(): "page", server.url("/1.pdf"): "document"}
        assert len(fleet.starts()) == len(server.seen)
    fleet.audit()


@pytest.mark.parametrize(("enabled", "outcome"), [(True, "document"), (False, "redirect-loop")])
def test_cookies_on_the_way_may_be_left_out(fleet: Fleet, enabled: bool, outcome: str) -> None:
    """A page that redirects to itself until its cookie comes back."""

    def gate(request: Request) -> None:
        moved = b"HTTP/1.1 302 Found\r\nLocation: /gate\r\nSet-Cookie: seen=1\r\nContent-Length: 0\r\n\r\n"
        request.send(reply(document("gate")) if "seen=1" in request.headers else moved)

    with hostile({"/gate": gate}) as server:
        fleet.crawl(server.url("/gate"), COOKIES_ENABLED=enabled)
        assert fleet.outcomes() == {server.url("/gate"): outcome}


def test_a_subclass_with_an_asynchronous_parse_and_an_argument(fleet: Fleet, tmp_path: Path) -> None:
    with hostile({"/1.pdf": reply(document("1"))}) as server:
        items = tmp_path / "items.jl"
        modules = ["pdfspider.spiders", BROUGHT]
        settings = {"SPIDER_MODULES": ",".join(modules), "FEEDS": {str(items): {"format": "jsonlines"}}}
        fleet.start(server.url("/1.pdf"), arguments={"mode": "own"}, spider="asynchronous", **settings).finish()
        (line,) = [json.loads(line) for line in items.read_text().splitlines()]
        assert (line["mode"], line["outcome"]) == ("own", "document")


REFUSED = {
    "TWISTED_REACTOR=twisted.internet.epollreactor.EPollReactor": "cannot be used: a worker needs twisted.internet.asy",
    "ASYNCIO_EVENT_LOOP=no.such.Loop": "ASYNCIO_EVENT_LOOP='no.such.Loop' cannot be used",
    "DOWNLOADER=scrapy.core.downloader.Downloader": "DOWNLOADER=scrapy.core.downloader.Downloader knows nothing",
}


@pytest.mark.parametrize("setting", REFUSED)
def test_parts_that_cannot_work_are_refused_in_one_line(fleet: Fleet, setting: str) -> None:
    name, _, value = setting.partition("=")
    worker = fleet.start(EXTENSIONS=None, **{name: value})
    assert worker.wait() in (1, 2)
    assert REFUSED[setting] in worker.output
    assert "Traceback" not in worker.output


def test_who_listens_may_stop_downloads(fleet: Fleet) -> None:
    """A page is kept as far as it came, where the listener says so; a document never is."""
    long = b"<a href=/found>F</a>" + b"<p>more" * 400_000
    paths = [f"/{part}{way}{kind}" for part in ("head", "part") for way in ("", "-fail") for kind in ("", ".pdf")]
    with hostile() as server:
        pages = {path: reply(long, "text/html") for path in paths}
        documents = {path: reply(document(path, 1_500_000)) for path in paths if path.endswith(".pdf")}
        server.answers |= {"/": page(*paths), "/found": page(), **pages, **documents}
        worker = fleet.crawl(server.url(), EXTENSIONS={f"{INJECTED}.StartLog": 0, f"{BROUGHT}.Stopping": 0})
        rows = {path: fleet.row(server.url(path)) for path in (*paths, "/found")}
    assert {path for path, row in rows.items() if row["outcome"] == "page"} == {"/part", "/found"}
    assert 20 < rows["/part"]["size"] < len(long)
    stopped = {path for path, row in rows.items() if row["reason"] == "who listens to its download stopped it"}
    assert stopped == set(paths) - {"/part", "/head", "/head.pdf"}
    assert {rows[path]["outcome"] for path in (*stopped, "/head", "/head.pdf")} == {"other"}
    assert not fleet.files()
    assert "Traceback" not in worker.output
    fleet.audit()


def test_responses_are_cached(fleet: Fleet, tmp_path: Path) -> None:
    """A second job asks for nothing that the first one has brought, whatever its size, but for what is too large."""
    settings = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path / "cache"), "PDF_ONLY_IF_CHANGED": False}
    with hostile() as server:
        server.answers |= {
            "/": page("/small.pdf", "/large.pdf", "/huge.pdf", "/moved", "/image"),
            "/small.pdf": reply(document("small")),
            "/large.pdf": reply(document("large", 3_000_000)),
            "/huge.pdf": reply(document("huge", 17 * 1024**2)),
            "/moved": redirect(server.url("/small.pdf?moved")),
            "/small.pdf?moved": reply(document("moved")),
            "/image": reply(b"\x89PNG" * 1000, "image/png"),
        }
        for job in ("first", "second"):
            fleet.crawl(server.url(), arguments={"job": job}, **settings)
        asked = Counter(server.paths())
        first, second = ({row["url"]: row for row in fleet.rows(f"job = '{job}'")} for job in ("first", "second"))
    del asked["/robots.txt"]
    assert {path for path, times in asked.items() if times == 2} == {"/huge.pdf", "/image"}
    assert len(asked) == len(server.answers)
    assert Counter(row["outcome"] for row in first.values()) == {"page": 1, "document": 4, "other": 1}
    for url, row in first.items():
        assert (second[url]["sha256"], second[url]["size"]) == (row["sha256"], row["size"]), url
    fleet.audit()


def test_items_with_file_urls_and_names_of_ones_own(fleet: Fleet, tmp_path: Path) -> None:
    with hostile({"/": page("/1.pdf", "/sub/1.pdf", "/web")}) as server:
        server.answers |= {
            "/1.pdf": reply(document("1")),
            "/sub/1.pdf": reply(document("2")),
            "/web": page("/3.pdf"),
        }
        feeds = {str(tmp_path / "items.jl"): {"format": "jsonlines"}}
        settings = {"FILES_URLS_FIELD": "papers", "FILES_RESULT_FIELD": "kept", "FEEDS": feeds}
        modules = {"SPIDER_MODULES": f"pdfspider.spiders,{BROUGHT}", "ITEM_PIPELINES": {f"{BROUGHT}.OwnNames": 300}}
        worker = fleet.start(server.url(), spider="file-urls", **modules, **settings).finish()
        assert fleet.outcomes() == {
            server.url(): "page",
            server.url("/1.pdf"): "document",
            server.url("/sub/1.pdf"): "document",
            server.url("/web"): "page",
        }
        lines = [json.loads(line) for line in (tmp_path / "items.jl").read_text().splitlines() if "sha256" in line]
        kept = {line["url"]: line["kept"] for line in lines if line["sha256"]}
        for line in lines:
            if line["sha256"]:
                assert (line["item"], line["ok"]) == ({"title": "../Ä"}, [True])
                (told,) = line["kept"]
                assert (told["url"], told["checksum"], told["status"]) == (line["url"], line["sha256"], "downloaded")
                content = (fleet.data / "files" / told["path"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == line["sha256"]
        paths = sorted(told["path"] for (told,) in kept.values())
        assert paths[1] == "Ä/1.pdf"
        assert paths[0].startswith("Ä/1-")
        assert "papers='not a URL' is not fetched" in worker.output
        assert "<GET ftp://a.test/x.pdf> is not fetched" in worker.output
    fleet.audit()


@pytest.mark.parametrize(
    "settings",
    [{"PDF_FILE_NAMES": "title"}, {"FILES_RESULT_FIELD": "url"}],
    ids="".join,
)
def test_names_that_cannot_be_are_refused(fleet: Fleet, settings: dict[str, str]) -> None:
    worker = fleet.start(**settings)
    assert worker.wait() == 1
    ((name, value),) = settings.items()
    assert re.search(f"{name}='?{value}'? is ", worker.output)
    assert "Traceback" not in worker.output

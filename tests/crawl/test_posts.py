"""Forms and JSON that a subclass of the spider posts."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import FormRequest, Request

from pdfspider.crawl.extract.spider_requests import child, load, without_body
from pdfspider.spiders.pdfs import PdfSpider
from pdfspider.submission.seeds import seed
from tests import fork_server
from tests.crawl.hostile import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Fleet

FORM = b"<form action=/results method=post><input name=page><input type=hidden name=t value=x></form>"
SETTINGS: dict[str, Any] = {"SPIDER_MODULES": "pdfspider.spiders,tests.crawl.own_spiders", "DOWNLOAD_DELAY": 0}


class Handler(BaseHTTPRequestHandler):
    """Answers by path, and notes what it is asked: ``asked`` has method, path, body and type of the body."""

    protocol_version = "HTTP/1.1"

    def __init__(self, asked: list[tuple[str, str, str, str | None]], away: list[str], *args: Any) -> None:
        self._asked, self._away = asked, away
        super().__init__(*args)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path != "/robots.txt":
            self._asked.append((self.command, self.path, body.decode("latin-1"), self.headers["Content-Type"]))
        place, _, status = self.path.partition("-")
        if status:
            target = f"{self._away[0]}/there-{status[0]}" if place == "/away" else "/results"
            self._answer(int(status), b"", Location=target) if len(status) > 1 else self._answer(200, b"<p>there")
        elif self.path.endswith(".pdf") or self.path == "/bytes":
            self._answer(200, document(self.path))
        elif self.path == "/api":
            self._answer(200, json.dumps({"pdf": "/api.pdf"}).encode(), **{"Content-Type": "application/json"})
        else:
            pages = {"/search": FORM, "/search?b": FORM, "/results": b"<a href=/1.pdf>1</a>"}
            self._answer(200 if self.path in pages else 404, pages.get(self.path, b"none"))

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "text/html", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(asked: list[tuple[str, str, str, str | None]]) -> Iterator[str]:
    """Serve on two addresses, and give the origin of the first."""
    away: list[str] = []
    servers = [ThreadingHTTPServer((f"127.0.0.{host}", 0), partial(Handler, asked, away)) for host in (1, 2)]
    away.append(f"http://127.0.0.2:{servers[1].server_port}")
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{servers[0].server_port}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def test_forms_and_json_are_posted(fleet: Fleet, tmp_path: Path) -> None:
    """Each once for a URL and a body; a redirect turns them into GET requests, or keeps them, as its status says."""
    asked: list[tuple[str, str, str, str | None]] = []
    form = "application/x-www-form-urlencoded"
    items = tmp_path / "items.jl"
    with serving(asked) as site:
        feeds = {str(items): {"format": "jsonlines"}}
        worker = fleet.start(spider="forms", arguments={"site": site}, FEEDS=feeds, **SETTINGS).finish()
        assert {fleet.row(f"{site}{path}")["outcome"] for path in ("/bytes", "/api.pdf", "/1.pdf")} == {"document"}
        assert fleet.row(f"{site}/here-302")["outcome"] == "redirect"
    assert sorted(asked, key=str) == sorted(
        [
            ("POST", "/search", "q=%C3%84", form),
            ("POST", "/search?b", "q=b", form),
            ("POST", "/results", "t=x&page=2", form),
            ("GET", "/1.pdf", "", None),
            ("POST", "/api", '{"id": 1}', "application/json"),
            ("GET", "/api.pdf", "", None),
            ("POST", "/gone", "a=b", form),
            ("POST", "/bytes", "\xff\x00", None),
            ("POST", "/here-303", "a=b", form),
            ("GET", "/results", "", None),
            ("POST", "/here-307", "a=b", form),
            ("POST", "/results", "a=b", form),
            ("POST", "/away-303", "a=b", form),
            ("GET", "/there-3", "", None),
            ("POST", "/away-307", "a=b", form),
            ("POST", "/there-3", "a=b", form),
            ("GET", "/here-302", "", None),
        ],
        key=str,
    )
    assert "Traceback" not in worker.output
    fleet.audit()
    command = ["retry", "--class", "not-found", f"-sDATA_DIR={fleet.data}", f"-sREDIS_URL={fleet.redis_url}"]
    done = fork_server.run(["scrapy", *command])
    assert done.stdout == "job forms: 1 request not queued again, which only its spider can make\n"


@pytest.mark.parametrize("body", ["a=Ä", b"\xff\x00"])
def test_what_is_posted_comes_back_from_the_frontier(body: str | bytes) -> None:
    spider = PdfSpider()
    asked = Request("http://a.test/", spider.parse, "POST", body=body, headers={"Content-Type": "x"}, flags=["f"])
    entry = child(spider, seed("http://a.test/"), asked, "", 0)
    again = Request(entry.url, **load(spider, entry.request))
    assert (again.method, again.body, again.flags, again.callback) == ("POST", asked.body, ["f"], spider.parse)
    after = Request(entry.url, **load(spider, without_body(entry.request)))
    assert (after.method, after.body, after.headers, after.callback) == ("GET", b"", {}, spider.parse)


def test_a_url_is_asked_once_for_each_body() -> None:
    spider, page = PdfSpider(), seed("http://a.test/")
    asked = [Request("http://a.test/x"), *(FormRequest("http://a.test/x", formdata={"a": value}) for value in "112")]
    fingerprints = [child(spider, page, request, "", number).fingerprint for number, request in enumerate(asked)]
    assert fingerprints[1] == fingerprints[2]
    assert len(set(fingerprints)) == 3

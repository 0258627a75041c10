"""Parts of users that fail: each URL ends all the same, once, with its reason, and no document is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crawl.hostile import document, hostile, page, reply

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.support import Fleet

FAILING = "tests.crawl.failing"
MODULES = {"SPIDER_MODULES": f"pdfspider.spiders,{FAILING}"}
REASONS = {
    "/pipeline-cancelled": ("pipeline-error", "RuntimeError: CancelledError"),
    "/pipeline-exits": ("pipeline-error", "RuntimeError: SystemExit: 3"),
    "/wrong-type": ("pipeline-error", "PipelineError: Early.process_item left status='200'"),
    "/nameless.pdf": ("pipeline-error", "TypeError: Named.file_path() returned None, not a path"),
    "/adapter": ("pipeline-error", "ValueError: 'nonsense' is not a valid Outcome"),
    "/attribute": ("pipeline-error", "PipelineError: its outcome became trap after it had been recorded as page"),
    "/known": ("pipeline-error", "PipelineError: its outcome became other after it had been recorded as page"),
    "/middleware-cancelled": ("internal-error", "RuntimeError: CancelledError"),
    "/middleware-exits": ("internal-error", "RuntimeError: SystemExit: 3"),
    "/middleware-redis": ("internal-error", "RedisError: its own server is down"),
    "/callback-cancelled": ("internal-error", "parse() raised RuntimeError: CancelledError"),
    "/callback-exits": ("internal-error", "parse() raised RuntimeError: SystemExit: 3"),
    "/raises": ("internal-error", "parse() raised AttributeError: 'NoneType' object has no attribute 'strip'"),
    "/raises.pdf": ("document", "parse() raised AttributeError: 'NoneType' object has no attribute 'strip'"),
    "/raises-missing": ("not-found", "parse() raised AttributeError: 'NoneType' object has no attribute 'strip'"),
}


def test_each_ends_with_its_reason(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    with hostile() as server:
        server.answers |= {path: page() for path in REASONS}
        server.answers |= {path: reply(document(path)) for path in ("/raises.pdf", "/nameless.pdf")}
        server.answers |= {"/": page(*REASONS)}
        del server.answers["/raises-missing"]
        worker = fleet.start(
            server.url(),
            spider="failing",
            ITEM_PIPELINES={f"{FAILING}.Early": 100, f"{FAILING}.Named": 300, f"{FAILING}.Late": 900},
            DOWNLOADER_MIDDLEWARES={f"{FAILING}.Middleware": 500},
            **MODULES,
        ).finish()
        rows = {path: fleet.row(server.url(path)) for path in REASONS}
    assert {path: (row["outcome"], row["reason"]) for path, row in rows.items()} == REASONS
    assert len(fleet.files()) == 1
    assert (tmp_path / "made").read_text() == "x"
    assert worker.output.count("meta['max_retry_times'] of a request has no effect here") == 1
    fleet.audit()


def test_a_callback_for_pages_costs_no_document(fleet: Fleet) -> None:
    with hostile() as server:
        index = reply(b"<a class=list href=/list>L</a>", "text/html")
        server.answers |= {"/": index, "/list": page("/1.pdf"), "/1.pdf": reply(document("1"))}
        worker = fleet.start(server.url(), spider="pages", **MODULES).finish()
        assert fleet.row(server.url("/1.pdf"))["outcome"] == "document"
    assert "Traceback" not in worker.output


def test_what_closes_the_spider_is_visited_again(fleet: Fleet) -> None:
    answers = iter([reply(b"Bandwidth exceeded", "text/html"), page("/1.pdf")])
    with hostile() as server:
        server.answers |= {"/": lambda request: request.send(next(answers)), "/1.pdf": reply(document("1"))}
        settings = {**MODULES, "FRONTIER_RETRY_DELAY": 1}
        worker = fleet.start(server.url(), spider="closing", **settings).finish()
        assert "Ended (bandwidth_exceeded)" in worker.output
        assert not fleet.rows()
        fleet.start(server.url(), spider="closing", **settings).finish()
        assert fleet.outcomes() == {server.url(): "page", server.url("/1.pdf"): "document"}
    fleet.audit()

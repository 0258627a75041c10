"""Links in documents are followed, whatever a document or a worker comes to."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.settings import Settings

from pdfspider.crawl.inspection.pdf_links import PdfLinksPipeline
from pdfspider.spiders.pdfs import PdfSpider
from tests.crawl.hostile import PDF, document, hostile, page, reply
from tests.inspection.malformed import one_page, traps
from tests.inspection.test_crawl import helper_of, inspections
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crawl.hostile import Answer, Hostile, Request
    from tests.support import Fleet

TRAPS = dict(traps())
FOLLOWED = {"PDF_INSPECT": True, "PDF_INSPECT_LINKS": True}
TAGGED = 'ETag: "1"'


def linking(*uris: str) -> bytes:
    """A PDF with an annotation for each URI."""
    number = len(uris)
    references = b" ".join(b"%d 0 R" % (4 + i) for i in range(number))
    links = (b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(%b)>>>>" % uri.encode() for uri in uris)
    return one_page(b"/Annots[%b]" % references, *links)


def site(server: Hostile) -> None:
    """Everything but the first page is found in documents only."""
    first = linking(
        server.url("/second.pdf"),
        server.url("/inner"),
        server.url("/elsewhere", host=2),
        server.url("/elsewhere.pdf", host=2),
        "mailto:a@example.org",
        "relative",
    )
    answers: dict[str, Answer] = {
        "/": page("/first.pdf", "/bomb.pdf"),
        "/first.pdf": lambda request: once(request, reply(first, PDF, TAGGED)),
        "/bomb.pdf": reply(TRAPS["nested-bomb"]),
        "/second.pdf": reply(linking(server.url("/third.pdf"))),
        "/third.pdf": reply(document("third")),
        "/inner": page("/innermost.pdf"),
        "/innermost.pdf": reply(document("innermost")),
        "/relative": page(),
        "/elsewhere.pdf": reply(linking(server.url("/too-far.pdf"))),
    }
    server.answers.update(answers)


def once(request: Request, whole: bytes) -> None:
    request.send(b"HTTP/1.1 304 Not Modified\r\n\r\n" if "If-None-Match" in request.headers else whole)


def test_links_in_documents_belong_to_the_crawl(fleet: Fleet) -> None:
    """A second run, which gets no bytes of the document, follows them too."""
    inside = {"/second.pdf", "/inner", "/elsewhere.pdf", "/relative", "/third.pdf", "/innermost.pdf"}
    with hostile() as server:
        site(server)
        for outcome in ("document", "unchanged"):
            fleet.crawl(server.url(), arguments={"job": "deep"}, **FOLLOWED)
            run = max(row["run"] for row in fleet.rows())
            rows = {row["url"].partition(str(server.port))[2]: row for row in fleet.rows(f"run={run}")}
            assert rows.keys() == {"/", "/first.pdf", "/bomb.pdf", *inside}
            assert rows["/first.pdf"]["outcome"] == outcome
            found = {path: row for path, row in rows.items() if row["technique"] == "pdf-link"}
            assert found.keys() == inside - {"/innermost.pdf"}
            assert {row["depth"] for path, row in found.items() if path != "/third.pdf"} == {2}
            assert (rows["/third.pdf"]["depth"], rows["/third.pdf"]["found_on"]) == (3, server.url("/second.pdf"))
            fleet.audit()
        assert fleet.files() == {row["sha256"] for row in inspections(fleet)}
        assert [row["status"] for row in inspections(fleet) if row["status"] != "ok"] in (["memory"], ["timeout"])
        fleet.crawl(server.url(), arguments={"job": "shallow", "depth": 1}, **FOLLOWED)
        assert len(fleet.rows("job='shallow'")) == 3
        fleet.audit()


@pytest.mark.parametrize(
    "changed",
    [
        {"PDF_INSPECT_LINKS": False},
        {"PDF_INSPECT": False},
        {"PDF_TECHNIQUES_OFF": "a,pdf-link"},
        {"FILES_STORE": "s3://bucket/prefix/"},
    ],
)
def test_nothing_waits_where_links_are_not_followed(tmp_path: Path, changed: dict[str, object]) -> None:
    settings = Settings({"DATA_DIR": str(tmp_path), **FOLLOWED})
    settings.setmodule("pdfspider.settings", priority="default")
    assert PdfLinksPipeline.from_crawler(Crawler(PdfSpider, settings.copy()))
    settings.setdict(changed, priority="cmdline")
    with pytest.raises(NotConfigured):
        PdfLinksPipeline.from_crawler(Crawler(PdfSpider, settings))


def test_a_worker_that_dies_while_it_looks_inside_loses_nothing(fleet: Fleet) -> None:
    with hostile() as server:
        site(server)
        server.answers["/bomb.pdf"] = reply(TRAPS["own-form"])
        patient = {**FOLLOWED, "PDF_INSPECT_TIMEOUT": 7200, "FRONTIER_LEASE_SECONDS": 2, "FRONTIER_GRACE": 0.2}
        for signum in (signal.SIGTERM, signal.SIGKILL):
            worker = fleet.start(server.url(), **patient)
            until(lambda worker=worker: helper_of(worker))
            until(lambda: server.url("/first.pdf") in fleet.outcomes() or len(fleet.files()) > 1)
            worker.send(signum)
            assert worker.wait() == (0 if signum == signal.SIGTERM else -signal.SIGKILL), worker.output
            assert server.url("/bomb.pdf") not in fleet.outcomes()
        fleet.crawl(server.url(), **{**patient, "PDF_INSPECT_TIMEOUT": 1})
        fleet.audit()
        bomb = fleet.row(server.url("/bomb.pdf"))
        assert bomb["outcome"] == "document"
        assert {row["sha256"]: row["status"] for row in inspections(fleet)}[bomb["sha256"]] == "timeout"
        for path in ("/third.pdf", "/innermost.pdf"):
            assert fleet.row(server.url(path))["outcome"] == "document"

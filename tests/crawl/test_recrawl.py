"""A job that is crawled again: what has not changed is not transferred, what has is kept beside what was."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from tests.crawl.hostile import HTML, PDF, Hostile, document, hostile, page, redirect, reply
from tests.support import query

if TYPE_CHECKING:
    from tests.crawl.hostile import Answer, Request
    from tests.support import Fleet

YESTERDAY = "Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n\r\n"
AGAIN = {"job": "again"}


class Site:
    """Counts the bytes of documents that it sends, by path."""

    def __init__(self, server: Hostile) -> None:
        self.server = server
        self.sent: Counter[str] = Counter()
        self.conditions: dict[str, list[str]] = {}

    def put(self, path: str, content: bytes, *headers: str, obeys: bool = True) -> None:
        self.server.answers[path] = self._answer(reply(content, PDF, *headers), headers, obeys)

    def _answer(self, whole: bytes, headers: tuple[str, ...], obeys: bool) -> Answer:
        def answer(request: Request) -> None:
            asked = [line for line in request.headers.splitlines() if line.startswith("If-")]
            self.conditions[request.path] = asked
            values = {line.partition(": ")[2] for line in asked}
            if obeys and values & {line.partition(": ")[2] for line in headers}:
                request.send(NOT_MODIFIED)
            else:
                request.send(whole)
                self.sent[request.path] += len(whole)

        return answer

    def hidden_page(self, *links: str) -> None:
        """A page that would not be seen again if it were asked for with a condition."""
        whole = page(*links).replace(b"\r\n", b'\r\nETag: "page"\r\n', 1)
        self.server.answers["/"] = lambda request: request.send(NOT_MODIFIED if "If-" in request.headers else whole)

    def crawl(self, fleet: Fleet, **settings: object) -> dict[str, str]:
        """The classes of the run, by path."""
        self.sent.clear()
        self.conditions.clear()
        fleet.crawl(self.server.url(), arguments=AGAIN, **settings)
        run = max(row["run"] for row in fleet.rows())
        return {row["url"].partition(str(self.server.port))[2]: row["outcome"] for row in fleet.rows(f"run={run}")}


def last(fleet: Fleet, site: Site, path: str) -> dict[str, object]:
    rows = [row for row in fleet.rows() if row["url"] == site.server.url(path)]
    return max(rows, key=lambda row: row["run"])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fill(site: Site) -> set[str]:
    site.put("/etag.pdf", document("etag"), 'ETag: "1"', YESTERDAY)
    site.put("/weak.pdf", document("weak"), 'ETag: W/"w"')
    site.put("/modified.pdf", document("modified"), YESTERDAY, 'Content-Disposition: attachment; filename="m.pdf"')
    site.put("/target.pdf", document("target"), 'ETag: "t"', YESTERDAY)
    site.server.answers["/moved"] = redirect("/target.pdf")
    site.put("/copy.pdf", document("etag"), 'ETag: "c"')
    links = {"/etag.pdf", "/weak.pdf", "/modified.pdf", "/moved", "/copy.pdf"}
    site.hidden_page(*links)
    return links


def test_a_second_crawl_of_an_unchanged_site_transfers_no_document(fleet: Fleet) -> None:
    with hostile() as server:
        site = Site(server)
        links = fill(site)
        first = site.crawl(fleet)
        assert Counter(first.values()) == {"page": 1, "document": 4, "duplicate": 1}
        assert not any(site.conditions.values())
        files = fleet.files()
        for _ in range(2):  # the third run's last captures are those of the second
            assert site.crawl(fleet) == {"/": "page", **dict.fromkeys(links, "unchanged")}
            assert not site.sent
        assert fleet.files() == files
        assert site.conditions["/target.pdf"] == ['If-None-Match: "t"']  # its redirect may lead elsewhere by now
        row = last(fleet, site, "/modified.pdf")
        assert (row["status"], row["sha256"], row["size"]) == (304, sha256(document("modified")), 3000)
        assert (row["last_modified"], row["disposition_name"]) == (YESTERDAY.partition(": ")[2], "m.pdf")
        assert fleet.job()["classes"] == {"page": 1, "unchanged": 5}
        fleet.audit()


def test_what_has_changed(fleet: Fleet) -> None:
    with hostile() as server:
        site = Site(server)
        links = fill(site)
        site.put("/deaf.pdf", document("deaf"), 'ETag: "d"', obeys=False)
        site.put("/lost.pdf", document("lost"), 'ETag: "l"')
        site.put("/leaves.pdf", document("leaves"), 'ETag: "x"')
        site.hidden_page(*links, "/deaf.pdf", "/lost.pdf", "/leaves.pdf")
        site.crawl(fleet)
        lost = sha256(document("lost"))
        (fleet.data / "files" / lost[:2] / lost[2:4] / f"{lost}.pdf").unlink()
        site.put("/etag.pdf", document("another"), 'ETag: "2"')
        site.put("/new.pdf", document("weak"))
        server.answers["/leaves.pdf"] = reply(b"gone", HTML, status="410 Gone")
        site.hidden_page(*links, "/deaf.pdf", "/lost.pdf", "/leaves.pdf", "/new.pdf", "/never.pdf")

        second = site.crawl(fleet)
        assert second.pop("/etag.pdf") == "document"
        assert second.pop("/leaves.pdf") == "gone"
        assert second.pop("/never.pdf") == "not-found"
        assert second.pop("/new.pdf") in ("document", "duplicate")  # by which of the two was first
        assert second.pop("/") == "page"
        assert set(second.values()) == {"unchanged"}
        assert site.sent.keys() == {"/etag.pdf", "/deaf.pdf", "/lost.pdf", "/new.pdf"}
        assert not site.conditions["/lost.pdf"]

        old = sha256(document("etag"))
        changed, leaves = last(fleet, site, "/etag.pdf"), last(fleet, site, "/leaves.pdf")
        assert changed["sha256"] == sha256(document("another"))
        assert old in str(changed["reason"])
        assert sha256(document("leaves")) in str(leaves["reason"])
        assert {old, lost, sha256(document("leaves")), changed["sha256"]} <= fleet.files()
        assert len(query(fleet.data / "pdfs.db", "SELECT * FROM documents")) == len(fleet.files())
        fleet.audit()

        site.crawl(fleet, PDF_ONLY_IF_CHANGED=False)
        assert not any(site.conditions.values())
        assert last(fleet, site, "/etag.pdf")["outcome"] == "unchanged"

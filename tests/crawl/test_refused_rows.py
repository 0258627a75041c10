"""Captures that the database refuses for what is in them: each ends at its first visit, and the others as ever."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pdfspider.records import Database
from tests.crawl.hostile import HTML, document, hostile, page, reply
from tests.records.test_trouble import REFUSE

if TYPE_CHECKING:
    from tests.support import Fleet

WHEN = "NEW.content_type = 'text/evil' OR NEW.disposition_name = 'evil.pdf' OR NEW.url LIKE '%/never'"


def test_a_refused_row_is_a_dead_letter_with_the_value_and_the_reason(fleet: Fleet) -> None:
    fleet.data.mkdir(parents=True)
    asyncio.run(make_database(fleet))
    with hostile() as server:
        good = [f"/{n}.pdf" for n in range(5)]
        server.answers |= {
            "/": page("/evil", "/evil.pdf", "/never", *good),
            "/evil": reply(b"<html><a href=/unseen>", "text/evil"),
            "/evil.pdf": reply(document("evil"), "application/pdf", 'Content-Disposition: inline; filename="evil.pdf"'),
            "/never": reply(b"<html>", HTML),
            **{path: reply(document(path)) for path in good},
        }
        worker = fleet.crawl(server.url())
        rows = {row["url"].removeprefix(server.url("")): row for row in fleet.rows()}
        assert max(server.paths().count(path) for path in ("/evil", "/evil.pdf", "/never", *good)) == 1
    assert [rows[path]["outcome"] for path in good] == ["document"] * 5
    ends = {path: (rows[path]["outcome"], rows[path]["reason"]) for path in ("/evil", "/evil.pdf")}
    assert ends == {
        "/evil": ("internal-error", "The database refused content_type='text/evil': no such thing"),
        "/evil.pdf": ("internal-error", "The database refused disposition_name='evil.pdf': no such thing"),
    }
    assert "/never" not in rows
    assert "/never ends without a row: The database refused a capture: no such thing" in worker.output
    job = fleet.job()
    assert (job["state"], job["classes"]) == ("finished", {"document": 5, "internal-error": 3, "page": 1})


async def make_database(fleet: Fleet) -> None:
    await (await Database.open(f"sqlite:///{fleet.data}/pdfs.db")).close()
    with closing(sqlite3.connect(fleet.data / "pdfs.db")) as connection, connection:
        connection.execute(REFUSE.format(when=WHEN))

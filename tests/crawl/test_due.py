"""A job that leaves out the hosts that are not due: where something changes it comes more often, elsewhere less."""

from __future__ import annotations

import json
import re
import sqlite3
from itertools import count
from typing import TYPE_CHECKING

from tests.crawl.hostile import document, hostile, page, reply
from tests.inspection.test_crawl import scrapy
from tests.support import until

if TYPE_CHECKING:
    from tests.crawl.hostile import Hostile
    from tests.support import Fleet

DAY = 24 * 3600 * 1000
LIVELY, QUIET = "127.0.0.1", "127.0.0.2"


def days_pass(fleet: Fleet, days: float) -> None:
    """All that is known is so much older."""
    connection = sqlite3.connect(fleet.data / "pdfs.db")
    with connection:
        for table in ("captures", "owners"):
            connection.execute(f"UPDATE {table} SET run = run - {int(days * DAY)}")
    connection.close()


def asked(server: Hostile) -> set[str]:
    """The hosts that were asked for anything since this was called last."""
    found = {seen.address for seen in server.seen}
    server.seen.clear()
    return found


def test_hosts_come_when_they_are_due(fleet: Fleet) -> None:
    """Not even the robots.txt of a host that is not due is asked for, whoever links to it."""
    editions = count()
    with hostile() as server:
        server.answers.update(
            {
                "/": page("/news.pdf", server.url("/linked.pdf", host=2)),
                "/news.pdf": lambda request: request.send(reply(document(f"edition {next(editions)}"))),
                "/quiet": page("/quiet.pdf"),
                "/quiet.pdf": reply(document("quiet")),
                "/linked.pdf": reply(document("linked")),
            }
        )
        seeds = (server.url("/"), server.url("/quiet", host=2))
        for _ in range(3):
            fleet.crawl(*seeds, arguments={"job": "again"})
            assert asked(server) == {LIVELY, QUIET}
        days_pass(fleet, 2)
        lively, quiet, total = scrapy(fleet, "due", "again").splitlines()
        assert (lively, total) == (f"{LIVELY}: due, every 1 d", "1 of 2 hosts due")
        assert re.fullmatch(QUIET + r": due on \d{4}-\d\d-\d\d \d\d:\d\d UTC, every 4 d", quiet)
        said = scrapy(fleet, "submit", *seeds, "--job", "again", "--due", REDIS_URL=fleet.redis_url)
        assert "1 URL handed in, 1 of them new; 1 left out, not due again yet" in said
        worker = fleet.crawl(arguments={"job": "again"})
        assert asked(server) == {LIVELY}, worker.output
        assert fleet.job()["classes"] == {"page": 1, "document": 1}
        again = fleet.crawl(*seeds, arguments={"job": "again", "due": 1})
        assert asked(server) == set()
        assert "2 URLs left out: their hosts are not due again yet" in again.output
        standing = fleet.start()
        for url in seeds:
            fleet.push(json.dumps({"url": url, "job": "again", "due": True, "seal": True}))
        until(lambda: standing.output.count("left out: ") == len(seeds) or "2 URLs left out: " in standing.output)
        assert asked(server) == set()
        standing.dismiss()
        days_pass(fleet, 3)
        fleet.crawl(*seeds, arguments={"job": "again", "due": 1})
        assert asked(server) == {LIVELY, QUIET}
        assert fleet.job()["classes"] == {"page": 2, "document": 1, "unchanged": 2}
        fleet.audit()

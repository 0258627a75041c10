"""Sites without an end come to one, and the documents on them are found."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zlib import crc32

from tests.crawl.hostile import Hostile, document, hostile, page, reply

if TYPE_CHECKING:
    from tests.crawl.hostile import Answer, Request
    from tests.support import Fleet

BOUND = 20


class Endless(dict[str, "Answer"]):
    """Answers to any path of some traps: each page leads to further ones."""

    def get(self, path: str, default: Any = None) -> Any:
        trap, *rest = urlsplit(path).path.strip("/").split("/")
        return super().get(path) or (TRAPS[trap](path, rest) if trap in TRAPS else default)


def number_in(text: str) -> int:
    return int(re.findall(r"[0-9]+", text)[-1])


def calendar(path: str, _: list[str]) -> Answer:
    month = number_in(path)
    return page(f"/calendar/{month + 1}", f"/calendar/{month + 2}")


def maze(_path: str, _: list[str]) -> Answer:
    return page("left/", "right/", "../left/")


def session(path: str, _: list[str]) -> Answer:
    return page(*(f"/session/{crc32(f'{path}{n}'.encode()):010d}/home" for n in range(3)))


def counter(path: str, _: list[str]) -> Answer:
    count = number_in(path)
    return page(f"/counter?back={count}&n={count + 1}", f"/counter?n={count + 1}")


def archive(path: str, rest: list[str]) -> Answer:
    """A list of 60 pages, each with a document: as long as a trap, and not one."""
    number = int(rest[0])
    if len(rest) > 1:
        return reply(document(path))
    return page(f"/archive/{number + 1}" if number < 60 else "/", f"/archive/{number}/{number}.pdf")


TRAPS = {"calendar": calendar, "maze": maze, "session": session, "counter": counter, "archive": archive}


def served(server: Hostile) -> Counter[str]:
    return Counter(path.strip("/").partition("/")[0].partition("?")[0] for path in server.paths())


def test_traps_end_within_their_budget_and_archives_do_not(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers = Endless()
        server.answers["/"] = page("/calendar/1", "/maze/", "/session/0/home", "/counter?n=1", "/archive/1", "/wide")
        server.answers["/wide"] = page(*(f"/none-{n}" for n in range(300)), *(f"/{n}.pdf" for n in range(5)))
        server.answers |= {f"/{n}.pdf": reply(document(f"{n}")) for n in range(5)}
        fleet.crawl(server.url(), PDF_PAGES_PER_PATTERN=BOUND, PDF_LINKS_PER_PAGE=30)
        seen = served(server)
        outcomes = Counter(row["outcome"] for row in fleet.rows())
        reasons = Counter(str(row["reason"]).partition(":")[0] for row in fleet.rows("outcome='trap'"))
        assert seen["archive"] == 120
        assert outcomes["document"] == len(fleet.files()) == 65
        assert all(seen[trap] <= BOUND for trap in ("calendar", "session", "counter"))
        assert 3 < seen["maze"] < 100
        assert outcomes["not-found"] <= 25
        assert f"more than {BOUND} pages are like it" in reasons
        assert "'left' is 3 times in its path" in reasons
        wide = fleet.row(server.url("/wide"))
        assert (wide["outcome"], wide["reason"]) == ("page", "305 links, of which 30 are followed")
        fleet.audit()


def test_the_pages_of_a_host_are_bounded_over_all_workers(fleet: Fleet) -> None:
    with hostile() as server:
        server.answers = Endless()
        links = [server.url(f"/calendar/{n}", host) for n in (1, 1000) for host in (1, 2)]
        server.answers["/"] = page(*links)
        standing = fleet.stand(1, PDF_PAGES_PER_HOST=BOUND)
        fleet.crawl(server.url(), server.url("/", 2), PDF_PAGES_PER_HOST=BOUND)
        standing[0].dismiss()
        hosts = Counter(request.address for request in server.seen if request.path.startswith("/calendar"))
        assert hosts == {"127.0.0.1": BOUND, "127.0.0.2": BOUND}
        rows = fleet.rows("outcome != 'page'")
        assert {(row["outcome"], row["reason"]) for row in rows} == {
            ("over-budget", f"PDF_PAGES_PER_HOST={BOUND} is used up")
        }
        fleet.audit()


def test_what_looks_like_a_trap_can_be_fetched(fleet: Fleet) -> None:
    def deeper(request: Request) -> None:
        request.send(page("again/"))

    with hostile() as server:
        answers: dict[str, Answer] = {}
        path = "/again/"
        for _ in range(6):
            answers[path] = deeper
            path += "again/"
        server.answers = {"/": page("/again/"), **answers}
        bounds = {"PDF_PAGES_PER_PATTERN": 0, "PDF_PAGES_PER_HOST": 0, "PDF_LINKS_PER_PAGE": 0}
        fleet.crawl(server.url(), PDF_TRAPS=False, **bounds)
        assert Counter(fleet.outcomes().values()) == {"page": 7, "not-found": 1}

"""A site that is open to those only who began at its first page, crawled by several workers."""

from __future__ import annotations

import re
import signal
from itertools import count
from threading import Event
from typing import TYPE_CHECKING

from tests.crawl.hostile import HTML, Request, document, hostile, page, redirect, reply
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from tests.crawl.hostile import Answer
    from tests.support import Fleet

SESSION = re.compile(r"\r\nCookie: (?:[^\r]*; )?session=([0-9]+)[;\r]", re.IGNORECASE)
FORBIDDEN = reply(b"<h1>Forbidden</h1>", HTML, status="403 Forbidden")
SECTIONS, FILES, WORKERS = 6, 8, 4


def test_a_site_with_sessions_is_whole_though_a_worker_is_killed(fleet: Fleet) -> None:
    """Each visitor has a session of its own, which also the links to files name.

    Files do not begin before all workers have asked for something.
    """
    sessions, known, begun = count(1), set[str](), Event()
    doomed_asked = Event()

    def is_known(request: Request) -> bool:
        found = SESSION.search(request.headers)
        return bool(found and found[1] in known)

    def first_page(request: Request) -> None:
        number = str(next(sessions))
        known.add(number)
        links = page(*(f"/section/{section}" for section in range(SECTIONS)))
        request.send(links.replace(b"\r\n\r\n", f"\r\nSet-Cookie: session={number}; Path=/\r\n\r\n".encode(), 1))

    def section(request: Request) -> None:
        number, found = request.path.rpartition("/")[2], SESSION.search(request.headers)
        links = [f"/file/{number}-{file}.pdf?sid={found[1] if found else 0}" for file in range(FILES)]
        answers.update(dict.fromkeys(links, file))
        request.send(page(*links) if is_known(request) else redirect("/"))

    def file(request: Request) -> None:
        doomed_asked.set()
        begun.wait(PATIENCE)
        name, _, sid = request.path.partition("?sid=")
        found = SESSION.search(request.headers)
        request.send(reply(document(name)) if found and found[1] == sid else FORBIDDEN)

    names = [f"/file/{section}-{file}.pdf" for section in range(SECTIONS) for file in range(FILES)]
    answers: dict[str, Answer] = {"/": first_page}
    answers |= {f"/section/{number}": section for number in range(SECTIONS)}
    fleet.settings = {"CONCURRENT_REQUESTS": 2, "CONCURRENT_REQUESTS_PER_DOMAIN": 99, "FRONTIER_LEASE_SECONDS": 5}
    with hostile(answers) as server:
        root = server.url("")
        doomed = fleet.start(server.url())
        until(doomed_asked.is_set)
        others = [fleet.start(server.url()) for _ in range(WORKERS - 1)]
        until(lambda: all(worker.has_sent() for worker in others))
        doomed.send(signal.SIGKILL)
        begun.set()
        for worker in others:
            worker.finish()
    outcomes = fleet.outcomes().items()
    kept = {url.removeprefix(root).partition("?")[0] for url, outcome in outcomes if outcome == "document"}
    assert [name for name in names if name not in kept] == []
    assert len(fleet.files()) == len(names)
    assert len(known) > 1, "others had to begin at the first page too"
    fleet.audit()

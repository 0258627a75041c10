"""A worker that serves for long keeps nothing of the jobs that it has served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psutil

from tests.crawl.hostile import HTML, document, hostile, page, redirect, reply
from tests.support import INJECTED, SETTINGS, leftovers, until

if TYPE_CHECKING:
    from tests.crawl.hostile import Request
    from tests.support import Fleet

JOBS = 6
LARGE = 300_000
"""A document that does not stay in memory."""
LOGIN = b"<html><head><title>Sign in</title></head><body><form><input type='password' name='p'></form></body></html>"


def cut(request: Request) -> None:
    """Break off in the midst of a document, each time."""
    body = document("cut", LARGE)
    request.send(reply(body)[: -len(body) // 2])
    request.close = True


ANSWERS = {
    "/": page("/a.pdf", "/large.pdf", "/cut.pdf", "/login.pdf", "/gone.pdf", "/moved.pdf", "/more"),
    "/more": page("/b.pdf", "/"),
    "/a.pdf": reply(document("a")),
    "/b.pdf": reply(document("b")),
    "/large.pdf": reply(document("large", LARGE)),
    "/cut.pdf": cut,
    "/login.pdf": reply(LOGIN, HTML),
    "/moved.pdf": redirect("/b.pdf"),
}


def test_a_worker_keeps_nothing_of_its_jobs(fleet: Fleet) -> None:
    tasks = fleet.directory / "tasks"
    extensions = {**SETTINGS["EXTENSIONS"], f"{INJECTED}.TaskCount": 1}
    (worker,) = fleet.stand(1, EXTENSIONS=extensions, TASK_COUNT=tasks, ROBOTSTXT_OBEY=False, RETRY_TIMES=1)

    def serve(number: int) -> None:
        with hostile(dict(ANSWERS), hosts=1) as server:
            fleet.push(json.dumps({"url": server.url(), "job": f"job-{number}", "depth": 3, "seal": True}))
            until(lambda: fleet.status()["jobs"].get(f"job-{number}", {}).get("state") == "finished")

    def used() -> dict[str, int]:
        process = psutil.Process(worker.process.pid)
        children = len(process.children(recursive=True))
        return {"files": process.num_fds(), "tasks": int(tasks.read_text() or 0), "processes": children}

    serve(0)
    known = used()
    for number in range(1, JOBS):
        serve(number)
    until(lambda: all(used()[kind] <= count for kind, count in known.items()))
    assert not leftovers(fleet.data / "files")
    worker.dismiss()
    fleet.audit()

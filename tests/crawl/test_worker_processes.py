"""``scrapy crawl --workers N``: several processes, one command."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

import pytest

from pdfspider.crawl.processes.child import growth
from pdfspider.crawl.processes.number import number_of_workers, usable_cores
from pdfspider.exceptions import ConfigurationError
from tests.crawl.hostile import document, hostile, page, reply
from tests.support import Fleet, Worker, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.crawl.hostile import Hostile, Request

WORKERS = 3
DOCUMENTS = 12
FEW = {"CONCURRENT_REQUESTS": 2, "FRONTIER_LEASE_SECONDS": 5}


@contextmanager
def site() -> Iterator[tuple[Hostile, Event]]:
    """A page with documents that are not sent before the event is set."""
    open_now = Event()

    def answer(request: Request) -> None:
        open_now.wait()
        request.send(reply(document(request.path)))

    paths = [f"/{number}.pdf" for number in range(DOCUMENTS)]
    with hostile({"/": page(*paths), **dict.fromkeys(paths, answer)}) as server:
        try:
            yield server, open_now
        finally:
            open_now.set()


def start(fleet: Fleet, server: Hostile, **settings: object) -> Worker:
    return fleet.start(server.url(), options=["--workers", str(WORKERS)], **{**FEW, **settings})


def processes(fleet: Fleet) -> set[int]:
    """The process ids of the workers that the frontier knows."""
    return {int(name.split("-")[-2]) for name in fleet.status()["workers"]}


def all_at_work(fleet: Fleet) -> set[int]:
    until(lambda: len(processes(fleet)) == WORKERS)
    return processes(fleet)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_several_processes_end_one_job_and_a_dead_one_is_replaced(fleet: Fleet) -> None:
    with site() as (server, open_now):
        worker = start(fleet, server, PDF_INSPECT=True)
        first = all_at_work(fleet)
        victim = max(first - {worker.process.pid})
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(processes(fleet) | first) > WORKERS)
        open_now.set()
        worker.finish()
    said = " ".join(worker.output.split())
    assert "A worker process ended with SIGKILL: another one takes its place" in said
    assert f"documents {DOCUMENTS} " in said
    assert f"inspections {DOCUMENTS} ok" in said, "those of all processes are made by the first"
    assert said.count("Finished after") == said.count("works on job") == 1
    assert Counter(fleet.outcomes().values()) == {"page": 1, "document": DOCUMENTS}
    assert not any(map(runs, first))
    fleet.audit()


def test_one_signal_stops_all_processes(fleet: Fleet) -> None:
    with site() as (server, _):
        worker = start(fleet, server, FRONTIER_GRACE=1)
        pids = all_at_work(fleet)
        worker.send(signal.SIGINT)
        worker.finish()
        assert not any(map(runs, pids))
        assert fleet.job()["queued"] + fleet.job()["delayed"] == DOCUMENTS


def test_processes_do_not_outlive_the_first_one(fleet: Fleet) -> None:
    with site() as (server, _):
        worker = start(fleet, server, FRONTIER_GRACE=1)
        pids = all_at_work(fleet)
        worker.kill()
        until(lambda: not any(map(runs, pids)))


def test_number_of_workers(tmp_path: Path) -> None:
    assert number_of_workers("7") == 7
    assert 1 <= number_of_workers("auto") == usable_cores()
    for text in ("0", "-1", "257", "two", "", "1.5", "9" * 100, "²"):
        with pytest.raises(ConfigurationError, match="neither auto nor a number from 1 to 256"):
            number_of_workers(text)
    quota = tmp_path / "cpu.max"
    for content, cores in {"50000 100000": 1, "max 100000": usable_cores(), "odd": usable_cores()}.items():
        quota.write_text(content)
        assert usable_cores(quota) == cores


def test_only_counters_are_reported() -> None:
    sent: dict[str, int] = {}
    stats = {"pages": 2, "depth_max": 3, "memusage/startup": 4, "name": "a", "seconds": 1.5, "done": True}
    assert growth(sent, stats) == {"pages": 2}
    assert growth(sent, {**stats, "pages": 5}) == {"pages": 3}
    assert growth(sent, {**stats, "pages": 5}) == {}

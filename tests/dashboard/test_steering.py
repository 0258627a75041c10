"""Forms that change what runs, and the pages beside jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pdfspider.frontier.frontier import Frontier
from pdfspider.frontier.reports.transports import TransportState, write_states
from pdfspider.frontier.reports.worker_reports import WorkerReport, WorkerReports
from pdfspider.items import Outcome
from pdfspider.records import listings
from tests.frontier.rig import Clock, Worker

if TYPE_CHECKING:
    import pytest

    from tests.dashboard.conftest import Serve, Served

HASH = "ab" * 32


def worker_of(served: Served) -> Worker:
    """A worker that only leases and commits."""
    return Worker(Frontier(served.parts.frontier.redis, worker="w1", ahead=0), Clock())


async def test_options_of_a_running_job_are_changed(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/", job="j")
        assert 'placeholder="0.5"' in (await served.get("/jobs/j/change"))[1]
        assert (await served.post("/jobs/j/change", delay="0.25", concurrency="3", max_pages="9"))[0] == 303
        (job,) = (await served.parts.frontier.job_lists.page(5)).jobs
        assert (job["delay"], job["cap"], job["max_pages"], job["max_documents"]) == (250, 3, 9, 0)
        for fields, said in (({"delay": "x"}, "Delay x is not a number"), ({}, "Nothing is named")):
            status, text = await served.post("/jobs/j/change", **fields)
            assert (status, said in text) == (400, True)
        await served.post("/jobs/j/cancel")
        await served.parts.frontier.sweep()
        assert (await served.post("/jobs/j/change", delay="1"))[0] == 409


async def test_one_url_a_class_and_all_are_tried_again(serve: Serve) -> None:
    async with serve(ROBOTSTXT_OBEY=False, DOWNLOAD_DELAY=0, CONCURRENT_REQUESTS_PER_DOMAIN=9) as served:
        urls = [f"http://a.test/{number}" for number in range(6)]
        await served.post("/submit", urls=" ".join(urls), job="j")
        run, worker = await served.parts.frontier.run_of("j"), worker_of(served)
        outcomes = [
            Outcome.TIMEOUT,
            Outcome.TIMEOUT,
            Outcome.DNS_ERROR,
            Outcome.NOT_FOUND,
            Outcome.NOT_FOUND,
            Outcome.PAGE,
        ]
        for lease, outcome in zip(await worker.lease(6), outcomes, strict=True):
            assert lease.entry
            fingerprint = int.from_bytes(lease.entry.fingerprint, "big", signed=True)
            await served.record("j", run, lease.entry.url, outcome, fingerprint=fingerprint, depth=0)
            await worker.commit(lease, outcome)
        text = (await served.get("/jobs/j/classes/timeout"))[1]
        fingerprint = re.findall(r'name="fingerprint" value="(-?\d+)"', text)[0]
        place = (await served.post("/jobs/j/retry", fingerprint=fingerprint, run=str(run)))[1]
        assert "1 URL queued again." in (await served.get(place))[1]
        assert (
            "0 URLs queued again."
            in (await served.get((await served.post("/jobs/j/retry", **{"class": "gone"}))[1]))[1]
        )
        await served.post("/jobs/j/retry", **{"class": "not-found"})
        assert (await served.parts.frontier.status())["jobs"]["j"]["queued"] == 3
        await served.post("/jobs/j/retry")
        assert (await served.parts.frontier.status())["jobs"]["j"]["queued"] == 5
        for fields in ({"class": "page"}, {"class": "nothing"}, {"fingerprint": "x", "run": "1"}, {"fingerprint": "1"}):
            assert (await served.post("/jobs/j/retry", **fields))[0] == 400
        assert (await served.post("/jobs/j/retry", fingerprint="1", run=str(run)))[0] == 400


async def test_hosts_and_patterns_are_blocked_and_unblocked(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/x http://a.test/y http://b.test/x", job="j")
        text = (await served.get("/block?pattern=*/x&job=j"))[1]
        assert "2 of 3 URLs looked at" in text
        assert "http://a.test/x" in text
        assert "would block everything" in (await served.get("/block?pattern=*"))[1]
        assert (await served.post("/block", pattern="*"))[0] == 400
        assert (await served.post("/block", pattern="*/x", job="none"))[0] == 404
        assert (await served.post("/block", pattern="*/x", job="j"))[0] == 303
        text = (await served.get("/block"))[1]
        identity = re.findall(r'name="id" value="(\w+)"', text)[0]
        await served.post("/unblock", id=identity)
        assert "Nothing." in (await served.get("/block"))[1]


async def test_hosts_are_shown_and_asked_again(serve: Serve) -> None:
    async with serve(ROBOTSTXT_OBEY=False) as served:
        await served.post("/submit", urls=" ".join(f"http://h{number}.test/" for number in range(60)), job="j")
        text = (await served.get("/hosts"))[1]
        assert text.count('href="/hosts/h') == 50
        following = re.findall(r'href="(/hosts\?start=50)"', text)[0]
        assert (await served.get(following))[1].count('href="/hosts/h') == 10
        assert (await served.get("/hosts?name=H1.test"))[0] == 303
        assert "1 URL waiting" in (await served.get("/hosts/h1.test"))[1]
        assert "Outcomes" not in (await served.get("/hosts/h1.test"))[1]
        assert (await served.get("/hosts/none.test"))[0] == 404
        assert (await served.post("/hosts/h1.test/reset"))[0] == 303
        assert (await served.post("/hosts/none.test/reset"))[0] == 409
        assert (await served.get("/hosts?start=x"))[0] == 400


async def test_outcomes_are_shown_by_host(serve: Serve) -> None:
    async with serve(ROBOTSTXT_OBEY=False) as served:
        urls = [f"http://{host}.test/{number}" for host in "ab" for number in range(6)]
        await served.post("/submit", urls=" ".join(urls), job="j")
        run, worker = await served.parts.frontier.run_of("j"), worker_of(served)
        for lease in await worker.lease(2):
            assert lease.entry
            await worker.commit(lease, Outcome.TIMEOUT)
            await served.record("j", run, lease.entry.url, Outcome.TIMEOUT)
        text = (await served.get("/hosts"))[1]
        assert len(re.findall(r">timeout (\d)<", text)) == 2
        assert await worker.lease(1)
        text = (await served.get("/hosts?show=busy"))[1]
        assert text.count("1 request in flight") == 1
        text = (await served.get("/hosts/a.test"))[1]
        assert "the server is silent or too slow" in text
        assert '<td class="right">1</td>' in text


async def test_workers_masters_and_health_are_shown(serve: Serve) -> None:
    async with serve(ROBOTSTXT_OBEY=False) as served:
        assert "No worker is running" in (await served.get("/workers"))[1]
        assert "No gateway is running" in (await served.get("/masters"))[1]
        await served.post("/submit", urls="http://a.test/current", job="j")
        worker, redis = worker_of(served), served.parts.frontier.redis
        await worker.lease(1)
        counted = {"memory": 5 << 20, "ended": 9, "rate": 2.5, "bytes_rate": 1e6}
        report = WorkerReport(host="machine", pid=7, job="j", since=1.8e9, trouble="no disk", **counted)
        await WorkerReports(redis).write("w1", report)
        text = (await served.get("/workers"))[1]
        for said in ("w1", "alive", "machine, process 7", "5.2 MB", "2.5 URLs/s", "http://a.test/current", "no disk"):
            assert said in text
        state = TransportState(
            gateway="g", transport="amqp", state="up", since=1.8e9, error="<b>", received=12, published=11
        )
        await write_states(redis, [state])
        text = (await served.get("/masters"))[1]
        assert ">amqp<" in text
        assert "&lt;b&gt;" in text
        text = (await served.get("/health"))[1]
        for said in ("Redis", "no limit", "pdfs.db", "free", "no disk"):
            assert said in text


async def test_documents_are_searched_a_bounded_number_at_a_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve() as served:
        for number in range(12):
            sha256 = f"{number:02x}" * 32
            url = f"http://h{number % 3}.test/report-{number}_x.pdf"
            await served.record("j", 1, url, Outcome.DOCUMENT, sha256=sha256, size=5, finished=1.7e9 + 86400 * number)
        inside = {"sha256": "03" * 32, "status": "ok", "title": "Annual 100% figures", "seconds": 1.0, "inspected": 1.0}
        await served.parts.records.write_inspections([inside])

        async def found(query: str) -> list[str]:
            text = (await served.get(f"/documents?{query}"))[1]
            return re.findall(r'class="name" href="/documents/(\w\w)', text)

        assert len(await found("")) == 12
        assert await found("text=ANNUAL") == ["03"]
        assert await found("text=100%25") == ["03"]
        assert await found("text=0%25") == ["03"]
        assert await found("text=report-1_x") == ["01"]
        assert await found("host=h1.test") == ["0a", "07", "04", "01"]
        assert await found("host=test") == []
        assert await found("sha256=0b0b") == ["0b"]
        assert await found("since=2023-11-18&until=2023-11-19") == ["05", "04"]
        assert (await served.get("/documents?sha256=xyz"))[0] == 400
        assert (await served.get("/documents?since=yesterday"))[0] == 400
        assert (await served.get("/documents?after=nonsense"))[0] == 400
        monkeypatch.setattr(listings, "MAX_DOCUMENTS_SEARCHED", 5)
        text = (await served.get("/documents?text=report-1_x"))[1]
        following: list[str] = []
        while following := re.findall(r'class="button" href="(/documents[^"]+)"', text):
            assert "/documents/01" not in text
            text = (await served.get(following[0].replace("&amp;", "&")))[1]
        assert "/documents/01" in text


async def test_all_captures_of_a_document_are_listed(serve: Serve) -> None:
    async with serve() as served:
        for number in range(120):
            outcome = Outcome.DUPLICATE if number else Outcome.DOCUMENT
            url, time = f"http://a.test/{number}", 1.7e9 + number // 4
            await served.record("j", number % 3, url, outcome, sha256=HASH, size=5, finished=time)
        path, seen = f"/documents/{HASH}", []
        while path:
            text = (await served.get(path))[1]
            seen += [int(number) for number in re.findall(r'title="http://a.test/(\d+)"', text)]
            following = re.findall(rf'class="button" href="(/documents/{HASH}\?after=[^"]+)"', text)
            path = following[0].replace("&amp;", "&") if following else ""
        assert sorted(seen) == list(range(120))
        assert seen[0] >= 116, "the newest first"


async def test_lists_of_captures_go_on_where_they_ended(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/", job="j")
        run = await served.parts.frontier.run_of("j")
        for number in range(120):
            outcome = Outcome.TIMEOUT if number % 2 else Outcome.NOT_FOUND
            await served.record("j", run, f"http://a.test/{number}", outcome, finished=1.7e9 + number // 4)
        path, seen = "/jobs/j/classes/failed", []
        while path:
            text = (await served.get(path))[1]
            seen += re.findall(r'title="http://a.test/(\d+)"', text)
            following = re.findall(r'class="button" href="(/jobs/j/classes/failed\?after=[^"]+)"', text)
            path = following[0].replace("&amp;", "&") if following else ""
        assert sorted(map(int, seen)) == list(range(120))
        assert (await served.get("/jobs/j/classes/nothing"))[0] == 404

"""What the dashboard's pages show, and what its forms do."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from aiohttp import FormData

from pdfspider.items import Outcome

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from tests.dashboard.conftest import Serve

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
HASH = "ab" * 32


async def test_a_job_is_submitted_watched_and_steered(serve: Serve) -> None:
    async with serve() as served:
        assert "There is no job here yet" in (await served.get("/"))[1]
        fields = {"urls": "http://a.test/ http://b.test/", "job": "j", "depth": "2", "scope": "any", "priority": "5"}
        status, place = await served.post("/submit", **fields, max_documents="7", max_pages="8", max_seconds="9.5")
        assert (status, place.partition("?")[0]) == (303, "/jobs/j")
        assert "2 URLs handed in, 2 of them new." in (await served.get(place))[1]
        (job,) = (await served.parts.frontier.job_lists.page(5)).jobs
        assert (job["max_documents"], job["max_pages"], job["max_time"], job["sealed"]) == (7, 8, 9500, True)
        assert (job["queued"], job["state"], job["hosts"]) == (2, "running", 2)
        for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelling")):
            assert (await served.post(f"/jobs/j/{action}"))[0] == 303
            assert f">{state}<" in (await served.get("/jobs/j"))[1]
        assert (await served.post("/jobs/j/resume"))[0] == 409
        assert (await served.post("/jobs/none/pause"))[0] == 404
        assert (await served.get("/jobs/none"))[0] == 404


async def test_a_submit_that_makes_no_sense_is_shown_again_with_what_is_wrong(serve: Serve) -> None:
    async with serve() as served:
        for fields, said in (
            ({"urls": ""}, "There is no URL"),
            ({"urls": "ftp://a.test/"}, "ftp://a.test/"),
            ({"urls": "http://a.test/", "depth": "deep"}, "Depth deep: input should be a valid integer"),
            ({"urls": "http://a.test/", "priority": "500"}, "Priority 500 is not between -128 and 127"),
            ({"urls": "http://a.test/", "priority": "x"}, "Priority x is not a whole number"),
            ({"urls": "http://a.test/", "job": "a b"}, "not a job name"),
            ({"urls": "http://a.test/", "job": "default", "max_pages": "3"}, "never ends"),
        ):
            status, text = await served.post("/submit", **fields)
            assert (status, said in text) == (400, True), (fields, text)
            assert fields["urls"] in text
        assert (await served.parts.frontier.job_lists.page(5)).jobs == []
        assert (await served.post("/submit", urls="http://a.test/", urls_file="/etc/passwd"))[0] == 303
        (job,) = (await served.parts.frontier.job_lists.page(5)).jobs
        assert (job["queued"], job["name"][:7]) == (1, "a.test-")


async def test_urls_are_submitted_in_a_file_too(serve: Serve) -> None:
    async with serve() as served:

        async def upload(content: bytes) -> tuple[int, str]:
            form = FormData({"urls": "http://a.test/1", "job": "j"})
            form.add_field("file", content, filename="urls.txt", content_type="text/plain")
            async with served.client.post("/submit", data=form, allow_redirects=False) as answer:
                return answer.status, await answer.text()

        assert (await upload(b"\xef\xbb\xbf# seeds\r\nhttp://a.test/2\r\n\r\nhttp://a.test/3\n"))[0] == 303
        (job,) = (await served.parts.frontier.job_lists.page(5)).jobs
        assert job["queued"] == 3
        status, text = await upload(b"http://a.test/\xff")
        assert (status, "urls.txt is not UTF-8" in text) == (400, True)
        status, text = await upload(b"nonsense")
        assert (status, "&#39;nonsense&#39; is not a URL" in text) == (400, True)
        assert (await served.post("/submit", cdx="http://cdx.test/index?url=a.test/*"))[0] == 303


async def test_everything_that_was_crawled_is_shown_as_text(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/", job="j")
        run = await served.parts.frontier.run_of("j")
        url = f"http://a.test/{MARKUP}"
        shown = {"found_on": url, "reason": MARKUP, "technique": MARKUP, "final_url": url}
        await served.record("j", run, url, Outcome.DOCUMENT, sha256=HASH, size=5, disposition_name=MARKUP, **shown)
        await served.record("j", run, url, Outcome.TIMEOUT, **shown)
        await served.record("j", run, f"javascript:alert(1)//{MARKUP}", Outcome.ROBOTS_DENIED, **shown)
        inspection = {
            "sha256": HASH,
            "status": "ok",
            "title": MARKUP,
            "author": MARKUP,
            "seconds": 1.0,
            "inspected": 1.0,
        }
        await served.parts.records.write_inspections([inspection])
        for path in ("/", "/jobs/j", "/documents", f"/documents/{HASH}"):
            status, text = await served.get(path)
            assert status == 200
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert 'href="javascript:' not in text
            assert path == "/" or "&lt;script&gt;alert(1)" in text
        assert escape(MARKUP)[:40] in (await served.get(f"/submit?urls={MARKUP}"))[1].replace("&#34;", "&quot;")


async def test_a_page_is_sent_again_when_something_has_changed(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/", job="j")
        async with served.client.get("/jobs/j", headers={"Accept": "text/event-stream"}) as answer:
            assert answer.content_type == "text/event-stream"
            assert ">running<" in await next_page(answer)
            await served.post("/jobs/j/pause")
            page = await next_page(answer)
            assert ">paused<" in page
            assert "<html" not in page
        async with served.client.get("/jobs/none", headers={"Accept": "text/event-stream"}) as answer:
            assert answer.status == 404


async def next_page(answer: ClientResponse) -> str:
    async for line in answer.content:
        if line.startswith(b"data: "):
            return str(json.loads(line[6:]))
    raise AssertionError("the stream ended")

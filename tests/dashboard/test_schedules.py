"""Schedules on the dashboard, and what has changed between their runs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pdfspider.frontier.schedules import Schedules
from pdfspider.items import Outcome
from pdfspider.submission.schedules import interval_of, said_interval

if TYPE_CHECKING:
    from pdfspider.frontier.schedules import Schedule
    from tests.dashboard.conftest import Serve, Served


async def scheduled(served: Served, job: str) -> Schedule:
    found = await Schedules(served.parts.frontier.redis).get(job)
    assert found
    return found


async def test_a_schedule_is_made_edited_and_removed(serve: Serve) -> None:
    async with serve() as served:
        assert "Nothing is scheduled" in (await served.get("/schedules"))[1]
        fields = {"job": "j", "urls": "http://a.test/ http://b.test/", "depth": "3", "scope": "any", "due": "1"}
        status, place = await served.post("/schedule", **fields, every="7d", max_pages="50")
        assert (status, place.partition("?")[0]) == (303, "/schedules")
        first = await scheduled(served, "j")
        assert (first.every, first.seeds, first.options.max_pages, first.options.due) == (7 * 86_400_000, 2, 50, 1)
        text = (await served.get(place))[1]
        for said in ("The job j is scheduled.", "every 7d", "only hosts that are due", "none yet", "No worker is"):
            assert said in text
        text = (await served.get("/schedule?job=j"))[1]
        assert 'name="every" value="7d"' in text
        assert re.search(r'name="max_pages"[^>]* value="50"', text)
        assert (await served.post("/schedule", job="j", every="7d"))[0] == 303
        same = await scheduled(served, "j")
        assert (same.next, same.seeds, same.options.max_pages, same.options.due) == (first.next, 2, 0, 0)
        assert (await served.post("/schedule", job="j", cron="0 3 * * mon", scope="domain", depth="1"))[0] == 303
        edited = await scheduled(served, "j")
        assert (edited.every, edited.cron, edited.next > first.next) == (0, "0 3 * * mon", True)
        seeds = await Schedules(served.parts.frontier.redis).seeds("j")
        assert {(seed.url, seed.scope, seed.max_depth) for seed in seeds} == {
            ("http://a.test/", "domain", 1),
            ("http://b.test/", "domain", 1),
        }
        assert "No further run" in (await served.get("/schedules/j/remove"))[1]
        assert (await served.post("/schedules/j/remove"))[0] == 303
        assert (await served.post("/schedules/j/remove"))[0] == 404
        assert (await served.get("/schedules/j/remove"))[0] == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"job": "j"}, "an interval or a cron expression"),
        ({"job": "j", "every": "7d", "cron": "0 3 * * *"}, "an interval or a cron expression"),
        ({"job": "j", "every": "soon"}, "&#39;soon&#39; is no interval"),
        ({"job": "j", "cron": "99 * * * *"}, "is no cron expression"),
        ({"job": "j", "every": "7d"}, "The database has no seeds of a job &#39;j&#39;"),
        ({"job": "default", "every": "7d", "urls": "http://a.test/"}, "never ends"),
        ({"job": "a b", "every": "7d"}, "not a job name"),
        ({"every": "7d"}, "There is no job"),
        ({"job": "j", "every": "7d", "urls": "ftp://a.test/"}, "ftp://a.test/"),
    ],
)
async def test_a_schedule_that_makes_no_sense_is_shown_again_with_what_is_wrong(
    serve: Serve, fields: dict[str, str], said: str
) -> None:
    async with serve() as served:
        status, text = await served.post("/schedule", **fields)
        assert (status, said in text) == (400, True), text
        assert await Schedules(served.parts.frontier.redis).count() == 0


async def test_schedules_are_listed_a_bounded_number_at_a_time(serve: Serve) -> None:
    async with serve() as served:
        for number in range(55):
            await served.post("/schedule", job=f"j{number}", every=f"{number + 1}h", urls="http://a.test/")
        text = (await served.get("/schedules"))[1]
        assert text.count("Edit the schedule") == 50
        (following,) = re.findall(r'href="(/schedules\?start=50)"', text)
        assert (await served.get(following))[1].count("Edit the schedule") == 5


def test_an_interval_is_written_as_it_is_read() -> None:
    for text in ("90s", "30m", "12h", "10d"):
        assert said_interval(interval_of(text)) == text
    assert said_interval(interval_of("2w")) == "14d"


async def test_what_has_changed_is_shown_and_downloaded(serve: Serve) -> None:
    async with serve() as served:
        assert "knows no run of this job" in (await served.get("/jobs/j/changes"))[1]
        assert (await served.get("/jobs/j/changes.jsonl"))[0] == 404
        for run, outcomes in ((1000, "ab."), (2000, "acd"), (3000, "ac.")):
            for number, sign in enumerate(outcomes):
                outcome = Outcome.GONE if sign == "." else Outcome.DOCUMENT
                sha256 = None if sign == "." else sign * 64
                url = f"http://a.test/{number}"
                await served.record("j", run, url, outcome, sha256=sha256, fingerprint=number, size=5)
        text = (await served.get("/jobs/j/changes"))[1]
        assert re.findall(r'class="state (\w+)"', text) == ["gone"]
        text = (await served.get("/jobs/j/changes?since=1000"))[1]
        assert re.findall(r'class="state (\w+)"', text) == ["changed"]
        text = (await served.get("/jobs/j/changes.jsonl?since=1000"))[1]
        (change,) = map(json.loads, text.splitlines())
        assert (change["change"], change["before"][0], change["sha256"][0]) == ("changed", "b", "c")
        assert (await served.get("/jobs/j/changes?since=x"))[0] == 400

"""``scrapy schedule``: a job is scheduled, listed and removed."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.commands.conftest import Ours

ERRORS = {
    "schedule j http://a.test/ --every soon": ["'soon' is no interval: a number with s, m, h, d or w"],
    "schedule j http://a.test/ --cron 99": ["'99' is no cron expression: "],
    "schedule j --every 7d": ["the database has no seeds of a job 'j': name its URLs"],
    "schedule j http://a.test/ --every 7d --depth x --max-pages y": ["--depth x: ", "--max-pages y: "],
    "schedule j --remove": ["the job 'j' has no schedule"],
}


def test_a_job_is_scheduled_listed_changed_and_removed(ours: Ours) -> None:
    assert ours("schedule") == "nothing is scheduled\n"
    said = ours("schedule", "j", "http://a.test/", "http://b.test/", "--every", "12h", "--due", "--max-pages", "9")
    assert re.match(r"job j: every 12h, next on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, 2 seeds, only hosts", said)
    assert "no worker is running: start one with scrapy crawl pdfs" in said
    ours("schedule", "j", "--cron", "0 3 * * mon")
    (line,) = ours("schedule").splitlines()
    assert re.match(r"job j: cron 0 3 \* \* mon, next on [\d-]+ 03:00:00 UTC, 2 seeds$", line)
    (shown,) = map(json.loads, ours("schedule", "--json").splitlines())
    assert {name: shown[name] for name in ("job", "every", "cron", "seeds", "started", "due")} == {
        "job": "j",
        "every": 0.0,
        "cron": "0 3 * * mon",
        "seeds": 2,
        "started": 0,
        "due": False,
    }
    assert ours("schedule", "j", "--remove") == "job j: its schedule is removed\n"
    assert ours("schedule", "--json") == ""


def test_what_makes_no_sense_is_one_line_each(ours: Ours) -> None:
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda words: ours(*words.split(), code=1), ERRORS)
        for said, expected in zip(answers, ERRORS.values(), strict=True):
            assert len(said.splitlines()) == len(expected), said
            for line, beginning in zip(said.splitlines(), expected, strict=True):
                assert line.startswith(f"error: {beginning}")
    assert ours("schedule") == "nothing is scheduled\n"

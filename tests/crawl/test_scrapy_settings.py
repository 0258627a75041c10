"""Scrapy's own settings: each works, means what the page says, or is named where it has no effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings, default_settings

from pdfspider import settings as project_settings
from pdfspider.crawl.engine.ignored_settings import WITHOUT_EFFECT, find_ignored

PAGE = (Path(__file__).parents[2] / "docs/scrapy-settings.md").read_text("utf-8")
ROW = re.compile(r"^\| (`[^|]+`) \| (works|means|no effect) \| ?(.*?) ?\|$", re.MULTILINE)
SCRAPYS = {name for name in vars(default_settings) if name.isupper()}


def documented() -> dict[str, tuple[str, str]]:
    rows = [(name, verdict, text) for names, verdict, text in ROW.findall(PAGE) for name in re.findall(r"\w+", names)]
    assert len(rows) == len({name for name, _, _ in rows}), "a setting stands in two rows"
    return {name: (verdict, text.replace("`", "")) for name, verdict, text in rows}


def settings(priority: str = "cmdline", **changes: Any) -> Settings:
    made = Settings()
    made.setmodule(project_settings)
    made.setdict(changes, priority=priority)
    return made


def test_every_setting_of_scrapy_is_in_the_table() -> None:
    assert set(documented()) >= SCRAPYS
    assert all(text for verdict, text in documented().values() if verdict != "works")


def test_those_without_effect_are_the_ones_that_are_named() -> None:
    without = {name: text for name, (verdict, text) in documented().items() if verdict == "no effect"}
    assert without == WITHOUT_EFFECT
    assert set(documented()) == SCRAPYS | set(WITHOUT_EFFECT) | {"FILES_URLS_FIELD", "FILES_RESULT_FIELD"}


def test_nothing_is_named_that_nobody_has_set() -> None:
    assert list(find_ignored(settings())) == []


@pytest.mark.parametrize("priority", ["addon", "project", "spider", "cmdline"])
def test_one_that_is_set_is_named_with_what_to_use_instead(priority: str) -> None:
    (said,) = find_ignored(settings(priority, JOBDIR="jobs/1"))
    assert said.startswith("JOBDIR has no effect here: ")
    assert "the same command goes on" in said


@pytest.mark.parametrize(
    ("name", "default", "other"),
    [
        ("COMPRESSION_ENABLED", "True", "0"),
        ("IMAGES_STORE", "", "images"),
        ("DOWNLOAD_SLOTS", "{}", '{"example.org": {"delay": 3}}'),
        ("METAREFRESH_ENABLED", "true", "false"),
        ("JOBDIR", "", "jobs"),
        ("REDIS_HOST", "", "redis"),
        ("CONCURRENT_ITEMS", "1", "5"),
        ("DUPEFILTER_CLASS", "scrapy.dupefilters.RFPDupeFilter", "scrapy_redis.dupefilter.RFPDupeFilter"),
    ],
)
def test_a_default_is_no_wish(name: str, default: str, other: str) -> None:
    assert list(find_ignored(settings(**{name: default}))) == []
    (said,) = find_ignored(settings(**{name: other}))
    assert said.startswith(f"{name} ")

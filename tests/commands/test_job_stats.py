"""What is told of a crawl's speed and end."""

from __future__ import annotations

import pytest
from scrapy.settings import Settings

from pdfspider.crawl.progress.display import line, panel, plain
from pdfspider.crawl.progress.job_stats import JobStats, Rates
from pdfspider.crawl.progress.summary import command
from pdfspider.formatting import (
    FAILURE_OUTCOMES,
    FOUND_OUTCOMES,
    LEFT_OUT_OUTCOMES,
    OUTCOME_MEANINGS,
    clock,
    counted,
    moment,
    said_size,
    said_time,
)
from pdfspider.items import Outcome


def after(paces: Rates, samples: int, *, found: float, ended: float, queued: float = 1000) -> JobStats:
    for second in range(samples):
        classes = {"page": int(100 + ended * second)}
        stats = JobStats(name="job j", state="running", queued=int(queued + (found - ended) * second), classes=classes)
        paces.add(float(second), stats, own_ended=0, received=0)
    return stats


def test_the_end_is_told_while_less_is_found_than_done() -> None:
    paces = Rates()
    stats = after(paces, 21, found=10, ended=30)
    assert paces.urls.per_second == 30
    assert paces.eta == pytest.approx(stats.remaining / 20)
    assert "ETA 30 s" in line(stats, paces)


@pytest.mark.parametrize(
    ("samples", "found", "ended"), [(5, 0, 30), (21, 30, 30), (21, 60, 30), (21, 29, 30), (21, 0, 0)]
)
def test_nothing_is_told_of_an_end_that_nobody_knows(samples: int, found: float, ended: float) -> None:
    paces = Rates()
    stats = after(paces, samples, found=found, ended=ended)
    assert paces.eta is None
    assert "ETA" not in line(stats, paces)


def test_bytes_are_those_that_come_before_they_are_stored() -> None:
    paces = Rates()
    for second in range(3):
        paces.add(second, JobStats(name="", state=""), own_ended=0, received=second * 5_000_000)
    assert paces.bytes == 5_000_000


def test_every_class_is_explained_and_in_one_group() -> None:
    assert (
        sorted(OUTCOME_MEANINGS) == sorted(Outcome) == sorted((*FOUND_OUTCOMES, *LEFT_OUT_OUTCOMES, *FAILURE_OUTCOMES))
    )


def test_the_end_is_no_sooner_than_the_slowest_host_allows() -> None:
    paces = Rates()
    stats = after(paces, 21, found=10, ended=30)
    paces.by_politeness = 3600
    assert "ETA 1 h" in line(stats, paces)


def test_the_panel_says_what_failed_and_what_it_waits_for() -> None:
    stats = JobStats(name="job j", state="running", classes={"timeout": 2, "robots-denied": 7, "page": 9})
    shown = plain(panel(stats, Rates(), 1, "It is paused: nothing is fetched."))
    assert "7 robots-denied, 2 timeout" in shown
    assert shown.endswith("It is paused: nothing is fetched.")
    assert "It is paused" in line(stats, Rates(), "It is paused")


def test_what_a_serving_worker_shows() -> None:
    jobs = [{"queued": 2, "delayed": 1, "leased": 0}, {"queued": 1, "delayed": 0, "leased": 2}]
    stats = JobStats.of_worker(jobs, 1, {"pdfspider/outcome/document": 4, "pdfspider/bytes": 10, "finish_reason": "x"})
    assert (stats.name, stats.remaining, stats.documents, stats.bytes) == ("2 open jobs", 6, 4, 10)


def test_a_command_names_the_places_that_were_chosen() -> None:
    chosen = {"DATA_DIR": "my data", "REDIS_URL": "redis://u:secret@h:1/0", "DATABASE_URL": "postgresql://u@h/d"}
    settings = Settings(chosen, priority="cmdline")
    assert command(settings, "export captures.csv").endswith("-s DATA_DIR='my data' -s DATABASE_URL=postgresql://u@h/d")
    assert command(settings, "retry --job j").endswith(" -s REDIS_URL='redis://u:***@h:1/0'")
    assert command(Settings(chosen), "retry --job j").endswith("retry --job j")


@pytest.mark.parametrize("seconds", [1e300, -1e300, 1e12, -1e12, float("inf"), float("nan")])
def test_a_time_in_no_year_is_a_number(seconds: float) -> None:
    assert moment(seconds) == f"@{seconds:g}"


def test_sizes_times_and_counts() -> None:
    assert [said_size(size) for size in (0, 999, 1000, 12_400_000, 999_960, 3e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "12.4 MB",
        "1.0 MB",
        "3.0 TB",
    ]
    assert [said_time(seconds) for seconds in (0.4, 59.4, 61, 3600, 90_000, 9e6)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h",
        "1 d 1 h",
        "104 d",
    ]
    assert (clock(3725.9), counted(1, "URL"), counted(1200, "URL")) == ("1:02:05", "1 URL", "1,200 URLs")

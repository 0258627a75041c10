"""``scrapy crawl`` where there is no terminal: what it says, and how it ends."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.server import Server
    from tests.commands.conftest import Scrapy


def test_a_crawl_says_what_it_found_and_where_it_is(scrapy: Scrapy, site: Server, data: Path) -> None:
    done = scrapy("crawl", "pdfs", "-a", f"urls={site.url},{site.url}status/404", "-a", "scope=any", "-a", "job=whole")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stderr.split())
    assert "works on job whole" in said
    assert "Finished after" in said
    assert "documents 9 " in said
    assert "pages 6 " in said
    assert "failures 1 not-found 1 not there" in said
    for place in (data / "files", data / "pdfs.db", "export captures.csv --job whole"):
        assert str(place) in said


def test_scrapys_own_log_is_left_out_unless_asked_for(scrapy: Scrapy, site: Server) -> None:
    url = f"urls={site.url}status/404"
    quiet, loud = scrapy("crawl", "pdfs", "-a", url), scrapy("crawl", "pdfs", "-a", url, "-L", "INFO")
    for noise in ("Scrapy 2", "Overridden settings", "Enabled ", "Versions", "Dumping Scrapy stats"):
        assert noise not in quiet.stderr
        assert noise in loud.stderr


BAD_INPUT = {
    "-a url=http://a.b/ -a max_page=3 -a depth=x -a max_pages=99999999999999999999 -a scope=web": [
        "-a url: no such argument (known: urls, urls_file, cdx, job",
        "-a max_page: no such argument",
        "-a depth=x: input should be a valid integer",
        "-a scope=web: input should be 'host', 'domain' or 'any'",
        "-a max_pages=99999999999999999999: input should be less than or equal to 1000000000000",
    ],
    "-a urls=": ["-a urls: there is no URL"],
    "-a urls=ftp://a.b/,http://a.b/,http://": ["'ftp://a.b/' is not a URL", "'http://' is not a URL"],
    "-a due=1 -a job=j": ["-a due: it needs urls or urls_file"],
    "-a urls_file=/nonexistent": ["cannot read urls_file /nonexistent"],
    "-s CONCURRENT_REQUESTS=many": ["CONCURRENT_REQUESTS='many' is not a number"],
    "-s ROBOTSTXT_OBEY=perhaps": ["ROBOTSTXT_OBEY='perhaps' is neither True nor False"],
    "-s CLOSESPIDER_TIMEOUT=soon -a job=j": ["CLOSESPIDER_TIMEOUT='soon' is not a number"],
}


def test_bad_input_is_named_before_anything_begins(scrapy: Scrapy, data: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda words: scrapy("crawl", "pdfs", *words.split()), BAD_INPUT))
    for done, said in zip(answers, BAD_INPUT.values(), strict=True):
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert len(lines) == len(said), done.stderr
        for line, part in zip(lines, said, strict=True):
            assert line.startswith("error: ")
            assert part in line
    assert not data.exists()


def test_unknown_spider_log_level_and_log(scrapy: Scrapy) -> None:
    unknown, level = scrapy("crawl", "pdf"), scrapy("crawl", "pdfs", "-L", "LOUD")
    other = scrapy("crawl", "reports")
    assert (other.returncode, other.stderr) == (1, "error: there is no spider 'reports': SPIDER_MODULES has pdfs\n")
    log = scrapy("crawl", "pdfs", "--logfile", "/proc/nowhere")
    assert log.returncode == 2
    assert "cannot write to the log /proc/nowhere" in log.stderr
    assert (unknown.returncode, unknown.stderr) == (1, "error: there is no spider 'pdf': did you mean pdfs?\n")
    stock = scrapy("crawl", "stock", "-s", "SPIDER_MODULES=tests.crawl.own_spiders")
    said = "error: StockSpider is no subclass of pdfspider.spiders.pdfs.PdfSpider\n"
    assert (stock.returncode, stock.stderr) == (1, said)
    assert level.returncode == 2
    assert "there is no log level LOUD" in level.stderr


REFUSED = {
    "REDIS_URL=redis://127.0.0.1:1/0": "no Redis at redis://127.0.0.1:1/0",
    "FILES_STORE=gopher://a/b": "there is no store for 'gopher'",
    "FILES_STORE=s3://bucket": "FILES_STORE=s3://bucket is not complete",
    "FILES_STORE=/proc/nowhere": "FILES_STORE=/proc/nowhere cannot be used",
    'EXTENSIONS={"no.such.Part":1}': "The worker cannot start: ModuleNotFoundError: No module named 'no'",
    'DOWNLOAD_HANDLERS={"http":null}': "DOWNLOAD_HANDLERS: nothing of http can be fetched: there is no handler",
    "DATABASE_URL=oracle://a/b": "No database driver",
}


def test_a_worker_that_is_refused_says_why(scrapy: Scrapy) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda setting: scrapy("crawl", "pdfs", "-s", setting), REFUSED))
    for done, said in zip(answers, REFUSED.values(), strict=True):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr
        assert re.search(" (ERROR|CRITICAL) ", done.stderr)
        assert said in done.stderr


def test_a_name_of_scrapyds_own_passes(scrapy: Scrapy, site: Server) -> None:
    done = scrapy("crawl", "pdfs", "-a", f"urls={site.url}status/404", "-a", "_job=26d1b1a6d6f111e0")
    assert done.returncode == 0, done.stderr


def test_urls_may_stand_alone(scrapy: Scrapy, site: Server, data: Path) -> None:
    done = scrapy("crawl", site.url, f"{site.url}status/404", "-a", "scope=any")
    assert done.returncode == 0, done.stderr
    assert "documents 9 " in " ".join(done.stderr.split())
    twice = scrapy("crawl", site.url, "-a", f"urls={site.url}")
    assert (twice.returncode, "URLs are given twice" in twice.stderr) == (2, True)
    unsaid = scrapy("crawl", "example.org")
    assert (unsaid.returncode, "did you mean https://example.org?" in unsaid.stderr) == (1, True)

"""Scrapy's own commands still work in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from bench.server import Server
    from tests.commands.conftest import Scrapy


def test_list_and_settings(scrapy: Scrapy) -> None:
    assert scrapy("list").stdout == "pdfs\n"
    assert scrapy("settings", "--get", "BOT_NAME").stdout == "pdfspider\n"


def test_shell_and_fetch_need_no_frontier(scrapy: Scrapy, site: Server, data: Path) -> None:
    shell = scrapy("shell", site.url, "-c", "response.status, response.css('title::text').get()")
    assert shell.stdout == "(200, 'Page 0')\n", shell.stderr
    assert "<title>Page 0</title>" in scrapy("fetch", site.url).stdout
    assert not data.exists()


def test_parse_prints_a_capture_and_its_links(scrapy: Scrapy, site: Server, data: Path) -> None:
    parsed = scrapy("parse", site.url, "--nocolour")
    assert parsed.returncode == 0, parsed.stderr
    assert "'outcome': <Outcome.PAGE: 'page'>" in parsed.stdout
    assert f"# Links of {site.url}\na " in parsed.stdout


@pytest.mark.parametrize("command", ["parse", "fetch", "view", "shell -c response"])
def test_a_page_that_cannot_be_fetched_is_one_line(scrapy: Scrapy, data: Path, command: str) -> None:
    done = scrapy(*command.split(), "-s", "RETRY_ENABLED=False", "http://127.0.0.1:9/")
    assert "http://127.0.0.1:9/" in done.stderr
    assert "Connection was refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert not data.exists()


def test_check_runs_the_contracts_of_subclasses(scrapy: Scrapy, site: Server, data: Path, tmp_path: Path) -> None:
    def check(returns: str) -> subprocess.CompletedProcess[str]:
        text = CONTRACT.format(url=site.url, returns=returns)
        (tmp_path / "contracted.py").write_text(text)
        return scrapy("check", "contracted", "-s", "SPIDER_MODULES=contracted")

    with_path = pytest.MonkeyPatch()
    with_path.setenv("PYTHONPATH", str(tmp_path))
    good, bad = check("items 1 1"), check("items 2 2")
    with_path.undo()
    assert (good.returncode, bad.returncode) == (0, 1), good.stderr + bad.stderr
    assert "Ran 2 contracts" in good.stderr
    assert "Returned 1 items, expected 2" in bad.stderr
    assert not data.exists()


CONTRACT = """
from pdfspider.spiders.pdfs import PdfSpider


class Contracted(PdfSpider):
    name = "contracted"

    def parse(self, response, **kwargs):
        \"\"\"Yield the capture.

        @url {url}
        @returns {returns}
        @scrapes url outcome
        \"\"\"
        yield from super().parse(response, **kwargs)
"""


def test_runspider_takes_a_file_with_a_subclass(scrapy: Scrapy, site: Server, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(CONTRACT.format(url=site.url, returns="items 1 1"))
    done = scrapy("runspider", str(file), "-a", f"urls={site.url}", "-a", "depth=1", "-O", str(tmp_path / "items.jl"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "items.jl").read_text().count('"url"') > 1
    assert (data / "pdfs.db").exists()

"""Scrapy's own commands still work in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

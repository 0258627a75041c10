"""What all commands share."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.cli import find_unknown
from pdfspider.commands._base import ProjectCommand, complain, say, set_settings
from pdfspider.commands.crawl import _take_urls

if TYPE_CHECKING:
    from pdfspider.config import Config


class Command(ProjectCommand):
    """Says a line, or raises ``error``."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.settings = Settings()
        self.settings.setmodule(defaults)
        self.exitcode = 0
        self._error = error

    def act(self, config: Config, args: list[str], opts: Namespace) -> None:
        say("a line")
        if self._error:
            raise self._error


def test_a_reader_that_goes_ends_it_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    command = Command()
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        command.run([], Namespace())
    assert command.exitcode == 141
    assert capfd.readouterr().err == ""


def test_what_the_system_refuses_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(PermissionError(13, "Permission denied", "data/redis"))
    command.run([], Namespace())
    assert command.exitcode == 1
    assert capsys.readouterr().err == "error: [Errno 13] Permission denied: 'data/redis'\n"


def test_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(KeyboardInterrupt())
    command.run([], Namespace())
    assert (command.exitcode, capsys.readouterr().err) == (130, "")


def test_an_option_that_there_is_not_is_no_argument() -> None:
    with pytest.raises(UsageError, match="there is no option --jsn"):
        Command().run(["--jsn"], Namespace())


@pytest.mark.parametrize(("words", "job"), [([""], None), (["j"], "")])
def test_an_empty_word_is_not_everything(words: list[str], job: str | None) -> None:
    with pytest.raises(UsageError, match="is empty"):
        Command().run(words, Namespace(job=job))


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("DOWNLOAD_DELAY", "-s DOWNLOAD_DELAY: there is no value, write -s DOWNLOAD_DELAY=VALUE"),
        ("ITEM_PIPELINES=5", "-s ITEM_PIPELINES=5: it is not a JSON object: "),
        ("ITEM_PIPELINES=mine.Pipeline", "-s ITEM_PIPELINES=mine.Pipeline: it is not a JSON object: "),
    ],
)
def test_a_setting_that_is_no_setting(assignment: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(said)}"):
        set_settings(Settings(), [assignment])


def test_settings_of_the_command_line() -> None:
    settings = Settings()
    set_settings(settings, ["USER_AGENT=a=b", 'ITEM_PIPELINES={"mine.Pipeline": 1}'])
    assert settings["USER_AGENT"] == "a=b"
    assert settings.getdict("ITEM_PIPELINES") == {"mine.Pipeline": 1}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("craw", "there is no command craw: did you mean crawl? (pdfspider lists all commands)"),
        ("xyz", "there is no command xyz (pdfspider lists all commands)"),
        ("http://a.test/", "http://a.test/ is no command: did you mean pdfspider crawl http://a.test/?"),
        ("crawl", None),
        ("version", None),
        ("--help", None),
    ],
)
def test_a_command_that_there_is_not(word: str, said: str | None) -> None:
    assert find_unknown(word) == said


@pytest.mark.parametrize(
    ("args", "arguments", "taken"),
    [
        (["http://a.test/", "http://b.test/"], {}, ["pdfs"]),
        (["own", "http://a.test/"], {}, ["own"]),
        ([], {"urls_file": "sites.txt"}, ["pdfs"]),
        ([], {"depth": "2"}, []),
    ],
)
def test_the_spider_that_is_meant(args: list[str], arguments: dict[str, str], taken: list[str]) -> None:
    _take_urls(args, arguments)
    assert args == taken


def test_nothing_that_is_printed_is_obeyed_by_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps({"title": "a\x9b2J\u202e\ud800\x7f\x1b[31m é\n"}, ensure_ascii=False)
    say(text)
    say("one\ttwo\nthree\r\x1b[2J")
    complain("no \x1b]0;owned\x07")
    out, err = capsys.readouterr()
    first, *rest = out.splitlines()
    assert json.loads(first) == json.loads(text)
    assert rest == ["one\ttwo", "three\\u000d\\u001b[2J"]
    assert err == "error: no \\u001b]0;owned\\u0007\n"

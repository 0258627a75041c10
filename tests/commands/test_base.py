"""What all commands share."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import pytest
from scrapy.exceptions import UsageError
from scrapy.settings import Settings

from pdfspider import settings as defaults
from pdfspider.commands._base import Ours, say

if TYPE_CHECKING:
    from pdfspider.config import Config


class Command(Ours):
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

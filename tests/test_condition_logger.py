from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pdfspider import condition_logger
from pdfspider.condition_logger import ConditionLogger

if TYPE_CHECKING:
    import pytest


def test_what_comes_and_goes_is_logged_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(condition_logger.time, "monotonic", lambda: now)
    condition = ConditionLogger("Full", "There is room", every=60)
    with caplog.at_level(logging.WARNING):
        for _ in range(30):
            condition.begin("reason")
            condition.end()
            now += 1
        assert caplog.messages == ["Full (reason)", "There is room after 0.0 s"]
        condition.begin()
        assert condition.lasts
        now += 40
        condition.begin("still")
        condition.begin("still")
        condition.end()
    assert caplog.messages[2:] == ["Full (still)", "There is room after 40.0 s"]

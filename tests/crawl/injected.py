"""Parts that tests put into a worker by its settings."""

from __future__ import annotations

import logging
import os
from typing import Any

HANDLER = "pdfspider.crawl.handler"


class StartLog:
    """An extension: writes when each request was sent, and to where, into the file ``START_LOG``."""

    def __init__(self) -> None:
        logger = logging.getLogger(HANDLER)
        logger.setLevel(logging.DEBUG)
        file = logging.FileHandler(os.environ["START_LOG"])
        file.addFilter(lambda record: record.msg.startswith("start "))
        file.setFormatter(_Bare())
        logger.addHandler(file)
        logger.propagate = False


class _Bare(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage().removeprefix("start ")


class Unlucky(Exception):  # noqa: N818
    """What the injected parts raise."""

"""What is tried again, and that the reference says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pdfspider.crawl.fetch.errors import releases_lease
from pdfspider.crawl.policy.retries import RETRYABLE_BY_STATUS, RETRYABLE_OUTCOMES
from pdfspider.formatting import OUTCOME_MEANINGS
from pdfspider.items import OUTCOMES_BY_CODE, Outcome

REFERENCE = (Path(__file__).parents[2] / "docs/reference.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `([a-z-]+)`(?: †)? \| [^|]+ \| ([^|]*?) ?\|$", REFERENCE, re.MULTILINE))


@pytest.mark.parametrize("outcome", [*Outcome])
def test_the_reference_says_what_is_tried_again(outcome: Outcome) -> None:
    expected = "yes" if outcome in RETRYABLE_OUTCOMES else "by status" if outcome in RETRYABLE_BY_STATUS else ""
    assert ROWS[outcome.value] == ("`PDF_POLL_TIMES`" if outcome is Outcome.NOT_READY else expected)


def test_every_class_has_a_code_and_a_meaning() -> None:
    assert len(OUTCOMES_BY_CODE) == len(Outcome)
    assert set(OUTCOME_MEANINGS) == set(Outcome)
    assert all(len(code) == 1 and code.isascii() for code in OUTCOMES_BY_CODE)


def test_nothing_is_wrong_with_a_url_when_redis_cannot_be_asked_on_the_way() -> None:
    assert releases_lease(RedisConnectionError("Connection refused"))

"""What an operator's arguments change of a job that is open."""

from __future__ import annotations

from typing import Any

import pytest

from pdfspider.submission.params import Params
from pdfspider.submission.seeds import changes_by


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {}),
        ({"depth": 3, "scope": "any", "due": True, "job": "j"}, {}),
        ({"max_pages": "0"}, {"max_pages": 0}),
        ({"max_documents": 7, "max_seconds": "1.5"}, {"max_documents": 7, "max_time": 1500}),
    ],
)
def test_only_limits_that_are_named_change_an_open_job(given: dict[str, Any], changes: dict[str, int]) -> None:
    assert changes_by(Params(urls=["http://a.test/"], **given)) == changes

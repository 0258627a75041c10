"""What a start URL may say, as scrapy-redis users push it."""

from __future__ import annotations

import json

import pytest

from pdfspider.exceptions import InvalidInput
from pdfspider.submission.messages import parse

URL = "http://a.test/"


@pytest.mark.parametrize(
    "message", [URL, f"\ufeff{URL}", f" \t{URL} \r\n", json.dumps({"url": URL}), f'\ufeff [ "{URL}" ]\n']
)
def test_a_mark_and_blanks_do_not_matter(message: str) -> None:
    assert [entry.url for entry in parse(message.encode(), 3).entries] == [URL]


def test_an_array_is_several() -> None:
    array = [URL, {"url": f"{URL}1", "depth": 1, "priority": 5}]
    first, second = parse(json.dumps(array).encode(), 3).entries
    assert (first.url, first.max_depth, second.url, second.max_depth, second.priority) == (URL, 3, f"{URL}1", 1, 5)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("[]", "an array of 0: it must have 1 to 1000"),
        (json.dumps([URL] * 1001), "an array of 1001"),
        (json.dumps([URL, "ftp://a.test/"]), "'ftp://a.test/' is not a URL"),
        (json.dumps([URL, {"url": URL, "job": "x"}]), "go to one job"),
        (json.dumps([{"url": URL, "meta": {"a": 1}}, URL]), "with one meta"),
        (json.dumps([URL, {"uri": URL}]), "2. of the array: url: Field required"),
        (json.dumps([[URL]]), "is not a URL"),
        ("[" * 100_000, "not a JSON array"),
        (f"{{'url': '{URL}'}}", "JSON has double quotes"),
        (f"['{URL}']", "JSON has double quotes"),
        (json.dumps({"url": URL, "formdata": "x"}), "formdata: there is no such key (there are "),
        (json.dumps({"url": URL, "formdata": "x"}), "what is your own belongs into meta"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(message: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(message.encode(), 3)
    assert reason in str(refused.value)

"""Results of a bounded size."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pdfspider.gateway.outbound.bounds import BOUNDED_LISTS, bounded, encode

SIZES = st.lists(st.integers(0, 300), max_size=30)


def result(urls: list[int], documents: list[int], failures: list[int]) -> dict[str, Any]:
    named = {"documents": [{"url": "d" * n} for n in documents], "failures": [{"url": "f\u00e9" * n} for n in failures]}
    return {"id": "1", "urls": ["u" * n for n in urls], **named, "counts": {"urls": 7}, "truncated": False}


@given(SIZES, SIZES, SIZES, st.integers(200, 10_000))
def test_lists_are_cut_and_nothing_else(urls: list[int], documents: list[int], failures: list[int], limit: int) -> None:
    whole = result(urls, documents, failures)
    cut = bounded(whole, limit)
    assert len(encode(cut)) <= limit
    assert list(cut) == list(whole)
    assert all(cut[name] == whole[name][: len(cut[name])] for name in BOUNDED_LISTS)
    if len(encode(whole)) <= limit:
        assert cut == whole
    else:
        assert cut["truncated"]
        assert any(len(cut[name]) < len(whole[name]) for name in BOUNDED_LISTS)


def test_what_is_small_stays_whole_beside_what_is_large() -> None:
    cut = bounded(result([20], [50] * 1000, [50] * 10), 10_000)
    assert (len(cut["urls"]), len(cut["failures"])) == (1, 10)
    assert len(encode(cut)) > 9_800


def test_without_a_list_nothing_can_be_cut() -> None:
    bare = {"id": "1", "urls": None, "documents": [], "failures": [], "meta": "x" * 100}
    assert bounded(bare, 50) == bare
    assert bounded(result([9] * 99, [], []), 0) == result([9] * 99, [], [])

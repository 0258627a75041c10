"""Which deliveries one acknowledgement stands for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdfspider.gateway.transports.rabbitmq.tags import AckBatcher


def test_what_stands_behind_one_that_is_open_is_acknowledged_alone() -> None:
    tags = AckBatcher()
    assert tags.settle([3, 1, 2]) == (3, [])
    assert tags.settle([5, 6]) == (0, [5, 6])
    assert tags.settle([4, 8]) == (4, [8])
    assert tags.settle([7, 9]) == (9, [])


@given(st.permutations(range(1, 30)), st.integers(1, 7))
def test_nothing_is_acknowledged_before_it_is_settled_or_twice(order: list[int], size: int) -> None:
    tags, settled, open_ones = AckBatcher(), set[int](), set(order)
    for start in range(0, len(order), size):
        group = order[start : start + size]
        settled.update(group)
        last, alone = tags.settle(group)
        assert not last or last in open_ones
        said = {tag for tag in open_ones if tag <= last} | set(alone)
        assert said == set(group)
        assert said <= settled
        open_ones -= said
    assert not open_ones

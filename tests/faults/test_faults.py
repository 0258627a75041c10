"""Every fault once, those of a kind in one crawl; ``make faults`` injects each of them many times."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from tests.faults.registry import FAULTS, kind_of
from tests.faults.runner import run
from tests.faults.servers import Unavailable
from tests.faults.world import Scale

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.faults import Fault

KINDS = {kind: list(group) for kind, group in groupby(sorted(FAULTS, key=kind_of), kind_of)}
QUICK = {"on_workers-World", "on_redis-World"}
"""Less than a minute on two cores; the others take twice as long again."""
MARKED = [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in KINDS]


@pytest.mark.parametrize("kind", MARKED)
def test_faults(kind: str, tmp_path: Path) -> None:
    faults: list[Fault] = KINDS[kind]
    scale = Scale(pages=20 + 20 * len(faults), workers=2)
    try:
        row = run(faults, seed=1, scale=scale, directory=tmp_path)
    except Unavailable as error:
        pytest.skip(str(error))
    print(row)
    assert row.injected == len(faults)
    assert row.good, row

"""Every harness on what was found once, and on a few hundred inputs that are the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.harnesses import HARNESSES
from tests.fuzz.inputs import CORPUS, kept, made

if TYPE_CHECKING:
    from pathlib import Path

FILES = [path for name in HARNESSES for path in kept(name)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once(path: Path) -> None:
    HARNESSES[path.parent.name].check(path.read_bytes())


def test_every_input_belongs_to_a_harness() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= HARNESSES.keys()


@pytest.mark.parametrize("name", HARNESSES)
def test_made_inputs(name: str) -> None:
    harness = HARNESSES[name]
    check = given(made(harness))(harness.check)
    settings(
        max_examples=harness.examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[*HealthCheck],
    )(check)()

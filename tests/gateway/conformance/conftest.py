from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.conftest import frontier_with_a_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.server import Server
    from tests.gateway.masters.base import Master
    from tests.support import Fleet


@pytest.fixture(scope="class")
def served(site: Server) -> Iterator[Fleet]:
    """One for each class: a message with a ``task_id`` that another master of the same way has used is a repetition."""
    yield from frontier_with_a_worker()


@pytest.fixture(scope="class")
def master(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """The one that the test class names."""
    master = request.cls.kind(tmp_path_factory.mktemp("master"))
    yield master
    master.close()

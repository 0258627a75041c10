from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.masters.base import Master


@pytest.fixture(scope="class")
def master(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """The one that the test class names."""
    master = request.cls.kind(tmp_path_factory.mktemp("master"))
    yield master
    master.close()

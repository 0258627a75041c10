"""A staging directory for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pdfspider.documents.staging import Staging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def staging(tmp_path: Path) -> AsyncIterator[Staging]:
    staging = Staging(tmp_path / "store", "worker-1")
    yield staging
    await staging.close()
    assert not staging.directory.exists()

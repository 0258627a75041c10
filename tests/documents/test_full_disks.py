"""Documents that find no room on the disk, or not yet."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pdfspider.documents.disk import FreeSpace, capacity, probe
from pdfspider.documents.errors import StagingBusy, StagingError, StoreError
from pdfspider.documents.staging import BATCH_SIZE, STAGING_DIRECTORY, Staging
from pdfspider.documents.store import Staged, document_path, keep_all
from tests.documents.staged import left, stage
from tests.support import disk_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def test_a_write_goes_on_in_the_oldest_document_alone_where_there_is_no_room(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "w", limit=2 * BATCH_SIZE, patience=60)
    oldest, younger = staging.new(), staging.new()
    await oldest.write(bytes(BATCH_SIZE))
    await younger.write(bytes(BATCH_SIZE))
    waiting = asyncio.create_task(younger.write(bytes(BATCH_SIZE)))
    for _ in range(5):
        await oldest.write(bytes(BATCH_SIZE))
    assert not waiting.done()
    await oldest.finish()
    await waiting  # it is the oldest that is still written
    assert staging.used == 8 * BATCH_SIZE
    await oldest.discard()
    await younger.discard()
    assert staging.used == 0
    await staging.close()


async def test_a_write_waits_until_there_is_room(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "w", limit=3 * BATCH_SIZE, patience=60)
    oldest, kept, younger = (staging.new() for _ in range(3))
    for file in (oldest, kept, younger):
        await file.write(bytes(BATCH_SIZE))
    await kept.finish()
    waiting = asyncio.create_task(younger.write(bytes(BATCH_SIZE)))
    await oldest.write(b"")
    assert not waiting.done()
    staging.end(kept)
    await waiting
    await staging.close()


async def test_a_write_that_finds_no_room_for_long_is_given_up(tmp_path: Path) -> None:
    staging = Staging(tmp_path, "w", limit=BATCH_SIZE, patience=0.01)
    oldest, younger = staging.new(), staging.new()
    await oldest.write(bytes(BATCH_SIZE))
    with pytest.raises(StagingBusy):
        await younger.write(bytes(BATCH_SIZE))
    await younger.discard()
    await oldest.write(bytes(BATCH_SIZE))
    await oldest.discard()
    assert staging.used == 0
    await staging.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of(tmp_path / "disk", 2) as disk:
        yield disk


async def test_what_a_disk_has_room_for(small_disk: Path) -> None:
    assert probe(small_disk) is FreeSpace.ENOUGH
    assert probe(small_disk, 1_500_000) is FreeSpace.ENOUGH
    assert probe(small_disk, 2_500_000) is FreeSpace.LESS
    (small_disk / "ballast").write_bytes(bytes(1_000_000))
    assert probe(small_disk, 1_500_000) is FreeSpace.LESS
    with suppress(OSError):
        (small_disk / "more").write_bytes(bytes(2_000_000))
    assert probe(small_disk) is FreeSpace.NONE
    (small_disk / "more").unlink()
    assert probe(small_disk) is FreeSpace.ENOUGH
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast"]
    assert capacity(small_disk) == 2 * 1024 * 1024


def test_a_disk_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert probe(tmp_path / "file" / "directory") is FreeSpace.NONE


async def test_a_small_document_that_finds_no_room_leaves_nothing(small_disk: Path) -> None:
    staging = Staging(small_disk, "w")
    done = await stage(staging, [bytes(700_000)])
    with suppress(OSError):
        (small_disk / "ballast").write_bytes(bytes(3_000_000))
    (result,) = keep_all([Staged(str(done.path), done.content, str(small_disk / document_path(done.sha256)))])
    assert isinstance(result, StoreError)
    assert result.errno == errno.ENOSPC
    assert left(staging) == []
    await staging.close()


async def test_a_full_disk(small_disk: Path) -> None:
    staging = Staging(small_disk, "w")
    file = staging.new()
    await file.write(bytes(BATCH_SIZE))
    with pytest.raises(StagingError, match="No space left on device") as full:
        await file.write(bytes(3_000_000))
    assert full.value.path == file.path
    assert not isinstance(full.value, OSError)
    with pytest.raises(StagingError):
        await file.finish()
    await file.discard()
    done = await stage(staging, [bytes(1_000_000)])
    assert done.path.stat().st_size == 1_000_000
    await staging.close()
    assert list(small_disk.rglob("*")) == [small_disk / STAGING_DIRECTORY]


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from pdfspider.documents.errors import StagingError
from pdfspider.documents.staging import Staging

async def main():
    staging = Staging(Path(sys.argv[1]), "w")
    file = staging.new()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        await file.write(bytes(2_000_000))
    except StagingError as error:
        print(error)
    await staging.close()

asyncio.run(main())
"""


def test_a_write_that_is_done_in_part_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], check=True, capture_output=True, text=True)
    assert "File too large" in done.stdout

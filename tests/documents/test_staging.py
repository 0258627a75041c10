from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdfspider.documents.errors import StagingError
from pdfspider.documents.head import HEAD_SIZE
from pdfspider.documents.staging import BATCH_SIZE, STAGING_DIRECTORY, Staging
from pdfspider.documents.store import Staged, document_path, keep_all
from pdfspider.documents.tail import TAIL_SIZE
from pdfspider.exceptions import ConfigurationError
from tests.documents.staged import CHUNK, content_of, descriptors, expected, left, pieces, plain, stage

from .corpus import NAMES, document


@pytest.mark.parametrize("name", NAMES)
async def test_pdfs_go_through_unchanged(staging: Staging, name: str) -> None:
    data = document(name)
    done = await stage(staging, pieces(data))
    assert plain(done) == expected(done.path, data)
    assert content_of(done) == data
    target = staging.directory.parents[1] / document_path(done.sha256)
    staged = Staged(str(done.path), done.content, str(target))
    assert await asyncio.get_running_loop().run_in_executor(staging.executor, keep_all, [staged]) == [True]
    assert target.read_bytes() == data
    assert left(staging) == []


async def test_an_empty_document(staging: Staging) -> None:
    done = await stage(staging, [])
    assert plain(done) == expected(done.path, b"")
    assert content_of(done) == b""


async def test_many_at_once(staging: Staging) -> None:
    contents = [os.urandom(1000) * (400 * number) for number in range(12)]
    done = await asyncio.gather(*(stage(staging, pieces(data)) for data in contents))
    assert all(plain(file) == expected(file.path, data) for file, data in zip(done, contents, strict=True))
    assert all(content_of(file) == data for file, data in zip(done, contents, strict=True))


SEED = bytes(range(251)) * 7000  # more than two batches


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(
        [0, 1, HEAD_SIZE, TAIL_SIZE - 1, TAIL_SIZE + 1, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1, len(SEED)]
    ),
    st.lists(st.integers(0, len(SEED)), max_size=12),
)
def test_how_a_document_is_split_does_not_matter(size: int, cuts: list[int]) -> None:
    data = SEED[:size]
    edges = [0, *sorted(min(cut, size) for cut in cuts), size]

    async def run(root: Path) -> None:
        staging = Staging(root, "w")
        done = await stage(staging, [data[start:end] for start, end in itertools.pairwise(edges)])
        assert plain(done) == expected(done.path, data)
        assert content_of(done) == data
        await staging.close()

    with tempfile.TemporaryDirectory() as root:
        asyncio.run(run(Path(root)))


async def test_memory_stays_flat(staging: Staging) -> None:
    chunk, process = bytes(CHUNK), psutil.Process()
    file = staging.new()
    for _ in range(64):
        await file.write(chunk)
    before, peak = process.memory_info().rss, 0
    for _ in range(2000):
        await file.write(chunk)
        peak = max(peak, process.memory_info().rss)
    assert (await file.finish()).size == 2064 * CHUNK
    assert peak - before < 10_000_000
    await file.discard()


async def test_a_small_document_stays_in_memory(staging: Staging) -> None:
    small, large = await stage(staging, pieces(bytes(700_000))), await stage(staging, pieces(bytes(800_000)))
    assert small.content is not None
    assert large.content is None
    assert left(staging) == [large.path]


async def settled(staging: Staging) -> None:
    """Wait for removals."""
    async with asyncio.timeout(60):
        while staging.used:
            await asyncio.sleep(0.001)


async def test_what_an_owner_has_is_removed_with_it(staging: Staging) -> None:
    mine, others = object(), object()
    finished, begun, other = staging.new(mine), staging.new(mine), staging.new(others)
    for file in (finished, begun, other):
        await file.write(bytes(BATCH_SIZE))
    await finished.finish()
    assert staging.used == 3 * BATCH_SIZE
    staging.end(mine)
    staging.end(mine)
    async with asyncio.timeout(60):
        while staging.used > BATCH_SIZE:
            await asyncio.sleep(0.001)
    assert left(staging) == [other.path]
    assert not staging.has_others(others)
    with pytest.raises(StagingError):
        await begun.write(bytes(BATCH_SIZE))
    staging.end(others)
    await settled(staging)
    assert left(staging) == []


async def test_discard(staging: Staging) -> None:
    before = descriptors()
    for size in (0, 10, BATCH_SIZE, 3 * BATCH_SIZE):
        file = staging.new()
        await file.write(bytes(size))
        await file.discard()
        await file.discard()
        with pytest.raises(StagingError):
            await file.finish()
    finished = staging.new()
    await finished.finish()
    await finished.discard()
    assert left(staging) == []
    assert descriptors() == before


async def test_a_cancelled_write_leaks_nothing(staging: Staging) -> None:
    await stage(staging, [bytes(BATCH_SIZE)])  # the threads and what they need are there now
    before = descriptors()
    for delay in (0, 0.0001, 0.001, 0.003) * 5:
        files = [staging.new() for _ in range(8)]
        tasks = [asyncio.create_task(file.write(bytes(5_000_000))) for file in files]
        await asyncio.sleep(delay)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for file, result in zip(files, ended, strict=True):
            if isinstance(result, asyncio.CancelledError) and file._begun:
                with pytest.raises(StagingError):
                    await file.finish()
        await asyncio.gather(*(file.discard() for file in files))
    assert len(left(staging)) == 1
    assert descriptors() == before


async def test_a_file_that_vanished_is_not_begun_anew(staging: Staging) -> None:
    file = staging.new()
    await file.write(bytes(BATCH_SIZE))
    file.path.unlink()
    with pytest.raises(StagingError, match="No such file"):
        await file.write(bytes(BATCH_SIZE))
    with pytest.raises(StagingError):
        await file.finish()
    assert left(staging) == []


KILLED = """
import asyncio, sys
from pathlib import Path
from pdfspider.documents.staging import Staging

async def main():
    staging = Staging(Path(sys.argv[1]), "killed")
    file = staging.new()
    await file.write(b"%PDF-1.7" + bytes(2_000_000))
    print("staged", flush=True)
    while True:
        await file.write(bytes(1_000_000))

asyncio.run(main())
"""


async def test_a_kill_leaves_nothing_but_staging_to_be_cleared(tmp_path: Path, staging: Staging) -> None:
    root = staging.directory.parents[1]
    with subprocess.Popen([sys.executable, "-c", KILLED, root], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"staged\n"
        process.send_signal(signal.SIGKILL)
    assert list(root.rglob("*.pdf")) == []
    assert [path.name for path in root.iterdir()] == [STAGING_DIRECTORY]
    assert staging.stale({"killed"}, age=0) == []
    assert staging.stale(set(), age=3600) == []
    (dead,) = staging.stale(set(), age=0)
    assert dead.name == "killed"
    assert list(dead.iterdir())
    staging.clear(dead)
    staging.clear(dead)
    assert staging.stale(set(), age=0) == []
    assert staging.directory.exists()


async def test_only_staging_is_cleared(tmp_path: Path, staging: Staging) -> None:
    with pytest.raises(ValueError, match="not a staging directory"):
        staging.clear(tmp_path)
    (staging.directory.parent / "a file").touch()
    assert staging.stale(set(), age=0) == []
    assert tmp_path.exists()


async def test_leftovers_go_with_their_worker(tmp_path: Path) -> None:
    staging, other = Staging(tmp_path, "one"), Staging(tmp_path, "two")
    await stage(staging, [bytes(BATCH_SIZE)])
    kept = await stage(other, [b"kept" * BATCH_SIZE])
    await staging.close()
    assert not staging.directory.exists()
    assert content_of(kept) == b"kept" * BATCH_SIZE
    await other.close()


@pytest.mark.parametrize("worker", ["", ".", "..", "a/b", "/etc", "a/"])
def test_a_worker_cannot_leave_the_staging_directory(tmp_path: Path, worker: str) -> None:
    with pytest.raises(ConfigurationError, match="staging directory"):
        Staging(tmp_path, worker)


def test_a_root_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/file/.*Not a directory"):
        Staging(tmp_path / "file", "w")


@pytest.mark.parametrize("size", [0, 10, HEAD_SIZE + 1, BATCH_SIZE - 1, BATCH_SIZE + 10, len(SEED)])
async def test_head_and_tail_of_what_has_come_so_far(staging: Staging, size: int) -> None:
    file = staging.new()
    for piece in pieces(SEED[:size]):
        await file.write(piece)
    assert (file.head, file.tail) == (SEED[:size][:HEAD_SIZE], SEED[:size][-TAIL_SIZE:])
    await file.discard()

from __future__ import annotations

import hashlib
import multiprocessing
import os
import uuid
from typing import TYPE_CHECKING

import pytest

from pdfspider.documents.errors import StoreError
from pdfspider.documents.store import STORE_ID, document_path, keep, store_id
from pdfspider.exceptions import ConfigurationError, PdfSpiderError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

DATA = [f"document {number}".encode() * 500 for number in range(20)]
PROCESSES = 8
SPAWN = multiprocessing.get_context("spawn")


def target(root: Path, data: bytes) -> Path:
    return root / document_path(hashlib.sha256(data).hexdigest())


def stage(root: Path, data: bytes, name: str = "staged") -> Path:
    path = root / name
    path.write_bytes(data)
    return path


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_document_path() -> None:
    assert document_path("abcdef01") == "ab/cd/abcdef01.pdf"


def test_keep(tmp_path: Path) -> None:
    final = target(tmp_path, DATA[0])
    assert keep(stage(tmp_path, DATA[0]), final) is True
    assert files(tmp_path) == {final: DATA[0]}


def test_a_known_document_is_kept_once(tmp_path: Path) -> None:
    final = target(tmp_path, DATA[0])
    keep(stage(tmp_path, DATA[0]), final)
    before = final.stat()
    assert keep(stage(tmp_path, DATA[0]), final) is False
    assert files(tmp_path) == {final: DATA[0]}
    assert final.stat().st_ino == before.st_ino


@pytest.mark.parametrize("wrong", [b"", b"cut", DATA[0] + b"more"])
def test_a_file_of_another_size_is_replaced(tmp_path: Path, wrong: bytes) -> None:
    final = target(tmp_path, DATA[0])
    final.parent.mkdir(parents=True)
    final.write_bytes(wrong)
    assert keep(stage(tmp_path, DATA[0]), final) is True
    assert files(tmp_path) == {final: DATA[0]}


def test_what_cannot_be_kept_is_no_oserror(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file") as gone:
        keep(tmp_path / "gone", tmp_path / "ab" / "cd" / "x.pdf")
    assert gone.value.path == tmp_path / "ab" / "cd" / "x.pdf"
    (tmp_path / "ef").touch()
    with pytest.raises(PdfSpiderError, match="Not a directory") as blocked:
        keep(stage(tmp_path, DATA[0]), tmp_path / "ef" / "gh" / "x.pdf")
    assert not isinstance(blocked.value, OSError)


def _keep_all(root: Path, barrier: Barrier, results: Queue[int]) -> None:
    own = root / f"staging-{os.getpid()}"
    own.mkdir()
    barrier.wait()
    kept = [keep(stage(own, data), target(root, data)) for data in [*DATA, str(os.getpid()).encode()]]
    own.rmdir()
    results.put(sum(kept))


def _store_id(root: Path, barrier: Barrier, results: Queue[str]) -> None:
    barrier.wait()
    results.put(store_id(root))


def together(function: Callable[..., None], root: Path) -> list[int]:
    barrier, results = SPAWN.Barrier(PROCESSES), SPAWN.Queue()
    processes = [SPAWN.Process(target=function, args=(root, barrier, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return answers


def test_many_processes_keep_the_same_and_different_documents(tmp_path: Path) -> None:
    kept = together(_keep_all, tmp_path)
    stored = files(tmp_path)
    assert len(stored) == len(DATA) + PROCESSES
    assert all(path == target(tmp_path, data) for path, data in stored.items())
    assert min(kept) >= 1
    assert sum(kept) >= len(DATA) + PROCESSES


def test_many_processes_agree_on_the_store(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet"
    (identity,) = set(together(_store_id, root))
    assert str(uuid.UUID(str(identity))) == identity
    assert [path.name for path in root.iterdir()] == [STORE_ID]


def test_store_id_stays(tmp_path: Path) -> None:
    assert store_id(tmp_path) == store_id(tmp_path) != store_id(tmp_path / "other")


def test_a_damaged_store_id_is_told(tmp_path: Path) -> None:
    (tmp_path / STORE_ID).write_bytes(b"\xff nonsense")
    with pytest.raises(ConfigurationError, match=r"\.store-id does not hold"):
        store_id(tmp_path)


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match=str(root)) as told:
            store_id(root)
        assert "exists" in str(told.value) or "Not a directory" in str(told.value)


def test_a_root_that_cannot_be_written(read_only: Path) -> None:
    for root in (read_only, read_only / "below"):
        with pytest.raises(ConfigurationError, match=f"{root}") as told:
            store_id(root)
        assert "cannot" in str(told.value)

"""The document store as a directory: ``ab/cd/<sha256>.pdf``, each file whole or not there."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from pdfspider.documents.errors import StoreError
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

STORE_ID = ".store-id"


def document_path(sha256: str) -> str:
    """Where the document with this hash (lower-case hex) lies in a store."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}.pdf"


def keep(staged: Path, target: Path) -> bool:
    """Move a staged file to its final name and make both durable. To be run in a thread.

    False if the target was there already with the same size; the staged file is then removed. Of several at the
    same instant more than one may return True. Raises StoreError.
    """
    try:
        return _keep(staged, target)
    except OSError as error:
        raise StoreError(target, error) from error


def store_id(root: Path) -> str:
    """The identity of the store, made at its first use. Raises ConfigurationError."""
    make_directory(root)
    path = root / STORE_ID
    try:
        if not path.exists():
            _make_id(path)
        return str(uuid.UUID(path.read_text("ascii").strip()))
    except ValueError as error:
        raise ConfigurationError(f"{path} does not hold the id of a document store") from error
    except OSError as error:
        raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error


def make_directory(directory: Path) -> None:
    """Make sure that a directory is there and can be written. Raises ConfigurationError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory {directory}: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigurationError(f"cannot write to the directory {directory}")


def _keep(staged: Path, target: Path) -> bool:
    """Directories are made first and synced last: one commit of the file system's journal then serves them all."""
    if _size(target) == staged.stat().st_size:
        staged.unlink()
        _sync(target.parent)
        return False
    changed = [target.parent, *_make(target.parent)]
    _sync(staged)
    staged.replace(target)
    for directory in changed:
        _sync(directory)
    return True


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _make(directory: Path) -> list[Path]:
    """Make a directory and its parents where they are missing; the directories that got an entry by that."""
    try:
        directory.mkdir()
    except FileExistsError:
        return []
    except FileNotFoundError:
        return [*_make(directory.parent), *_make(directory)]
    return [directory.parent]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_id(path: Path) -> None:
    """Of several makers at once one wins: a finished file is linked to the name only where there is none."""
    own = path.with_name(f"{STORE_ID}.{uuid.uuid4().hex}")
    try:
        own.write_text(f"{uuid.uuid4()}\n", "ascii")
        _sync(own)
        with suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink(missing_ok=True)
    _sync(path.parent)

"""The document store as a directory: ``ab/cd/<sha256>.pdf``, where each file is either whole or absent."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.documents.errors import StoreError
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

STORE_ID = ".store-id"


def document_path(sha256: str) -> str:
    """Return the path in a store of the document with this hash (lower-case hex)."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}.pdf"


class Staged(NamedTuple):
    """A staged document: the file ``path``, or a content in memory with ``path`` as its staging name."""

    path: str
    content: bytes | None
    target: str


def is_stored(directory: str | Path, sha256: str) -> bool:
    """Return whether the store in this directory has the document."""
    return os.path.exists(f"{directory}/{document_path(sha256)}")


def keep_all(documents: Sequence[Staged]) -> list[bool | StoreError]:
    """Move staged documents to their final names, durably.

    Each one is written, synced and renamed; then the directories are synced. Run it in a thread. A group shares the
    journal's commits and the switch of threads.

    Return for each document True, or the error, or False if the target exists with the same size, in which case the
    staged file is removed. If the same document is stored several times at once, more than one may get True.
    """
    changed: dict[str, None] = {}
    results = [_attempt(document, changed) for document in documents]
    try:
        for directory in changed:
            sync(directory)
    except OSError as error:
        return [StoreError(Path(document.target), error) for document in documents]
    return results


def keep(staged: Path, target: Path) -> bool:
    """Store one staged file, as ``keep_all`` does.

    Raises StoreError.
    """
    result = keep_all([Staged(str(staged), None, str(target))])[0]
    if isinstance(result, StoreError):
        raise result
    return result


def store_id(root: Path) -> str:
    """Return the id of the store, which is created at its first use.

    Raises ConfigurationError.
    """
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
    """Create a directory unless it exists, and check that it can be written.

    Raises ConfigurationError.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot create the directory {directory}: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigurationError(f"cannot write to the directory {directory}")


def _attempt(document: Staged, changed: dict[str, None]) -> bool | StoreError:
    try:
        return _place(document, changed)
    except OSError as error:
        if document.content is not None:
            with suppress(OSError):
                os.unlink(document.path)
        return StoreError(Path(document.target), error)


def _place(document: Staged, changed: dict[str, None]) -> bool:
    path, content, target = document
    directory = os.path.dirname(target)
    size = os.stat(path).st_size if content is None else len(content)
    if not _make(directory, changed) and _size(target) == size:
        if content is None:
            os.unlink(path)
        changed[directory] = None
        return False
    if content is None:
        sync(path)
    else:
        _write(path, content)
    os.replace(path, target)
    changed[directory] = None
    return True


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return None


def _make(directory: str, changed: dict[str, None]) -> bool:
    """Create a directory and its missing parents, and return whether it was missing.

    The directories that got a new entry are added to ``changed``.
    """
    parent = os.path.dirname(directory)
    try:
        os.mkdir(directory)
    except FileExistsError:
        return False
    except FileNotFoundError:
        _make(parent, changed)
        _make(directory, changed)
    changed[parent] = None
    return True


def open_new(path: str | Path, flags: int = 0) -> int:
    """Open a new file for appending.

    Its directory is created again if a cleaner removed it as a dead worker's.
    """
    flags |= os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def _write(path: str, content: bytes) -> None:
    descriptor = open_new(path, os.O_DSYNC)  # a system call less than fsync, and each one passes the GIL on and back
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all bytes to a file, also if the system takes them in parts."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync(path: str | Path) -> None:
    """Have the content of a file, or the entries of a directory, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_id(path: Path) -> None:
    """Create the id; of several processes at once, one wins.

    A finished file is linked to the name, which fails if the name exists.
    """
    own = path.with_name(f"{STORE_ID}.{uuid.uuid4().hex}")
    try:
        own.write_text(f"{uuid.uuid4()}\n", "ascii")
        sync(own)
        with suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink(missing_ok=True)
    sync(path.parent)

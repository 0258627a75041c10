"""Further names of stored documents in a directory store: hard links to the files that are named by their hash.

Each name belongs to one document, in whatever case it is written: ``.names/`` has a symbolic link for each that says
which. Two workers that want the same name for two documents at the same moment get two names.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from pdfspider.documents.errors import StoreError
from pdfspider.documents.paths import flat, key_of, with_hash
from pdfspider.documents.store import document_path, make_directory, sync
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES_DIRECTORY = ".names"
TOLERATED_ERRORS = (errno.EMLINK, errno.ENAMETOOLONG)
"""Errors for which a document goes without a further name: it has too many, or one of them is too long."""


class WantedName(NamedTuple):
    """A name that a stored document is to have; ``name`` comes from ``safe_path``."""

    root: Path
    sha256: str
    name: str


def check_links(root: Path) -> None:
    """Raise ConfigurationError if a directory's file system has no hard links, or no symbolic ones."""
    make_directory(root / NAMES_DIRECTORY)
    probe = root / NAMES_DIRECTORY / f".{os.getpid()}-{os.urandom(4).hex()}"
    made = [probe.with_suffix(suffix) for suffix in (".file", ".hard", ".symbolic")]
    try:
        made[0].touch()
        made[1].hardlink_to(made[0])
        made[2].symlink_to("probe")
    except OSError as error:
        raise ConfigurationError(f"FILES_STORE={root} has no links, which other names need: {error.strerror}") from None
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def name_all(documents: Sequence[WantedName]) -> list[str | StoreError | None]:
    """Give names to stored documents, durably. Run it in a thread.

    Return for each document its name: the wanted one, or where that belongs to another document, one with the beginning
    of the hash. None: it has too many names already.
    """
    changed: dict[Path, None] = {}
    names = [_attempt(document, changed) for document in documents]
    try:
        for directory in changed:
            sync(directory)
    except OSError as error:
        return [StoreError(document.root / document.name, error) for document in documents]
    return names


def _attempt(document: WantedName, changed: dict[Path, None]) -> str | StoreError | None:
    name, sha256 = document.name, document.sha256
    try:
        for candidate in dict.fromkeys((name, with_hash(name, sha256), flat(name, sha256))):
            if _take(document.root, sha256, candidate, changed):
                return candidate
    except OSError as error:
        if error.errno not in TOLERATED_ERRORS:
            return StoreError(document.root / name, error)
    return None


def _take(root: Path, sha256: str, name: str, changed: dict[Path, None]) -> bool:
    """Give a name to a document, and return whether it could have it."""
    path = root / name
    try:
        _make(path.parent, root, changed)
    except (FileExistsError, NotADirectoryError):  # one of its directories is a file
        return False
    if not _reserve(root, sha256, name, changed):
        return False
    target = root / document_path(sha256)
    try:
        path.hardlink_to(target)
    except FileExistsError:
        return path.is_file() and path.stat().st_size == target.stat().st_size
    changed[path.parent] = None
    return True


def _reserve(root: Path, sha256: str, name: str, changed: dict[Path, None]) -> bool:
    """Note whose a name is, and return whether it is this document's."""
    key = blake2b(key_of(name).encode(), digest_size=16).hexdigest()
    entry = root / NAMES_DIRECTORY / key[:2] / key
    _make(entry.parent, root, changed)
    try:
        entry.symlink_to(sha256)
    except FileExistsError:
        return entry.readlink().name == sha256
    changed[entry.parent] = None
    return True


def _make(directory: Path, root: Path, changed: dict[Path, None]) -> None:
    """Create a directory of the store and its missing parents."""
    if directory == root or directory.is_dir():
        return
    _make(directory.parent, root, changed)
    with suppress(FileExistsError):
        directory.mkdir()
        changed[directory.parent] = None
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a file is in its way", str(directory))

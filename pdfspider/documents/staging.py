"""Write documents while they arrive, to ``.staging/<worker>`` inside the store.

The event loop touches no disk, and no file stays open between two writes, so nothing leaks when a task ends. Each file
belongs to an owner, the lease of a visit. ``Staging.end`` removes all files that an owner still has.

Longer than 300 lines: a file and its directory share their locks, their limits and their errors.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import secrets
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pdfspider.documents.errors import StagingBusy, StagingError
from pdfspider.documents.head import HEAD_SIZE
from pdfspider.documents.store import make_directory, open_new, write_all
from pdfspider.documents.tail import TAIL_SIZE, has_end, is_whole
from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

T = TypeVar("T")

STAGING_DIRECTORY = ".staging"
BATCH_SIZE = 768 * 1024
"""Bytes that are collected before they are written; a smaller document stays in memory until it is stored."""
MAX_CHUNKS_COLLECTED = 64
"""Chunks that are collected before they are joined: small ones take more memory than their bytes."""
THREADS = 4


class StagedBody(NamedTuple):
    """A document that has arrived; ``head`` is its first KiB, ``tail`` at least its last 64 KiB.

    A small document is still in memory as ``content``, without a file at its path.
    """

    location: str
    sha256: str
    size: int
    head: bytes
    tail: bytes
    content: bytes | None = None

    @property
    def path(self) -> Path:
        """The path of its file."""
        return Path(self.location)


class Staging:
    """One worker's staging directory, and the threads that write to it.

    Without a ``root`` documents are only in memory. ``limit`` bounds the bytes of all its files together (0: no limit).
    A file without room waits up to ``patience`` seconds. The oldest file that is still written never waits, so that one
    document always makes progress. Raises ConfigurationError if the directory cannot be created or written.
    """

    def __init__(self, root: Path | None, worker: str, *, limit: int = 0, patience: float = 30.0) -> None:
        if worker in {"", ".", ".."} or Path(worker).name != worker:
            raise ConfigurationError(f"{worker!r} cannot name a staging directory")
        self.directory = (root or Path()) / STAGING_DIRECTORY / worker
        if root is not None:
            make_directory(self.directory)
        self.executor = ThreadPoolExecutor(THREADS, "staging")
        self.used = 0
        """Bytes of all staged files."""
        self.closed = False
        self._limit, self._patience = limit, patience
        self._files: dict[object, list[StagedFile]] = {}
        self._writing: dict[StagedFile, None] = {}
        self._freed = asyncio.Event()
        first = f"{self.directory}/{secrets.token_hex(4)}"  # joining a Path costs 3 µs
        self._locations = (f"{first}-{number}" for number in itertools.count())

    def new(self, owner: object = None) -> StagedFile:
        """Return a file that is removed when it is discarded, or when ``end`` is called for its owner."""
        return StagedFile(self, next(self._locations), owner)

    def in_memory(self, content: bytes) -> StagedBody:
        """Return a document that is completely in memory."""
        sha256 = hashlib.sha256(content).hexdigest()
        return StagedBody(
            next(self._locations), sha256, len(content), content[:HEAD_SIZE], content[-TAIL_SIZE:], content
        )

    def end(self, owner: object) -> None:
        """Begin to remove the files that an owner still has."""
        for file in self._files.pop(owner, ()):
            file.abandon()

    def has_others(self, owner: object) -> bool:
        """Return whether another owner has files."""
        return any(other is not owner for other in self._files)

    async def reserve(self, file: StagedFile, size: int) -> None:
        """Reserve ``size`` bytes for a file as soon as there is room.

        Raises StagingBusy.
        """
        if file not in self._writing:
            self._writing[file] = None
            self._files.setdefault(file.owner, []).append(file)
        deadline = time.monotonic() + self._patience
        while not self._has_room(file, size):
            self._freed.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._freed.wait()
            except TimeoutError:
                raise StagingBusy(file.path, f"other documents take up {self._limit} bytes of staging") from None
        file.on_disk += size
        self.used += size

    def _has_room(self, file: StagedFile, size: int) -> bool:
        return not self._limit or self.used + size <= self._limit or file is next(iter(self._writing))

    def written(self, file: StagedFile) -> None:
        """Note that a file has its final size."""
        self._writing.pop(file, None)
        self._freed.set()

    def removed(self, file: StagedFile) -> None:
        """Note that a file has been removed."""
        self.used -= file.on_disk
        file.on_disk = 0
        files = self._files.get(file.owner, [])
        if file in files:
            files.remove(file)
            if not files:
                del self._files[file.owner]
        self.written(file)

    def stale(self, live_workers: Collection[str], age: float = 60.0) -> list[Path]:
        """Return the directories of workers that are not live, untouched for ``age`` seconds.

        The age protects a worker that started after ``live_workers`` were listed. Run it in a thread, as ``clear``.
        """
        before = time.time() - age
        others = (path for path in self.directory.parent.iterdir() if path != self.directory and path.is_dir())
        return [path for path in others if path.name not in live_workers and _modified(path) < before]

    def touch(self) -> None:
        """Mark this worker's directory as in use.

        Run it in a thread.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        os.utime(self.directory)

    def clear(self, directory: Path) -> None:
        """Remove a worker's staging directory with its content."""
        if directory.parent != self.directory.parent:
            raise ValueError(f"{directory} is not a staging directory of this store")
        shutil.rmtree(directory, ignore_errors=True)

    def remove(self) -> None:
        """Wait for the running writes, then remove the worker's own directory with its content."""
        self.closed = True
        self.executor.shutdown()
        self.clear(self.directory)

    async def close(self) -> None:
        """Call ``remove`` off the event loop, once every StagedFile has ended."""
        await asyncio.to_thread(self.remove)


class StagedFile:
    """A document that is being written to disk.

    It ends with ``finish`` or ``discard``, or with its owner. After a write that raised or was cancelled, only
    ``discard`` may be called; all else raises StagingError.
    """

    _hash: hashlib._Hash
    """The hash of the bytes written so far."""

    def __init__(self, staging: Staging, location: str, owner: object) -> None:
        self.location = location
        self.owner = self if owner is None else owner
        self.size = self.on_disk = 0
        self._staging = staging
        self._parts: list[bytes] = []
        self._held = 0
        self._head = self._tail = b""
        self._lock = threading.Lock()
        self._begun = self._given_up = self._ended = self._discarded = False

    @property
    def path(self) -> Path:
        """The path of its file."""
        return Path(self.location)

    @property
    def head(self) -> bytes:
        """The first KiB so far."""
        return self._head if self._begun else self._join()[:HEAD_SIZE]

    @property
    def tail(self) -> bytes:
        """The last 64 KiB so far."""
        return (self._tail + self._join()[-TAIL_SIZE:])[-TAIL_SIZE:]

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises StagingError.
        """
        self.size += len(chunk)
        self._held += len(chunk)
        self._parts.append(chunk)
        if len(self._parts) == MAX_CHUNKS_COLLECTED:
            self._join()
        if self._held >= BATCH_SIZE:
            await self._flush()

    async def is_whole(self) -> bool:
        """Return whether what has come ends as a PDF does, however much follows its end. Raises StagingError."""
        rest = self._join()
        if not self._begun:
            return is_whole(rest)
        return is_whole(self.tail) or await self._run(self._search, rest)

    def _search(self, rest: bytes) -> bool:
        written = self.size - len(rest)
        with _staging_errors(self.path), self.path.open("rb") as file:

            def read(offset: int, size: int) -> bytes:
                file.seek(offset)
                on_disk = file.read(min(size, written - offset)) if offset < written else b""
                return on_disk + rest[max(offset - written, 0) : max(offset + size - written, 0)]

            return has_end(read, self.size)

    async def finish(self) -> StagedBody:
        """Write the rest of a large document, and return the finished document.

        It is not durable before ``store.keep_all``. Raises StagingError.
        """
        if not self._begun:
            return self._in_memory()
        await self._flush()
        self._staging.written(self)
        return StagedBody(self.location, self._hash.hexdigest(), self.size, self._head, self._tail)

    def _in_memory(self) -> StagedBody:
        if self._given_up:
            raise StagingError(self.path, "it was abandoned after an earlier error")
        content, self._given_up = self._take(), True
        sha256 = hashlib.sha256(content).hexdigest()
        return StagedBody(self.location, sha256, self.size, content[:HEAD_SIZE], content, content)

    def _join(self) -> bytes:
        """Join the chunks that are not written yet; a single chunk is not copied."""
        self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def _take(self) -> bytes:
        taken = self._join()
        self._parts, self._held = [], 0
        return taken

    async def discard(self) -> None:
        """Remove the file, at any time and any number of times.

        Raises StagingError.
        """
        if removal := self.abandon():
            await asyncio.shield(removal)

    def abandon(self) -> asyncio.Future[None] | None:
        """Begin to remove the file, if it exists."""
        self._given_up = self._ended = True
        self._parts = []
        if not self._begun or self._staging.closed:
            self._staging.removed(self)
            return None
        removal = self._run(self._remove)
        removal.add_done_callback(self._note_removal)
        return removal

    def _note_removal(self, removal: asyncio.Future[None]) -> None:
        if not removal.cancelled():
            removal.exception()
        self._staging.removed(self)

    async def _flush(self) -> None:
        if self._given_up:
            raise StagingError(self.path, "it was abandoned after an earlier error")
        self._given_up = True
        await self._staging.reserve(self, self._held)
        if self._ended:
            self._staging.removed(self)
            raise StagingError(self.path, "its visit has ended")
        batch, first, self._begun = self._take(), not self._begun, True
        await self._run(self._append, batch, first)
        self._given_up = False

    def _run(self, function: Callable[..., T], *args: object) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._staging.executor, function, *args)

    def _append(self, batch: bytes, first: bool) -> None:
        if first:
            self._head, self._hash = batch[:HEAD_SIZE], hashlib.sha256()
        self._tail = (self._tail + batch[-TAIL_SIZE:])[-TAIL_SIZE:]
        self._hash.update(batch)
        with self._lock, _staging_errors(self.path):
            if not self._discarded:
                _append_to(self.path, batch, first=first)

    def _remove(self) -> None:
        with self._lock, _staging_errors(self.path):
            self._discarded = True
            self.path.unlink(missing_ok=True)


def _append_to(path: Path, data: bytes, *, first: bool) -> None:
    descriptor = open_new(path) if first else os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


@contextmanager
def _staging_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StagingError(path, error) from error


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")

"""Stages documents of made-up bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import psutil

from pdfspider.documents.head import HEAD_SIZE
from pdfspider.documents.staging import StagedBody, Staging
from pdfspider.documents.tail import TAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHUNK = 64 * 1024


async def stage(staging: Staging, chunks: Iterable[bytes]) -> StagedBody:
    file = staging.new()
    for chunk in chunks:
        await file.write(chunk)
    return await file.finish()


def pieces(data: bytes, size: int = CHUNK) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def expected(path: Path, data: bytes) -> StagedBody:
    return StagedBody(str(path), hashlib.sha256(data).hexdigest(), len(data), data[:HEAD_SIZE], data[-TAIL_SIZE:])


def content_of(done: StagedBody) -> bytes:
    return done.path.read_bytes() if done.content is None else bytes(done.content)


def plain(done: StagedBody) -> StagedBody:
    return done._replace(tail=done.tail[-TAIL_SIZE:], content=None)


def descriptors() -> int:
    return psutil.Process().num_fds()


def left(staging: Staging) -> list[Path]:
    return list(staging.directory.iterdir())

"""Store thumbnails as ``ab/cd/<sha256>.png``, as documents are in their store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def keep_thumbnail(directory: Path, sha256: str, content: bytes) -> str:
    """Write the PNG, and return its path in the directory.

    Raises OSError.
    """
    name = f"{sha256[:2]}/{sha256[2:4]}/{sha256}.png"
    target = directory / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(target)
    return name

"""The inputs of the harnesses: those that found something, and those that are made."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.fuzz.harnesses import Harness

CORPUS = Path(__file__).with_name("corpus")
LONGEST = 40


def made(harness: Harness) -> st.SearchStrategy[bytes]:
    """Return a strategy for bytes that are rich in what the harness looks for."""
    piece = st.one_of(st.sampled_from(harness.words), st.sampled_from(harness.words), st.binary(max_size=6))
    return st.lists(piece, max_size=LONGEST).map(b"".join)


def kept(name: str) -> list[Path]:
    """Return the files with inputs that once found something, or that show how much is read."""
    return sorted((CORPUS / name).glob("*"))


def keep(name: str, data: bytes) -> Path:
    """Write an input that found something; return its path."""
    path = CORPUS / name / sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path

"""Real PDFs, shared beside the project."""

from __future__ import annotations

from pathlib import Path

CORPUS = sorted((Path(__file__).parents[3] / "shared" / "corpus").glob("*.pdf"))

"""The bytes that the benchmark site serves: PDFs of any size and pages of links, both cheap to make."""

from __future__ import annotations

import functools
import hashlib
import random
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PARAGRAPH_BYTES = 420
FILLER_BYTES = 1 << 20

_PDF_HEAD = b"""%%PDF-1.4
%%\xe2\xe3\xcf\xd3
1 0 obj
<< /Type /Catalog /Pages 2 0 R >>
endobj
2 0 obj
<< /Type /Pages /Kids [3 0 R] /Count 1 >>
endobj
3 0 obj
<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>
endobj
4 0 obj
<< /Title (%48s) /Length %10d >>
stream
"""
_PDF_TAIL = b"""
endstream
endobj
xref
0 5
0000000000 65535 f\x20
%010d 00000 n\x20
%010d 00000 n\x20
%010d 00000 n\x20
%010d 00000 n\x20
trailer
<< /Size 5 /Root 1 0 R >>
startxref
%010d
%%%%EOF
"""
_EMPTY_HEAD = _PDF_HEAD % (b"", 0)
_OFFSETS = tuple(_EMPTY_HEAD.index(b"\n%d 0 obj" % number) + 1 for number in (1, 2, 3, 4))
_EMPTY_TAIL = _PDF_TAIL % (*_OFFSETS, 0)
_FRAME_BYTES = len(_EMPTY_HEAD) + len(_EMPTY_TAIL)


@functools.cache
def _filler() -> bytes:
    return random.Random(0).randbytes(FILLER_BYTES)


@functools.cache
def _paragraphs() -> list[str]:
    rng = random.Random(0)
    words = ["".join(rng.choices("aeioulnrstdmp", k=rng.randint(2, 11))) for _ in range(500)]
    return [" ".join(rng.choices(words, k=100))[:PARAGRAPH_BYTES] for _ in range(64)]


def pdf(size: int, title: str) -> list[bytes | memoryview]:
    """A valid one-page PDF of exactly ``size`` bytes, in parts that share their memory with every other PDF."""
    if size < _FRAME_BYTES:
        raise ValueError(f"a PDF has at least {_FRAME_BYTES} bytes")
    blocks, rest = divmod(size - _FRAME_BYTES, FILLER_BYTES)
    head = _PDF_HEAD % (title.encode("ascii")[:48], size - _FRAME_BYTES)
    xref = size - len(_EMPTY_TAIL) + _EMPTY_TAIL.index(b"xref")
    return [head, *[_filler()] * blocks, memoryview(_filler())[:rest], _PDF_TAIL % (*_OFFSETS, xref)]


def sha256(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def huge_sha256(size: int) -> str:
    """The SHA-256 of what ``/huge.pdf?size=SIZE`` answers."""
    return sha256(pdf(size, "huge"))


def page_html(title: str, hrefs: Sequence[str], paragraphs: int = 0) -> bytes:
    """A page with the links in their order, one to a paragraph, and at least that many ``paragraphs`` of text."""
    texts = _paragraphs()
    body = [
        f'<p>{texts[number % len(texts)]} <a href="{escape(href)}">{texts[number % len(texts)][:20]}</a></p>'
        for number, href in enumerate(hrefs)
    ]
    body += [f"<p>{texts[number % len(texts)]}</p>" for number in range(len(hrefs), paragraphs)]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</body></html>\n"
    ).encode()

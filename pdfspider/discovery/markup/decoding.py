"""Decode the bytes of a page to text."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder

from w3lib.encoding import html_body_declared_encoding, read_bom, resolve_encoding

from pdfspider.utf16 import SAMPLE_SIZE, utf16_without_mark

# Python has codecs that are no charsets; some of them are slow on purpose-made input.
_CHARSET = re.compile(r"utf|cp|iso|koi|mac|big5|gb|euc|shift|hz|tis|johab|ptcp|kz|ascii").match

STEP_SIZE = 256 * 1024
"""Bytes; some codecs take a quarter of a microsecond for each byte that they cannot decode."""


def decode(body: bytes | str, label: str | None) -> tuple[str, str]:
    """Return the text and its encoding, found as browsers do: byte order mark, header, meta element, guess."""
    if isinstance(body, str):
        return body, _charset(label) or "utf-8"
    encoding, mark = read_bom(body)
    if encoding is not None and mark is not None:
        body = body[len(mark) :]
    else:
        encoding = utf16_without_mark(body) or _declared(body, label) or _guess(body)
    return _decoded(body, encoding), encoding


def _declared(body: bytes, label: str | None) -> str | None:
    """Return the encoding that is declared for text that is not UTF-16, whatever it says.

    A meta element that can be read as ASCII and says UTF-16 means UTF-8, as the standard has it.
    """
    named = _charset(label)
    if named and not (_is_wide(named) and 0 not in body[:SAMPLE_SIZE]):
        return named
    named = _charset(html_body_declared_encoding(body))
    return "utf-8" if named and _is_wide(named) else named


def _is_wide(encoding: str) -> bool:
    return encoding.startswith(("utf-16", "utf-32"))


def _decoded(body: bytes, encoding: str) -> str:
    """Return the text; a large body is decoded in steps, between which other threads may run."""
    if len(body) <= STEP_SIZE:
        return body.decode(encoding, "replace")
    decoder = getincrementaldecoder(encoding)("replace")
    parts = [decoder.decode(body[start : start + STEP_SIZE]) for start in range(0, len(body), STEP_SIZE)]
    return "".join((*parts, decoder.decode(b"", final=True)))


def _charset(label: str | None) -> str | None:
    name = resolve_encoding(label) if label else None
    return name if name and _CHARSET(name) else None


def _guess(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def lowered(text: str) -> str:
    """Return a text with its ASCII letters in lower case; the others, which take five times as long, are lost."""
    return text.lower() if text.isascii() else text.encode("utf-8", "replace").lower().decode("latin-1")

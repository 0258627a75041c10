"""Turn names that URLs, headers and users give to documents into paths that are safe on any file system."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

MAX_PARTS = 8
MAX_PART_LENGTH = 100
"""Bytes of a directory's name in UTF-8; a file's name may have twice as many."""
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of characters that show nothing, or reorder what is shown."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)", re.IGNORECASE).match
"""Names that Windows takes for devices, whatever follows a dot."""
_OF_THE_STORE = re.compile(r"[0-9a-f]{2}", re.IGNORECASE).fullmatch
"""Directories of documents by their hash."""


def safe_path(wanted: str) -> str:
    """Return a relative path like the wanted one that leads nowhere else; "" if nothing is left of it.

    It has no control characters, no names of devices, no hidden files, and a bounded length in every part.
    """
    parts = [part for each in re.split(r"[/\\]", wanted) if (part := _safe_part(each))]
    if len(parts) > MAX_PARTS:
        parts = [*parts[: MAX_PARTS - 1], parts[-1]]
    parts = [
        *(_cut(part, MAX_PART_LENGTH) for part in parts[:-1]),
        *(_cut(part, 2 * MAX_PART_LENGTH) for part in parts[-1:]),
    ]
    if parts and _OF_THE_STORE(parts[0]):
        parts[0] = f"_{parts[0]}"
    return "/".join(parts)


def with_hash(path: str, sha256: str) -> str:
    """Return a path that no other document has: the beginning of the hash follows the name."""
    directory, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return f"{directory}{slash}{stem or name}-{sha256[:8]}{dot if stem else ''}{suffix if stem else ''}"


def flat(path: str, sha256: str) -> str:
    """Return the name of a file, with the hash, without the directories of its path."""
    return with_hash(path.rpartition("/")[2], sha256)


def key_of(path: str) -> str:
    """Return what paths have in common that a file system may take for one: Mac and Windows ignore the case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def original_name(url: str, disposition_name: str | None) -> str:
    """Return HOST/NAME of a document: the name that its server says, or the last part of its URL."""
    place = urlsplit(url)
    return f"{place.netloc}/{_pdf(disposition_name or unquote(place.path.rpartition('/')[2]))}"


def path_name(url: str, disposition_name: str | None) -> str:
    """Return HOST/PATH/NAME of a document, as its URL has it."""
    place = urlsplit(url)
    directory, _, name = place.path.rpartition("/")
    return f"{place.netloc}{unquote(directory)}/{_pdf(unquote(name) or disposition_name or '')}"


LAYOUTS = {"hash": None, "original": original_name, "path": path_name}
"""What ``PDF_FILE_NAMES`` may be."""


def _pdf(name: str) -> str:
    name = name.replace("/", "_").replace("\\", "_")
    return name if name.lower().endswith(".pdf") else f"{name or 'document'}.pdf"


def _safe_part(part: str) -> str:
    seen = "".join(c for c in unicodedata.normalize("NFC", part) if unicodedata.category(c) not in _UNSEEN)
    name = _FORBIDDEN.sub("_", seen).strip().rstrip(". ")
    if name.startswith(".") or _RESERVED(name):
        name = f"_{name}"
    return name if name.strip("_. ") else ""


def _cut(part: str, most: int) -> str:
    """Return a part with at most so many bytes, and with its suffix."""
    if len(part.encode()) <= most:
        return part
    stem, dot, suffix = part.rpartition(".")
    if not stem or len(suffix) > MAX_PART_LENGTH // 5:
        stem, dot, suffix = part, "", ""
    room = most - len(f"{dot}{suffix}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + suffix

"""Read the file name in a Content-Disposition, which is data for the record and never a path.

Forms: RFC 6266 with RFC 8187 (``filename*=UTF-8''…``), RFC 2231 continuations (``filename*0=…``), and what servers send
instead: no quotes around blanks, RFC 2047 words, bytes in any charset.
"""

from __future__ import annotations

import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NAME_LENGTH = 255
MAX_HEADER_LENGTH = 8_192
"""Characters of a header that are read: thousands of encoded words take seconds."""
_PARAMETER = re.compile(r';\s*([\w!#$%&+^`{}~*.-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))')
_ESCAPED = re.compile(r'\\(["\\])')
_FILENAME = re.compile(r"filename(?:\*(\d{1,3}))?(\*)?", re.IGNORECASE).fullmatch
_EXTENDED = re.compile(r"([\w!#$%&+^`{}~-]*)'[^']*'(.*)", re.DOTALL).fullmatch
_PERCENT_ENCODED = re.compile(r"[^%]*+(?:%[0-9a-fA-F]{2}[^%]*+)+").fullmatch
_SINGLE_QUOTED = re.compile(r"'([^']+)'").fullmatch
_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?]*\?=", re.IGNORECASE).search


def file_name(disposition: str) -> str | None:
    """Return the file name without directories and control characters, None if there is none.

    Never raises.
    """
    disposition, plain, extended = disposition[:MAX_HEADER_LENGTH], None, None
    parts: dict[int, tuple[str, bool]] = {}
    for number, star, value in _file_names(disposition):
        if number is not None:
            parts.setdefault(int(number), (value, star))
        elif star:
            extended = extended or _extended(value)
        else:
            plain = plain or _plain(value)
    return _bare(extended or _continued(parts) or plain or "")


def _file_names(disposition: str) -> Iterator[tuple[str | None, bool, str]]:
    """Yield number of the continuation, whether its form is extended, and value of each file name parameter."""
    for parameter in _PARAMETER.finditer(f";{disposition}" if "=" in disposition.partition(";")[0] else disposition):
        name = _FILENAME(parameter[1])
        if name:
            quoted = parameter[2]
            # Some do not escape the backslashes of a path, so that only quotes and backslashes count as escaped.
            value = parameter[3].strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
            yield name[1], bool(name[2]), value


def _continued(parts: dict[int, tuple[str, bool]]) -> str | None:
    """Return the joined parts of a continued file name (RFC 2231, 4.1).

    Only the first part names the charset, and each part tells whether it is escaped.
    """
    if 0 not in parts:
        return None
    first, starred = parts[0]
    match = _EXTENDED(first) if starred else None
    charset, collected = ("", b"") if match is None else (match[1], unquote_to_bytes(_bytes(match[2])))
    if match is None:
        collected = _bytes(first)
    number = 1
    while number in parts:
        value, starred = parts[number]
        collected += unquote_to_bytes(_bytes(value)) if starred else _bytes(value)
        number += 1
    return _decode(collected, charset)


def _extended(value: str) -> str | None:
    match = _EXTENDED(value)
    return _decode(unquote_to_bytes(_bytes(match[2])), match[1]) if match else None


def _plain(value: str) -> str:
    if _WORD(value):
        try:
            return "".join(
                part if isinstance(part, str) else _decode(part, charset or "")
                for part, charset in decode_header(value)
            )
        except (ValueError, HeaderParseError):
            return value
    if not value.isascii():
        return _decode(_bytes(value), "")
    if quoted := _SINGLE_QUOTED(value):
        value = quoted[1]
    return _unescaped(value) if _PERCENT_ENCODED(value) else value


def _unescaped(value: str) -> str:
    """Return a percent-encoded name decoded, as Chromium does where it is UTF-8."""
    try:
        text = unquote_to_bytes(value).decode()
    except ValueError:
        return value
    return text if text.isprintable() else value


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _decode(data: bytes, charset: str) -> str:
    """Decode by the declared charset, or by one that fits if that is unknown or wrong."""
    for name in (charset, "utf-8"):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def _bare(name: str) -> str | None:
    text = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    text = text.replace("\\", "/").rpartition("/")[2].strip(' "')
    return text[:MAX_NAME_LENGTH] if text.strip(".") else None

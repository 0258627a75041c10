"""Convert the dates of PDF (ISO 32000, 7.9.4) to ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

DATE_PATTERN = re.compile(
    r"(?:D:)?\s*(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d))?)?)?)?)?"
    r"\s*(?:(Z)|([+-])(\d\d)'?(?:(\d\d)'?)?)?",
    re.ASCII,
)
DATE_FORMATS = ("{}", "{}-{}", "{}-{}-{}", "{}-{}-{}T{}:00", "{}-{}-{}T{}:{}", "{}-{}-{}T{}:{}:{}")


def iso_date(text: str) -> str | None:
    """Return the date with the precision that it has, None if it is not a date.

    Dates that are ISO 8601 already are accepted. An invalid offset is left out.
    """
    text = text.strip()
    found = DATE_PATTERN.match(text)
    if found is None or text[4:5] == "-":
        return _checked(text)
    numbers = [part for part in found.groups()[:6] if part is not None]
    date = DATE_FORMATS[len(numbers) - 1].format(*numbers)
    offset = _offset(found) if len(numbers) > 3 else ""
    return (_checked(date + offset) or _checked(date)) if len(numbers) > 2 else _checked(f"{date}-01-01"[:10]) and date


def _offset(found: re.Match[str]) -> str:
    zulu, sign, hours, minutes = found.groups()[6:]
    return "+00:00" if zulu else f"{sign}{hours}:{minutes or '00'}" if sign else ""


def _checked(text: str) -> str | None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text

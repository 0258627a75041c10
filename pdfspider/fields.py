"""Fields of a dataclass that say, where they are declared, how they are read from the settings."""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.settings import BaseSettings

MAX_NUMBER = 1e12
"""No number is larger: a size of a terabyte, a time of 30,000 years."""


def read(reader: Callable[[BaseSettings], Any]) -> Any:
    """Return a dataclass field whose value ``reader`` reads from the settings."""
    return field(metadata={"reader": reader})


def number(name: str, least: float = 0) -> Any:
    """Return a field for a number."""
    return read(lambda settings: as_number(settings, name, least))


def whole(name: str, least: int = 0) -> Any:
    """Return a field for a whole number."""
    return read(lambda settings: as_whole(settings, name, least))


def switch(name: str) -> Any:
    """Return a field for True or False."""
    return read(lambda settings: as_switch(settings, name))


def as_number(settings: BaseSettings, name: str, least: float = 0) -> float:
    """Return a setting as a number.

    Raises ConfigurationError if it is not a number, or out of range.
    """
    value = settings[name]
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name}={value!r} is not a number") from None
    if not least <= found <= MAX_NUMBER:
        raise ConfigurationError(f"{name}={value!r} is out of range: it must be from {least:g} to {MAX_NUMBER:g}")
    return found


def as_whole(settings: BaseSettings, name: str, least: int = 0) -> int:
    """Return a setting as a whole number.

    Raises ConfigurationError if it is not a whole number, or out of range. "1e9" is refused, because Scrapy cannot read
    it.
    """
    found, value = as_number(settings, name, least), settings[name]
    if not found.is_integer() or (isinstance(value, str) and not value.strip().lstrip("+-").isdecimal()):
        raise ConfigurationError(f"{name}={value!r} is not a whole number")
    return int(found)


def as_switch(settings: BaseSettings, name: str) -> bool:
    """Return a setting as True or False.

    Raises ConfigurationError if it is neither.
    """
    try:
        return settings.getbool(name)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name}={settings[name]!r} is neither True nor False") from None


def as_words(settings: BaseSettings, name: str) -> tuple[str, ...]:
    """Return the words between the commas of a setting.

    Raises ConfigurationError if it is no list.
    """
    try:
        return tuple(word for each in settings.getlist(name) if (word := str(each).strip()))
    except TypeError:
        raise ConfigurationError(f"{name}={settings[name]!r} is not a list") from None


def as_mapping(settings: BaseSettings, name: str) -> dict[str, Any]:
    """Return a setting as a dict.

    Raises ConfigurationError if it is not a JSON object.
    """
    try:
        return dict(settings.getdict(name))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} is not a JSON object: {error}") from None

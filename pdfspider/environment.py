"""Settings from the environment: ``PDFSPIDER_NAME=VALUE`` is as ``-s NAME=VALUE``, which overrides it.

``PDFSPIDER_NAME_FILE=PATH`` takes the value from a file, as secrets of containers are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX, FILE_SUFFIX = "PDFSPIDER_", "_FILE"
REAL_NAMES = ("LOG_FILE",)
"""Settings whose names end as those of files do."""


def settings_from(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that the environment names.

    Ends the process with a message if a file cannot be read, because there is no other place to report it.
    """
    found = {}
    for variable, value in environment.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or not name.isupper():
            continue
        if name.endswith(FILE_SUFFIX) and name not in REAL_NAMES:
            found[name.removesuffix(FILE_SUFFIX)] = _content(variable, value)
        else:
            found[name] = value
    return found


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SystemExit(f"error: {variable}: cannot read {path}: {reason}") from None

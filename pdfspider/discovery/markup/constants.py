"""Fill in the constants of a script where an address is put together from them."""

from __future__ import annotations

import re

MAX_SCRIPT_LENGTH = 128 * 1024
"""Characters of a script in which constants are filled in."""
MAX_CONSTANTS = 100
"""Constants of one script that are filled in."""

_NAME = r"[A-Za-z_$][\w$]{0,60}+"
_ASSIGNED = re.compile(
    rf"""(?<![\w$.])({_NAME})\s{{0,9}}=\s{{0,9}}(?:"([^"\\\r\n]{{1,500}}+)"|'([^'\\\r\n]{{1,500}}+)')(?=\s*[;,\r\n)])"""
)
_CHANGED = re.compile(rf"(?<![\w$.])({_NAME})\s{{0,9}}(?:\+=|=(?![=>]))").findall
_USED = re.compile(
    rf"""\$\{{\s{{0,9}}({_NAME})\s{{0,9}}\}}
    |(?<![\w$.])({_NAME})(?=\s{{0,9}}\+(?![+=]))
    |(?<=[\w$"'`)]\+)(\s{{0,9}})({_NAME})(?![\w$.(\[])
    |(?<=[\w$"'`)]\s\+)(\s{{0,9}})({_NAME})(?![\w$.(\[])
    |((?:location(?:\.href)?|\.(?:href|src|data))\s{{0,9}}=\s{{0,9}}|\b(?:replace|assign|open|navigate|getDocument|embed|fetch)\(\s{{0,9}})({_NAME})(?=\s{{0,9}}[;,)\r\n}}]|\s{{0,9}}\Z)""",
    re.VERBOSE,
)
_JOINED = re.compile(r"""["'`]\s{0,9}\+\s{0,9}["'`]""")
_GOES = re.compile(r"location(?:\.href)?\s{0,9}=(?!=)|location\.(?:replace|assign)\(|window\.open\(").search
_MAY_NEED_IT = re.compile(
    r"""["'`]\s{0,9}\+|\+\s{0,9}["'`]|\$\{
    |(?:location(?:\.href)?|\.(?:href|src|data))\s{0,9}=\s{0,9}[A-Za-z_$]
    |\b(?:replace|assign|open|navigate|getDocument|embed|fetch)\(\s{0,9}[A-Za-z_$]""",
    re.VERBOSE,
).search


def filled_in(script: str) -> str:
    """Return a script with its constants filled in where addresses are put together, and literals joined.

    A constant is a name to which the script gives one text, once.
    """
    if len(script) > MAX_SCRIPT_LENGTH or not (".pdf" in script or _goes(script)) or not _MAY_NEED_IT(script):
        return script
    constants = _constants(script)
    if constants:

        def fill(used: re.Match[str]) -> str:
            before = used[3] or used[5] or used[7] or ""
            value = constants.get(used[1] or used[2] or used[4] or used[6] or used[8])
            if value is None:
                return used[0]
            return value if used[1] else f'{before}"{value}"'

        script = _USED.sub(fill, script)
    return _JOINED.sub("", script)


def _goes(script: str) -> bool:
    if "getDocument(" in script or "PDFObject" in script:
        return True
    return ("location" in script or "window.open(" in script) and _GOES(script) is not None


def _constants(script: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ASSIGNED.finditer(script):
        found.setdefault(match[1], match[2] or match[3])
        if len(found) >= MAX_CONSTANTS:
            break
    if not found:
        return found
    changed = _CHANGED(script)
    return {name: value for name, value in found.items() if changed.count(name) == 1 and '"' not in value}

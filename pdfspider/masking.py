"""Remove secrets from everything that is logged, printed, stored or returned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile("AWS_|PASS|SECRET|TOKEN|KEY|CREDENTIAL|NOTIFY_URLS|WEBHOOK", re.IGNORECASE).search
_USERINFO = re.compile(r"""(?<=://)([^\s/?#@:"'<>]*+)(:?+)(?:[^\s/?#@"'<>]*+@)+""")
_PARAMETER = re.compile(
    r"""([?&;][\w.-]{0,32}(?:password|passwd|secret|token|api_?key|access_?key)[\w.-]{0,32}=)[^&;#\s"'<>]*""",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """Return a text without the passwords in its URLs: neither those before a host nor those in a query."""
    if "://" not in text:
        return text
    if "@" in text:
        text = _USERINFO.sub(lambda found: f"{found[1]}{':' + MASK if found[2] else ''}@", text)
    return _PARAMETER.sub(rf"\1{MASK}", text)


def masked_url(url: str) -> str:
    """Return one URL without its password, even if that contains ``/`` or ``@``."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if not separator or not at:
        return masked(url)
    user, colon, _ = credentials.partition(":")
    return masked(f"{scheme}://{user}{':' + MASK if colon else ''}@{place}")


def masked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without secrets: by their names, and by the passwords in their URLs."""
    return {name: MASK if value and _SECRET_NAME(str(name)) else _masked(value) for name, value in settings.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked_url(value) if value.count("://") == 1 else masked(value)
    if isinstance(value, Mapping):
        return masked_settings(value)
    return [_masked(each) for each in value] if isinstance(value, list | tuple | set) else value

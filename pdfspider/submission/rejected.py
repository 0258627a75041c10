"""Rejected messages, in the one format of all lists, queues and topics of rejects."""

from __future__ import annotations

import base64
import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pdfspider.exceptions import InvalidInput

REASON_LENGTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An invalid message, with its metadata.

    As JSON it is an object. ``message`` is the text of the message; if that is not UTF-8, ``base64`` has its bytes.
    ``reason`` is why it was rejected, and ``time`` when, in seconds since 1970. ``metadata`` is there if the message
    had any. ``cut`` says that the message was too large to be kept whole.
    """

    message: bytes
    reason: str
    time: float = field(default_factory=time.time)
    metadata: dict[str, Any] = field(default_factory=dict)
    """What its broker had beside it: properties, headers, key. In JSON bytes are ``{"$base64": …}``, times
    ``{"$time": …}`` and decimals ``{"$decimal": …}``."""
    cut: bool = False

    def dump(self) -> bytes:
        """Return the message as JSON."""
        said: dict[str, Any] = {"message": self.message.decode("utf-8", "replace"), "reason": self.reason}
        if said["message"].encode() != self.message:
            said["base64"] = base64.b64encode(self.message).decode()
        said["time"] = self.time
        if self.metadata:
            said["metadata"] = _plain(self.metadata)
        if self.cut:
            said["cut"] = True
        return json.dumps(said, ensure_ascii=False).encode("utf-8", "backslashreplace")

    @classmethod
    def load(cls, raw: bytes) -> Rejected:
        """Return the message from JSON.

        Raises InvalidInput.
        """
        try:
            said = json.loads(raw)
            encoded = said.get("base64")
            return cls(
                message=said["message"].encode() if encoded is None else base64.b64decode(encoded, validate=True),
                reason=str(said["reason"]),
                time=_instant(said["time"]),
                metadata=_rich(said.get("metadata") or {}),
                cut=bool(said.get("cut")),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArithmeticError) as error:
            raise InvalidInput(f"not a rejected message: {error}: {raw[:100]!r}") from None

    def shortened(self, length: int) -> Rejected:
        """Return only the beginning of a message that is too large."""
        return Rejected(message=self.message[:length], reason=self.reason[:length], time=self.time, cut=True)


def _instant(seconds: Any) -> float:
    """Return a time, 0 for a number that is none: infinite, not a number, or beyond what a float holds."""
    try:
        found = float(seconds)
    except OverflowError:
        return 0
    return found if math.isfinite(found) else 0


def _plain(value: Any) -> Any:
    """Return the value as JSON has it."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (bytes, bytearray)):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$time": (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> Any:
    """Return a text as it is, or its bytes if surrogates stand for some that are not UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        with suppress(UnicodeEncodeError):
            return _plain(value.encode("utf-8", "surrogateescape"))
    return value


def _rich(value: Any) -> Any:
    """Undo ``_plain``."""
    if isinstance(value, list):
        return [_rich(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, only),) = value.items()
        if name in _MADE:
            return _MADE[name](only)
    return {name: _rich(each) for name, each in value.items()}


_MADE: dict[str, Any] = {
    "$base64": base64.b64decode,
    "$time": lambda seconds: datetime.fromtimestamp(seconds, UTC),
    "$decimal": Decimal,
}

"""Convert a call of ``download_pdf`` in a task queue to the message that it stands for."""

from __future__ import annotations

import json
from typing import Any

from pdfspider.exceptions import InvalidInput

TASK_FUNCTION = "download_pdf"


def message(name: Any, args: Any, kwargs: Any, task_id: str) -> bytes:
    """Return the message for a call ``download_pdf(url, **fields)`` of any module.

    The fields are those of every message. Raises InvalidInput for any other call.
    """
    if not isinstance(name, str) or name.rpartition(".")[2] != TASK_FUNCTION:
        raise InvalidInput(f"{name!r} is unknown: only {TASK_FUNCTION} is accepted")
    if not isinstance(args, list) or not isinstance(kwargs, dict) or len(args) > 1 or (args and "url" in kwargs):
        raise InvalidInput(f"{TASK_FUNCTION} takes one URL, and everything else by keyword")
    fields = {"task_id": task_id, **kwargs}
    if args:
        fields["url"] = args[0]
    return json.dumps(fields).encode()


def parse(raw: bytes) -> Any:
    """Return the value of a JSON text.

    Raises InvalidInput for anything else, such as a pickle.
    """
    if raw.startswith(b"\x80"):
        raise InvalidInput("the message is pickled, which is never accepted: use a JSON serializer")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidInput("not JSON") from None

"""The report of an inspection, and the check of a process's answer."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pdfspider.exceptions import PdfSpiderError

if TYPE_CHECKING:
    from collections.abc import Mapping


class InspectionStatus(StrEnum):
    """The end of an inspection."""

    OK = "ok"
    ENCRYPTED = "encrypted"
    """The document cannot be opened without a password."""
    DAMAGED = "damaged"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"


class Content(StrEnum):
    """The kinds of content that sampled pages can have."""

    TEXT = "text"
    SCANNED = "scanned"
    """The pages are images without text."""
    MIXED = "mixed"
    NONE = "none"


class InvalidAnswer(PdfSpiderError):
    """The inspecting process gave an invalid answer."""


@dataclass(slots=True, kw_only=True)
class InspectionReport:
    """The findings about one document; None if the document does not tell or nobody asked."""

    status: InspectionStatus
    reason: str | None = None
    pages: int | None = None
    title: str | None = None
    author: str | None = None
    subject: str | None = None
    keywords: str | None = None
    created: str | None = None
    """ISO 8601, with the precision and the offset that the document has."""
    modified: str | None = None
    creator: str | None = None
    producer: str | None = None
    pdf_version: str | None = None
    encrypted: bool | None = None
    language: str | None = None
    tagged: bool | None = None
    linearized: bool | None = None
    content: Content | None = None
    characters: int | None = None
    """On an average page of the sample."""
    links: list[str] | None = None
    text: str | None = None
    thumbnail: bytes | None = None
    """A PNG."""
    seconds: float = 0.0

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> InspectionReport:
        """Return the report in a process's answer, which a hostile document may have influenced.

        Raises InvalidAnswer.
        """
        unknown = answer.keys() - ANSWER_NAMES
        if unknown or not all(_fits(name, value) for name, value in answer.items()):
            raise InvalidAnswer
        try:
            status, content = InspectionStatus(answer["status"]), answer.get("content")
            png = answer.get("thumbnail")
            read = {
                "status": status,
                "content": Content(content) if content else None,
                "thumbnail": base64.b64decode(png, validate=True) if png else None,
            }
        except (KeyError, ValueError, binascii.Error):
            raise InvalidAnswer from None
        return cls(**{**answer, **read})


FIELDS = [field.name for field in fields(InspectionReport)]
ANSWER_NAMES = {*FIELDS} - {"seconds"}
NUMBER_FIELDS = {"pages", "characters"}
BOOLEAN_FIELDS = {"encrypted", "tagged", "linearized"}
MAX_NUMBER = 1 << 31


def _fits(name: str, value: Any) -> bool:
    if value is None:
        return True
    if name == "links":
        return isinstance(value, list) and all(isinstance(link, str) for link in value)
    if name in NUMBER_FIELDS:
        return type(value) is int and 0 <= value < MAX_NUMBER
    return isinstance(value, bool if name in BOOLEAN_FIELDS else str)

"""Read messages that submit URLs."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import DEFAULT_JOB, META_LIMIT
from pdfspider.submission.reach import reach_of_operator
from pdfspider.submission.seeds import seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pdfspider.frontier.entries import Entry

URLS_PER_ARRAY = 1000
"""Start URLs that one message may have."""
JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class MessageOptions(BaseModel):
    """The options that every message may have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, given: Any) -> Any:
        """Leave out what is null, as clients send what they have not set."""
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if value is not None}
        return given

    depth: Annotated[int, Field(ge=0)] | None = None
    scope: Literal["host", "domain", "any"] = "host"
    priority: Annotated[int, Field(ge=-128, le=127)] = 0
    meta: dict[str, Any] | None = None
    due: bool = False


class StartUrlMessage(MessageOptions):
    """A start URL as JSON; a plain URL is a message with the defaults."""

    url: str
    job: JobName = DEFAULT_JOB
    seal: bool = False

    @model_validator(mode="after")
    def _has_runs(self) -> Self:
        if self.due and self.job == DEFAULT_JOB:
            raise ValueError(f"the job {DEFAULT_JOB} never ends: due needs another")
        return self


Model = TypeVar("Model", bound=MessageOptions)


class ParsedMessage(NamedTuple):
    """A valid message, with its raw form; an array has an entry for each of its URLs."""

    raw: bytes
    message: StartUrlMessage
    entries: list[Entry]

    def target(self) -> tuple[str, bytes, bool, bool]:
        """Return the job and options by which messages are grouped."""
        return _target(self.message)


def without_mark(raw: bytes) -> bytes:
    """Return a text without a byte order mark and blanks at its beginning."""
    return raw.lstrip().removeprefix(BOM_UTF8).lstrip()


def read(raw: bytes, model: type[Model]) -> Model:
    """Return the message in a JSON object or a plain URL.

    Raises InvalidInput.
    """
    try:
        text = without_mark(raw).decode("utf-8").strip()
        if not text.startswith("{") and ("\n" in text or "\r" in text):
            raise InvalidInput("more than one line: a message is one URL, or JSON")
        return model.model_validate_json(text) if text.startswith("{") else model.model_validate({"url": text})
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except ValidationError as error:
        raise InvalidInput("; ".join(_fault(item, model) for item in error.errors()) + _hint(text)) from None


def _fault(item: Any, model: type[MessageOptions]) -> str:
    """Return where a message is wrong, and what is wrong there."""
    place = ".".join(map(str, item["loc"])) or "message"
    if item["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields)
        return f"{place}: there is no such key (there are {known}); what is your own belongs into meta"
    return f"{place}: {item['msg']}"


def _hint(text: str) -> str:
    return " (JSON has double quotes)" if text.startswith(("{'", "['")) else ""


def read_several(raw: bytes) -> list[StartUrlMessage]:
    """Return the start URLs of one message: an array has several, which go to one job. Raises InvalidInput."""
    text = without_mark(raw)
    if not text.startswith(b"["):
        return [read(raw, StartUrlMessage)]
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not a JSON array: {error}{_hint(text[:2].decode('latin-1'))}") from None
    if not 0 < len(parts) <= URLS_PER_ARRAY:
        raise InvalidInput(f"an array of {len(parts)}: it must have 1 to {URLS_PER_ARRAY} URLs")
    messages = [_part(number, part) for number, part in enumerate(parts, 1)]
    if any(_target(message) != _target(messages[0]) for message in messages):
        raise InvalidInput("the URLs of an array go to one job, with one meta: send the others by themselves")
    return messages


def _part(number: int, part: Any) -> StartUrlMessage:
    try:
        return read((part if isinstance(part, str) else json.dumps(part)).encode("utf-8", "replace"), StartUrlMessage)
    except InvalidInput as error:
        raise InvalidInput(f"{number}. of the array: {error}") from None


def _target(message: StartUrlMessage) -> tuple[str, bytes, bool, bool]:
    """Return what the messages that are handed in together have in common."""
    return message.job, pack_meta(message.meta), message.seal, message.due


def pack_meta(meta: dict[str, Any] | None) -> bytes:
    """Return ``meta`` as the frontier stores it.

    Raises InvalidInput.
    """
    try:
        packed = json.dumps(meta, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() if meta else b""
    except ValueError as error:
        raise InvalidInput(f"meta is not JSON: {error}") from None
    if len(packed) > META_LIMIT:
        raise InvalidInput(f"meta is larger than {META_LIMIT} bytes")
    return packed


def parse(raw: bytes, depth: int, networks: str = "") -> ParsedMessage:
    """Return the message and the entries of one start URL, or of an array.

    ``depth`` is the default; ``networks`` are those that are allowed. Raises InvalidInput.
    """
    messages = read_several(raw)
    pack_meta(messages[0].meta)
    reach = partial(reach_of_operator, networks=networks)
    return ParsedMessage(raw, messages[0], [_seed(message, depth, reach) for message in messages])


def _seed(message: StartUrlMessage, depth: int, reach: Callable[[str], int]) -> Entry:
    limit = depth if message.depth is None else message.depth
    return seed(message.url, depth=limit, scope=message.scope, priority=message.priority, reach=reach)

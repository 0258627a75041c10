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
    from pdfspider.frontier.entries import Entry

JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Terms(BaseModel):
    """The options that every message may have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    depth: Annotated[int, Field(ge=0)] | None = None
    scope: Literal["host", "domain", "any"] = "host"
    priority: Annotated[int, Field(ge=-128, le=127)] = 0
    meta: dict[str, Any] | None = None
    due: bool = False


class Message(Terms):
    """A start URL as JSON; a plain URL is a message with the defaults."""

    url: str
    job: JobName = DEFAULT_JOB
    seal: bool = False

    @model_validator(mode="after")
    def _has_runs(self) -> Self:
        if self.due and self.job == DEFAULT_JOB:
            raise ValueError(f"the job {DEFAULT_JOB} never ends: due needs another")
        return self


Model = TypeVar("Model", bound=Terms)


class Parsed(NamedTuple):
    """A valid message, with its raw form."""

    raw: bytes
    message: Message
    entry: Entry

    def target(self) -> tuple[str, bytes, bool, bool]:
        """Return the job and options by which messages are grouped."""
        return self.message.job, pack_meta(self.message.meta), self.message.seal, self.message.due


def without_mark(raw: bytes) -> bytes:
    """Return a text without a byte order mark and blanks at its beginning."""
    return raw.lstrip().removeprefix(BOM_UTF8).lstrip()


def read(raw: bytes, model: type[Model]) -> Model:
    """Return the message in a JSON object or a plain URL.

    Raises InvalidInput.
    """
    try:
        text = without_mark(raw).decode("utf-8").strip()
        return model.model_validate_json(text) if text.startswith("{") else model.model_validate({"url": text})
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except ValidationError as error:
        details = (f"{'.'.join(map(str, item['loc'])) or 'message'}: {item['msg']}" for item in error.errors())
        raise InvalidInput("; ".join(details)) from None


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


def parse(raw: bytes, depth: int, networks: str = "") -> Parsed:
    """Return the message and entry of one start URL.

    ``depth`` is the default; ``networks`` are those that are allowed. Raises InvalidInput.
    """
    message = read(raw, Message)
    pack_meta(message.meta)
    limit = depth if message.depth is None else message.depth
    reach = partial(reach_of_operator, networks=networks)
    entry = seed(message.url, depth=limit, scope=message.scope, priority=message.priority, reach=reach)
    return Parsed(raw, message, entry)

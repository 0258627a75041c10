"""Start URLs: taken from ``pdfs:start_urls`` into the frontier, nothing lost on the way."""

from __future__ import annotations

import asyncio
import json
import logging
from codecs import BOM_UTF8
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from redis.exceptions import RedisError, ResponseError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.crawl.fetch.ssrf_guard import reach_of_operator
from pdfspider.exceptions import InvalidInput, RecordsError
from pdfspider.formatting import refusal
from pdfspider.frontier.connection import may_pass
from pdfspider.frontier.jobs import META_LIMIT
from pdfspider.masking import masked
from pdfspider.submission.recrawl_schedule import those_due
from pdfspider.submission.rejected import REASON_LENGTH, Rejected
from pdfspider.submission.seeds import options, seed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pdfspider.crawl.worker import Worker
    from pdfspider.frontier.entries import Entry

logger = logging.getLogger(__name__)

WAIT = 5.0
REST = 1.0
AT_ONCE, MOST_STUCK = 128, 1024
DEFAULT = "default"


JobName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Terms(BaseModel):
    """What every message may say of its URLs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    depth: Annotated[int, Field(ge=0)] | None = None
    scope: Literal["host", "domain", "any"] = "host"
    priority: Annotated[int, Field(ge=-128, le=127)] = 0
    meta: dict[str, Any] | None = None
    due: bool = False


class Message(Terms):
    """A start URL as JSON; a plain URL is the same with the defaults."""

    url: str
    job: JobName = DEFAULT
    seal: bool = False

    @model_validator(mode="after")
    def _has_runs(self) -> Self:
        if self.due and self.job == DEFAULT:
            raise ValueError(f"the job {DEFAULT} never ends: due needs another")
        return self


Model = TypeVar("Model", bound=Terms)
T = TypeVar("T")


class Parsed(NamedTuple):
    """A message that makes sense, beside its raw form."""

    raw: bytes
    message: Message
    entry: Entry

    def target(self) -> tuple[str, bytes, bool, bool]:
        return self.message.job, pack_meta(self.message.meta), self.message.seal, self.message.due


def without_mark(raw: bytes) -> bytes:
    """Return a text without a byte order mark and blanks in front."""
    return raw.lstrip().removeprefix(BOM_UTF8).lstrip()


def read(raw: bytes, model: type[Model]) -> Model:
    """The message that a JSON object, or the text of a plain URL, stands for. Raises InvalidInput."""
    try:
        text = without_mark(raw).decode("utf-8").strip()
        return model.model_validate_json(text) if text.startswith("{") else model.model_validate({"url": text})
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except ValidationError as error:
        details = (f"{'.'.join(map(str, item['loc'])) or 'message'}: {item['msg']}" for item in error.errors())
        raise InvalidInput("; ".join(details)) from None


def pack_meta(meta: dict[str, Any] | None) -> bytes:
    """As the frontier keeps it. Raises InvalidInput."""
    try:
        packed = json.dumps(meta, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() if meta else b""
    except ValueError as error:
        raise InvalidInput(f"meta is not JSON: {error}") from None
    if len(packed) > META_LIMIT:
        raise InvalidInput(f"meta is larger than {META_LIMIT} bytes")
    return packed


def parse(raw: bytes, depth: int, networks: str = "") -> Parsed:
    """Read one start URL; ``depth`` is the default, ``networks`` are those that are allowed. Raises InvalidInput."""
    message = read(raw, Message)
    pack_meta(message.meta)
    limit = depth if message.depth is None else message.depth
    reach = partial(reach_of_operator, networks=networks)
    entry = seed(message.url, depth=limit, scope=message.scope, priority=message.priority, reach=reach)
    return Parsed(raw, message, entry)


class StartUrls:
    """Claims start URLs, submits them, and sets aside what does not parse."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._refused = ConditionLogger("Redis refuses start URLs: they wait", "Start URLs are taken in again")
        self._undecided = ConditionLogger(
            "Start URLs that ask for what is due have to wait", "It is known again what is due"
        )
        self._refusal: RedisError | None = None
        self._stuck = 0

    async def take_in(self) -> None:
        """Waits a moment for start URLs and settles those that came. What Redis refuses waits, and stops nothing else.

        Raises a RedisError that may pass.
        """
        self._refusal = None
        claimed = await self._claim()
        self._stuck = 0
        good = [parsed for raw in claimed if (parsed := await self._parse(raw))]
        for target, group in groupby(good, Parsed.target):
            await self._take(target, list(group))
        if good:
            self._worker.wake.set()
        if self._refusal is None:
            self._refused.end()
        else:
            self._refused.begin(refusal(self._refusal))
            await asyncio.sleep(REST)

    async def _attempt(self, call: Awaitable[T], otherwise: T) -> T:
        try:
            return await call
        except ResponseError as error:
            if may_pass(error):
                raise
            self._refusal = error
            return otherwise

    async def _claim(self) -> list[bytes]:
        """Those that are stuck are among them, and others behind them."""
        most = AT_ONCE + min(self._stuck, MOST_STUCK)
        return await self._attempt(self._worker.frontier.claim_start_urls(WAIT, most), otherwise=[])

    async def _parse(self, raw: bytes) -> Parsed | None:
        try:
            return parse(raw, self._worker.config.depth, self._worker.config.allowed_networks)
        except InvalidInput as error:
            logger.warning("A start URL was rejected: %s: %.200r", error, masked(raw.decode("utf-8", "replace")))
            rejected = Rejected(message=raw, reason=str(error)[:REASON_LENGTH])
            await self._attempt(self._worker.frontier.reject(raw, rejected.dump()), otherwise=None)
            return None

    async def _take(self, target: tuple[str, bytes, bool, bool], group: list[Parsed]) -> None:
        job, meta, seal, due = target
        try:
            taken = await self._attempt(self._submit(job, meta, group, seal=seal, due=due), otherwise=False)
        except RecordsError as error:
            self._undecided.begin(error)
            await asyncio.sleep(REST)
        else:
            if due:
                self._undecided.end()
            self._stuck += 0 if taken else len(group)

    async def _submit(self, job: str, meta: bytes, group: list[Parsed], *, seal: bool, due: bool) -> bool:
        """Raises RecordsError where that does not tell what is due; the start URLs are still claimed then."""
        config, frontier = self._worker.config, self._worker.frontier
        entries = [parsed.entry for parsed in group]
        asked = options(config, () if job == DEFAULT else entries, meta=meta, due=int(due))
        if due:
            entries = await those_due(config, frontier, self._worker.records, job, entries)
        await frontier.submit(
            job,
            entries,
            options=asked,
            seal=seal and job != DEFAULT,
            claimed=[parsed.raw for parsed in group],
            networks=config.allowed_networks,
        )
        return True

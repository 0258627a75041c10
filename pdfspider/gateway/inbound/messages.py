"""Read a master's message, and convert it to a submission."""

from __future__ import annotations

import json
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from pdfspider.discovery.addresses import refuse_private
from pdfspider.exceptions import InvalidInput
from pdfspider.frontier.jobs import DEFAULT_JOB, KEY_LENGTH, Submission, Task
from pdfspider.frontier.reach import networks_of
from pdfspider.gateway.inbound.decompression import DECOMPRESSORS, decompressed
from pdfspider.masking import masked
from pdfspider.submission.messages import JobName, MessageOptions, pack_meta, read, without_mark
from pdfspider.submission.reach import reach_of_master
from pdfspider.submission.seeds import RequestedOptions, options, seed

if TYPE_CHECKING:
    from pdfspider.config import Config
    from pdfspider.frontier.entries import Entry
    from pdfspider.gateway.base import Delivery

ERRORS_SHOWN = 3
COMPRESSED_STARTS = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
"""The first bytes of bodies that are compressed by gzip or zlib."""
SCHEMA_HEADER_SIZE = 5
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Message(MessageOptions):
    """A job, or a part of one, as JSON; a plain URL is a message with the defaults."""

    url: str | None = None
    urls: Annotated[list[str], Field(min_length=1)] | None = None
    job: JobName | None = None
    max_documents: Annotated[int, Field(ge=0)] = 0
    seal: bool = True
    task_id: str | int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.url is None) == (self.urls is None):
            raise ValueError("expected either url or urls")
        if self.job == DEFAULT_JOB and self.max_documents:
            raise ValueError("the job default never ends: max_documents needs another job")
        if self.due and self.job in (None, DEFAULT_JOB):
            raise ValueError("due needs a job name: only a named job is crawled again")
        return self

    def all_urls(self) -> list[str]:
        """Return the URLs of the message."""
        return [self.url] if self.url is not None else self.urls or []


def understand(delivery: Delivery, transport: str, config: Config, *, events: bool = False) -> Submission:
    """Return the submission that a delivery asks for.

    ``events`` says whether the master gets an event for each document. Raises InvalidInput with everything that is
    wrong.
    """
    gateway = config.gateway
    if delivery.invalid:
        raise InvalidInput(delivery.invalid)
    if gateway.message_size and len(delivery.body) > gateway.message_size:
        raise InvalidInput(f"a message of {len(delivery.body):,} bytes: at most {gateway.message_size:,} are accepted")
    body = _unquoted(_unframed(inflated(delivery.body, gateway.message_size)))
    if body.startswith(b"["):
        raise InvalidInput('an array: a message is one object, which may have several "urls"')
    message = read(body, Message)
    if gateway.urls_per_message and len(message.all_urls()) > gateway.urls_per_message:
        raise InvalidInput(f"{len(message.all_urls()):,} URLs: at most {gateway.urls_per_message:,} are accepted")
    pack_meta(message.meta)
    networks = " ".join(gateway.networks)
    reach = reach_of_master(networks)
    entries = _entries(message, gateway.depth if message.depth is None else message.depth, reach)
    for entry in entries:
        refuse_private(entry.host, networks=networks)
    task = _task(delivery, transport, message, events=events)
    name = message.job or f"{entries[0].host.strip('[]').replace(':', '-')[:40]}-{task.key[:KEY_LENGTH]}"
    ends = name != DEFAULT_JOB
    asked = RequestedOptions(max_documents=message.max_documents, due=int(message.due))
    given = options(config, entries if ends else (), **asked)
    kept = networks if networks_of(reach) else ""
    return Submission(name, entries, given, message.seal and ends, task if ends else None, kept)


def inflated(body: bytes, limit: int) -> bytes:
    """Return a body that is compressed by gzip or zlib as it was before; no other message begins as these do.

    Raises InvalidInput if it is damaged, or has more than ``limit`` bytes (0: no limit).
    """
    if not body.startswith(COMPRESSED_STARTS):
        return body
    return decompressed(body, DECOMPRESSORS["gzip"](), "gzip or zlib", limit)


def _unframed(body: bytes) -> bytes:
    """Return a JSON object without what serializers of a schema registry put before it: a zero and a number."""
    return (
        body[SCHEMA_HEADER_SIZE:]
        if body.startswith(b"\0") and body[SCHEMA_HEADER_SIZE : SCHEMA_HEADER_SIZE + 1] == b"{"
        else body
    )


def _unquoted(body: bytes) -> bytes:
    """Return the text of a JSON string, because some clients quote the URL, without a mark at its beginning."""
    text = without_mark(body)
    if not text.startswith(b'"'):
        return text
    try:
        return str(json.loads(text)).encode()
    except (ValueError, RecursionError):
        return text


def _entries(message: Message, depth: int, reach: int) -> list[Entry]:
    entries, bad = [], []
    of_message = partial(seed, depth=depth, scope=message.scope, priority=message.priority, reach=lambda _: reach)
    for url in message.all_urls():
        try:
            entries.append(of_message(url))
        except InvalidInput as error:
            bad.append(str(error))
    if bad:
        more = [f"and {len(bad) - ERRORS_SHOWN:,} more like these"] if len(bad) > ERRORS_SHOWN else []
        raise InvalidInput("; ".join(bad[:ERRORS_SHOWN] + more))
    return entries


def _task(delivery: Delivery, transport: str, message: Message, *, events: bool) -> Task:
    """Return the record of who gets the result.

    It is compact, and ``reply`` is its last key: submit.lua relies on that.
    """
    record = {
        "task_id": message.task_id,
        "meta": message.meta,
        "urls": [masked(url) for url in message.all_urls()],
        "reply": delivery.reply,
    }
    named = message.task_id is not None or bool(delivery.id)
    sender = (
        delivery.id if delivery.each_is_answered else "" if named or not delivery.reply else _canonical(delivery.reply)
    )
    return Task(
        transport=transport,
        key=_digest(f"{transport}\0{_identity(delivery, message)}") + (_digest(sender) if sender else ""),
        record=_compact(record).encode(errors="surrogatepass"),
        once=message.job is None and named,
        events=events,
    )


def _identity(delivery: Delivery, message: Message) -> str:
    """Return the message's identity: the master's id for it, else the broker's, else a hash of its content."""
    if message.task_id is not None:
        return f"task_id\0{message.task_id!r}"
    if delivery.id:
        return f"id\0{delivery.id}"
    said = message.model_dump(mode="json", exclude_defaults=True, exclude={"url", "urls"})
    return f"message\0{_canonical({**said, 'urls': message.all_urls()})}"


def _canonical(value: Any) -> str:
    """Return a value as JSON, the same whatever the order of its keys."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _digest(text: str) -> str:
    """Return ``KEY_LENGTH`` digits for a text."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=KEY_LENGTH // 2).hexdigest()

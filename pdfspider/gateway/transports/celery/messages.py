"""Celery's task messages (protocol 2) and results, as in celery/app/amqp.py and celery/backends.

The body is ``[args, kwargs, embed]``, and all else is in the headers. On Redis, kombu wraps both in one JSON object.
"""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.exceptions import TaskRevokedError
from celery.states import FAILURE, REVOKED

from pdfspider.blocking_calls import BlockingCalls
from pdfspider.exceptions import ConfigurationError, InvalidInput
from pdfspider.gateway.base import TransportError
from pdfspider.gateway.transports.celery.calls import message, parse
from pdfspider.gateway.transports.celery.compression import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_TYPE = "application/json"
UNSUPPORTED_FIELDS = ("callbacks", "errbacks", "chain", "chord")
"""Fields that ask a worker to do something after the task."""
CANVAS_FIELDS = ("callbacks", "chain", "chord")
"""Fields with tasks that somebody may wait for."""
COMPRESSION_HEADER = "compression"
EXCEPTIONS_BY_STATE: dict[str, type[Exception]] = {FAILURE: ValueError, REVOKED: TaskRevokedError}
"""States of tasks that are rejected, and the exceptions that their masters get."""
MAX_LATER_TASKS = 1000
BACKEND_THREADS = 8
"""Calls of a result backend at a time."""
SOCKET_TIMEOUT_S = 15
"""Seconds for which Redis as a result backend may say nothing."""


class TaskExpired(InvalidInput):
    """A task has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMessage:
    """One task message from any broker, not yet validated."""

    headers: Mapping[str, Any]
    body: bytes
    content_type: Any
    reply_to: Any = None
    limit: int = 0
    """Bytes of the body when it is not compressed, 0 for no limit."""

    @property
    def id(self) -> str:
        """The id of the task, "" if it has none."""
        found = self.headers.get("id")
        return found if isinstance(found, str) else ""

    def reply(self) -> dict[str, Any]:
        """Return what is needed to answer the task."""
        known = {"correlation_id": self.id, "oid": self.reply_to, "ignored": bool(self.headers.get("ignore_result"))}
        return {name: value for name, value in known.items() if value}

    def later(self) -> list[dict[str, Any]]:
        """Return what is needed to answer the tasks that follow in its chain, at most ``MAX_LATER_TASKS``.

        Nobody runs them if it cannot be run. Celery's workers end the rest of a chain likewise.
        """
        found: list[dict[str, Any]] = []
        left = list(self._embedded().values())
        while left and len(found) < MAX_LATER_TASKS:
            signature = left.pop()
            if isinstance(signature, list):
                left += signature
            elif isinstance(signature, dict):
                options = signature.get("options")
                options = options if isinstance(options, dict) else {}
                if isinstance(task := options.get("task_id"), str):
                    known = {"correlation_id": task, "oid": options.get("reply_to") or self.reply_to}
                    found.append({name: value for name, value in known.items() if value})
                left += _inside(signature, options)
        return found

    def _embedded(self) -> dict[str, Any]:
        with suppress(InvalidInput, IndexError, TypeError, KeyError):
            embed = self._parsed()[2]
            return {name: embed.get(name) for name in CANVAS_FIELDS} if isinstance(embed, dict) else {}
        return {}

    def _parsed(self) -> Any:
        """Return the value of the body.

        Raises InvalidInput.
        """
        compression = self.headers.get(COMPRESSION_HEADER)
        return parse(plain(self.body, compression, self.limit) if compression else self.body)

    def message(self) -> bytes:
        """Return the message that the task stands for.

        Raises InvalidInput.
        """
        if not self.id or "task" not in self.headers:
            raise InvalidInput(self._why_not())
        if self.content_type != JSON_TYPE:
            raise InvalidInput(f"a task as {self.content_type!r}: only {JSON_TYPE} is accepted")
        body = self._parsed()
        if not isinstance(body, list) or len(body) != 3 or not isinstance(body[2], dict):
            raise InvalidInput("not a task message of Celery's protocol 2")
        if more := [name for name in UNSUPPORTED_FIELDS if body[2].get(name)]:
            raise InvalidInput(f"{', '.join(more)}: the gateway runs nothing after a task")
        self.wait()
        self.refuse_late()
        return message(self.headers["task"], body[0], body[1], self.id)

    def _why_not(self) -> str:
        body = None
        with suppress(InvalidInput):
            body = parse(self.body)
        if isinstance(body, dict) and "task" in body and "id" in body:
            return "a task message of Celery's protocol 1: masters need task_protocol = 2, which is Celery's default"
        return "not a task message of Celery's protocol 2"

    def wait(self) -> float:
        """Return the seconds until the task may begin.

        Raises InvalidInput if ``eta`` is not a time.
        """
        eta = _time(self.headers.get("eta"))
        return max(eta - time.time(), 0) if eta else 0

    def waits(self) -> bool:
        """Return whether the task has to wait."""
        try:
            return self.wait() > 0
        except InvalidInput:
            return False

    def refuse_late(self) -> None:
        """Raise InvalidInput if the task has expired."""
        expires = _time(self.headers.get("expires"))
        if expires is not None and expires < time.time():
            raise TaskExpired(f"the task expired at {self.headers['expires']}")


def unwrap(envelope: bytes, limit: int = 0) -> TaskMessage:
    """Return the task in kombu's JSON object, or an invalid task for anything else."""
    try:
        fields = parse(envelope)
        properties, headers, body = fields["properties"], fields["headers"], fields["body"]
        raw = base64.b64decode(body) if properties.get("body_encoding") == "base64" else body.encode()
        return TaskMessage(headers=dict(headers), body=raw, content_type=fields["content-type"], limit=limit)
    except (InvalidInput, TypeError, KeyError, ValueError, AttributeError):
        return TaskMessage(headers={}, body=envelope, content_type=None)


def failure(reason: str, kind: type[Exception] = ValueError) -> dict[str, Any]:
    """Return an exception in the form in which result backends store it."""
    return {"exc_type": kind.__name__, "exc_message": [reason], "exc_module": kind.__module__}


class Backend:
    """The result backend of the masters' app, if the URL names one.

    ``rpc://`` needs no backend, because each task names the queue of its master. Raises ConfigurationError for a
    backend that Celery does not have.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        url, prefix = options["backend"], options["backend_global_keyprefix"]
        self._app = None
        self._calls = BlockingCalls("celery-backend", BACKEND_THREADS)
        if not url or url.startswith("rpc:"):
            return
        self._app = Celery("pdf_crawler", backend=url, set_as_current=False)
        once: dict[str, Any] = {"retry_policy": {"max_retries": 0, "timeout": 5}}
        if prefix:
            once["global_keyprefix"] = prefix
        if service := options["backend_master_name"]:
            once["master_name"] = service
        self._app.conf.update(
            result_serializer="json", result_backend_transport_options=once, redis_socket_timeout=SOCKET_TIMEOUT_S
        )
        try:
            assert self._app.backend
        except Exception as error:  # whatever that backend's library raises
            raise ConfigurationError(f"not a result backend of Celery: {error}") from error

    async def store(self, reply: dict[str, Any], state: str, result: Any) -> bool:
        """Store the result of a task, and return False if there is no backend for it.

        Raises TransportError.
        """
        if self._app is None or reply.get("ignored") or "correlation_id" not in reply:
            return False
        try:
            await self._calls(self._store, reply["correlation_id"], result, state)
        except Exception as error:  # as above
            raise TransportError(f"the result backend: {type(error).__name__}: {error}") from error
        return True

    def _store(self, task: str, result: Any, state: str) -> None:
        assert self._app
        self._app.backend.store_result(task, result, state)


def _inside(signature: dict[str, Any], options: dict[str, Any]) -> list[Any]:
    """Return the signatures in a signature: parts of a canvas such as a group, and those that follow it."""
    inside = [options.get(name) for name in ("chord", "link")]
    kwargs = signature.get("kwargs")
    if str(signature.get("task")).startswith("celery.") and isinstance(kwargs, dict):
        inside += [kwargs.get(name) for name in ("tasks", "header", "body")]
    return inside


def _time(text: Any) -> float | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"{text!r} is not a time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

"""The interface between the gateway and every transport."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.exceptions import RedisError

from pdfspider.condition_logger import ConditionLogger
from pdfspider.exceptions import ConfigurationError, PdfSpiderError
from pdfspider.masking import masked_url
from pdfspider.submission.rejected import REASON_LENGTH, Rejected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from urllib.parse import SplitResult

    from pdfspider.gateway.rejects import SetAside
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)

SENTINEL_SUFFIX = "+sentinel"
"""The end of the scheme of a Redis whose primary is named by Sentinels."""


class TransportError(PdfSpiderError):
    """A broker or a master cannot be reached; the same call may succeed later."""


class TooLargeError(TransportError):
    """A result or event is too large for the broker or master, now and later."""


class RefusedError(TransportError):
    """One result or event is refused for now; others may be taken."""


class RejectedError(TransportError):
    """One result or event is refused for good."""


class Receipt(NamedTuple):
    """The answer to an accepted message, which is in the frontier and on disk."""

    job: str
    run: int
    key: str
    """The key of the task, "" if there will be no result."""
    added: int
    """The number of its URLs that were new to the job."""

    @property
    def result_id(self) -> str:
        """Return the id of the future result, "" if there will be none."""
        return f"{self.run}-{self.key}" if self.key else ""


@dataclass(slots=True, kw_only=True)
class Delivery(ABC):
    """A message as it came, with the answers to its broker.

    Exactly one of ``ack``, ``reject`` and ``nack`` is called, once. If the gateway dies, none is called, and the broker
    delivers the message again. The same holds if one of them raises TransportError.
    """

    each_is_answered: ClassVar[bool] = False
    """True if every ``id`` gets its own result, even if several share a ``task_id``."""
    body: bytes
    id: str = ""
    """The broker's or master's id of this message, the same for a redelivery, "" if it has none. A ``task_id`` in the
    body has precedence. A repeated message with either changes only the destination of its result.
    """
    reply: dict[str, Any] = field(default_factory=dict)
    """The destination of the result, as JSON. The frontier stores it for the Result."""
    invalid: str = ""
    """The reason why the message is invalid, if its transport knows that already."""

    def metadata(self) -> dict[str, Any]:
        """Return what came beside the body, so that a rejected message can be sent again."""
        return {}

    def rejected(self, reason: str) -> Rejected:
        """Return the record that is set aside for a rejected message."""
        return Rejected(message=self.body, reason=reason[:REASON_LENGTH], metadata=self.metadata())

    def drop_body(self) -> None:
        """Free the body, once the message is in the frontier."""
        self.body = b""

    @abstractmethod
    async def ack(self, receipt: Receipt) -> None:
        """Acknowledge the message: it is in the frontier, on disk."""

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        """Acknowledge many messages of one transport; subclasses may do so with fewer calls.

        A TransportError for one message concerns no other.
        """
        for delivery, receipt in settled:
            try:
                await delivery.ack(receipt)
            except TransportError as error:
                logger.debug("A message will be delivered again: %s", error)

    @abstractmethod
    async def reject(self, reason: str) -> None:
        """Set an invalid message aside with the reason, where a person finds it."""

    async def nack(self) -> None:
        """Have the message delivered again a little later, because the frontier failed.

        Nothing has to be done if the broker redelivers unacknowledged messages by itself.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result for one message."""

    id: str
    """The same whenever this result is published."""
    job: str
    reply: dict[str, Any]
    """The reply of the delivery."""
    body: bytes
    """The JSON object that masters get; docs/gateway.md describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The event of one document that was found."""

    id: str
    """The same whenever this event is published."""
    job: str
    body: bytes
    """The JSON object that masters get; docs/gateway.md describes it."""


Options = dict[str, str | tuple[str, ...]]
"""The options in a transport's URL: each with its default, or with the values that it may have."""


class Address:
    """One of ``GATEWAY_URLS``.

    Its fragment is the transport's name. Its query has the options that ``defaults`` names. In ``celery+amqp`` the
    scheme names the protocol, then the broker; ``redis+sentinel`` is one broker. Raises ConfigurationError for a value
    that is not allowed.
    """

    def __init__(self, url: str, defaults: dict[str, str | tuple[str, ...]] | None = None) -> None:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        sentinel = SENTINEL_SUFFIX if parts.scheme.endswith(SENTINEL_SUFFIX) else ""
        spoken, _, broker = parts.scheme.removesuffix(SENTINEL_SUFFIX).rpartition("+")
        scheme = broker + sentinel
        self.name = parts.fragment or spoken or broker
        self.options = {name: _option(query, name, default) for name, default in (defaults or {}).items()}
        rest = parts._replace(scheme="", query=urlencode(query), fragment="").geturl()
        self.url = f"{scheme}:{'//' if '://' in url and not rest.startswith('//') else ''}{rest}"
        """The URL for the client library, without the name and those options."""
        self.host = parts.hostname or "127.0.0.1"
        self.port = None if sentinel else _port(parts)
        self.shown = masked_url(self.url)


def _port(parts: SplitResult) -> int | None:
    """Return the port of a URL, None if it has none.

    Raises ConfigurationError.
    """
    try:
        return parts.port
    except ValueError as error:
        raise ConfigurationError(f"{masked_url(parts.geturl())} in GATEWAY_URLS: {error}") from None


def _option(query: dict[str, str], name: str, default: str | tuple[str, ...]) -> str:
    """Return an option; a tuple lists the allowed values, the default first."""
    if isinstance(default, str):
        return query.pop(name, default)
    value = query.pop(name, default[0])
    if value not in default:
        raise ConfigurationError(f"{name}={value} in GATEWAY_URLS must be one of {', '.join(default)}")
    return value


class Transport(ABC):
    """One way for masters to reach the gateway.

    A subclass is made from one of ``GATEWAY_URLS``, without connecting. ``options`` are the options in the URL's query,
    each with its default, or with all allowed values, the default first.
    """

    options: ClassVar[Options] = {}
    listens: ClassVar[bool] = False
    """True if masters connect to it: it is up while ``serve`` runs. Others update ``health`` themselves."""

    def __init__(self, url: str, service: GatewayService) -> None:
        self.address = Address(url, self.options)
        self.service = service
        self.health = service.health(self.name)
        self.kept = ConditionLogger(
            f"Rejects of {self.name} cannot be set aside: they stay", f"Rejects of {self.name} are set aside"
        )

    @property
    def name(self) -> str:
        """The name under which the frontier stores pending results; it is the same after a restart."""
        return self.address.name

    async def listen(self) -> None:
        """Bind the ports that the transport listens on; called once, before ``serve``.

        Raises ConfigurationError.
        """

    @contextmanager
    def one_message(self) -> Iterator[None]:
        """Log an unexpected failure over one message, which then comes again, and spare all others."""
        try:
            yield
        except (PdfSpiderError, RedisError, OSError):
            raise
        except Exception as error:
            self.health.note(f"{type(error).__name__}: {error}")
            logger.exception("A message from %s could not be read", self.name)

    @abstractmethod
    async def serve(self) -> None:
        """Take messages for ever, and pass each to ``self.service.accept(self.name, delivery)``.

        ``accept`` returns as soon as the gateway has the delivery, and waits while there are too many. Whatever this
        raises, it is called again after a pause. It raises TransportError if the broker cannot be used. It ends by
        being cancelled; the connection then stays open for acknowledgements.
        """

    @abstractmethod
    async def publish(self, result: Result) -> None:
        """Publish a result, and return once the receiver has confirmed it.

        It may be called while not connected. Raises TransportError if the destination takes nothing now, and
        RefusedError if it does not take this result now: both lead to another call with the same id. Raises
        RejectedError if it will never take this result, which is then stored as undelivered. Raises TooLargeError if it
        takes only a smaller one, which the next call passes.
        """

    has_destinations: ClassVar[bool] = False
    """True if there are several destinations."""

    def destination(self, reply: dict[str, Any]) -> str:
        """Return the destination for a delivery's ``reply``, "" for the common one.

        A destination that fails delays only its own results.
        """
        return ""

    @property
    def tells(self) -> bool:
        """Return whether masters get an event for each document when it is found."""
        return False

    async def tell(self, event: Event) -> None:
        """Publish an event, as ``publish`` does a result; called only if ``tells`` is true.

        All events of a job come before its results.
        """
        raise NotImplementedError

    def rejects(self) -> AsyncGenerator[SetAside, None]:
        """Yield the messages that were set aside, the oldest first.

        It is called without ``listen`` and ``serve``. Raises ConfigurationError if the transport sets nothing aside,
        TransportError and RedisError.
        """
        raise ConfigurationError(f"{self.name} keeps no rejected messages: the sender gets the reason")

    async def close(self) -> None:
        """Close the transport; called once, after ``serve`` was cancelled and the last delivery settled."""

"""What a transport is: the one interface between the gateway and every way in which masters talk."""

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

    from pdfspider.gateway.inbound.rejects import SetAside
    from pdfspider.gateway.service import GatewayService

logger = logging.getLogger(__name__)


class TransportError(PdfSpiderError):
    """A broker or a master cannot be reached: the same call may succeed later."""


class TooLargeError(TransportError):
    """It is too large for a broker or a master, who would not take it later either."""


class RefusedError(TransportError):
    """One result or event is refused for now; others may be taken."""


class RejectedError(TransportError):
    """One result or event is refused for good."""


class Receipt(NamedTuple):
    """An accepted message: it is in the frontier, on disk."""

    job: str
    run: int
    key: str
    """The task's; empty where there will be no result."""
    added: int
    """How many of its URLs were new to the job."""

    @property
    def result_id(self) -> str:
        """The id that its result will have; empty where there will be none."""
        return f"{self.run}-{self.key}" if self.key else ""


@dataclass(slots=True, kw_only=True)
class Delivery(ABC):
    """A message as it came, and what is said back to where it came from.

    Exactly one of ``ack``, ``reject`` and ``again`` is called, once; none, when the gateway dies: the broker then
    delivers again. All may raise TransportError: likewise.
    """

    each_is_answered: ClassVar[bool] = False
    """Whether every ``id`` has an answer of its own, also where several are one message by their ``task_id``."""
    body: bytes
    id: str = ""
    """The broker's or the master's id of this message, the same when it is delivered again; empty if it has none.

    A ``task_id`` in the body goes before it. With one of both, a message that comes again changes nothing but where its
    answer goes.
    """
    reply: dict[str, Any] = field(default_factory=dict)
    """What the transport needs to send the result; JSON. It is kept in the frontier and comes back in the Result."""
    invalid: str = ""
    """Why it makes no sense, where its transport knows that already."""

    def metadata(self) -> dict[str, Any]:
        """Return what came beside the body, for whoever sends it again once it was rejected."""
        return {}

    def rejected(self, reason: str) -> Rejected:
        """Return what is set aside."""
        return Rejected(message=self.body, reason=reason[:REASON_LENGTH], metadata=self.metadata())

    def drop_body(self) -> None:
        """Forget the body: the message is in the frontier."""
        self.body = b""

    @abstractmethod
    async def ack(self, receipt: Receipt) -> None:
        """The message is in the frontier, on disk."""

    @classmethod
    async def ack_all(cls, settled: Sequence[tuple[Self, Receipt]]) -> None:
        """Acknowledges many of one transport; where that costs less together, a subclass does so.

        A TransportError of one concerns no other.
        """
        for delivery, receipt in settled:
            try:
                await delivery.ack(receipt)
            except TransportError as error:
                logger.debug("A message will come again: %s", error)

    @abstractmethod
    async def reject(self, reason: str) -> None:
        """The message makes no sense: sets it aside, with the reason, where a person finds it."""

    async def nack(self) -> None:  # noqa: B027
        """The message could not be taken in, for the frontier failed: sees to it that it comes again, a little later.

        What a broker delivers again by itself, some time after it was not acknowledged, needs nothing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one message."""

    id: str
    """The same whenever this result is published."""
    job: str
    reply: dict[str, Any]
    """That of the delivery."""
    body: bytes
    """The JSON object that masters get; docs/gateway.md describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A document that was found."""

    id: str
    """The same whenever this event is published."""
    job: str
    body: bytes
    """The JSON object that masters get; docs/gateway.md describes it."""


class Address:
    """One of ``GATEWAY_URLS``: its fragment is the transport's name; what ``defaults`` names is taken from its query.

    In ``celery+amqp`` the scheme says what is spoken, and over which broker.

    Raises ConfigurationError for a value that is not one of those allowed.
    """

    def __init__(self, url: str, defaults: dict[str, str | tuple[str, ...]] | None = None) -> None:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        spoken, _, scheme = parts.scheme.rpartition("+")
        self.name = parts.fragment or spoken or scheme
        self.options = {name: _option(query, name, default) for name, default in (defaults or {}).items()}
        rest = parts._replace(scheme="", query=urlencode(query), fragment="").geturl()
        self.url = f"{scheme}:{'//' if '://' in url and not rest.startswith('//') else ''}{rest}"
        """Without the name and those options: as the client library takes it."""
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port
        self.shown = masked_url(self.url)


def _option(query: dict[str, str], name: str, default: str | tuple[str, ...]) -> str:
    """A tuple names all values that are allowed; the first one is the default."""
    if isinstance(default, str):
        return query.pop(name, default)
    value = query.pop(name, default[0])
    if value not in default:
        raise ConfigurationError(f"{name}={value} in GATEWAY_URLS must be one of {', '.join(default)}")
    return value


class Transport(ABC):
    """One way for masters: takes their messages in, and publishes results.

    A subclass is made from one of ``GATEWAY_URLS``, without connecting; ``options`` are what it takes from the URL's
    query, each with its default, or with all that is allowed, the default first.
    """

    options: ClassVar[dict[str, str | tuple[str, ...]]] = {}
    listens: ClassVar[bool] = False
    """Whether masters connect to it: it is up while ``serve`` runs. Others tell ``health`` themselves."""

    def __init__(self, url: str, service: GatewayService) -> None:
        self.address = Address(url, self.options)
        self.service = service
        self.health = service.health(self.name)
        self.kept = ConditionLogger(
            f"Rejects of {self.name} cannot be set aside: they stay", f"Rejects of {self.name} are set aside"
        )

    @property
    def name(self) -> str:
        """By which the frontier knows to whom it owes a result: the same after every restart."""
        return self.address.name

    async def listen(self) -> None:  # noqa: B027
        """Called once, before ``serve``: takes the ports that it listens on. Raises ConfigurationError."""

    @contextmanager
    def one_message(self) -> Iterator[None]:
        """Keep an unexpected failure over one message from all others: it is logged, and the message comes again."""
        try:
            yield
        except (PdfSpiderError, RedisError, OSError):
            raise
        except Exception as error:
            self.health.note(f"{type(error).__name__}: {error}")
            logger.exception("A message by %s could not be looked at", self.name)

    @abstractmethod
    async def serve(self) -> None:
        """Take messages, for ever, and hand each to ``self.service.accept(self.name, delivery)``.

        ``accept`` returns as soon as the delivery is in the gateway's hands, and waits while there are too many of
        them. Whatever this raises, it is called again after a pause: TransportError where the broker cannot be used.
        Ends by being cancelled, and leaves the connection open then, for what is to be acknowledged.
        """

    @abstractmethod
    async def publish(self, result: Result) -> None:
        """Returns once whoever keeps the result for the master has confirmed it; may be called while not connected.

        Raises TransportError where the destination takes nothing now: it is called again, with the same id, as it is
        after RefusedError, where only this result is not taken; RejectedError where it will not be either: the result
        is kept as undelivered; TooLargeError where only a smaller one is possible: that is the next.
        """

    has_destinations: ClassVar[bool] = False
    """Whether ``destination`` tells several from each other."""

    def destination(self, reply: dict[str, Any]) -> str:
        """Return where the result for a delivery's ``reply`` goes; empty: where all do that have no other.

        While one destination fails, only its own results wait.
        """
        return ""

    @property
    def tells(self) -> bool:
        """Whether masters are told of each document of their jobs, as it is found."""
        return False

    async def tell(self, event: Event) -> None:
        """As ``publish``, for one document; all of a job's come before its results. Called where this ``tells``."""
        raise NotImplementedError

    def rejects(self) -> AsyncGenerator[SetAside, None]:
        """Those that were set aside, the oldest first; called without ``listen`` and ``serve``.

        Raises ConfigurationError where nothing is, TransportError and RedisError.
        """
        raise ConfigurationError(f"{self.name} sets nothing aside: whoever hands in is told")

    async def close(self) -> None:  # noqa: B027
        """Called once, after ``serve`` was cancelled and the last delivery settled."""

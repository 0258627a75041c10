"""The destinations of notifications: webhooks and mailboxes."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from aiohttp import ClientError

from pdfspider.exceptions import PdfSpiderError
from pdfspider.notifications.webhook import WebhookClient

if TYPE_CHECKING:
    from pdfspider.notification_config import MailConfig, NotificationConfig
    from pdfspider.notifications.event import Event

RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a webhook that may take the same event later."""
TIMEOUT_S = 30.0
FIRST_FINAL_REPLY = 500
"""Replies of a mail server below this one may change."""


class NotSent(PdfSpiderError):
    """A notification could not be sent now; it may be later."""


class Refused(PdfSpiderError):
    """A notification is refused for good."""


class Destination(Protocol):
    """A destination of notifications."""

    shown: str
    """The destination as the log shows it, without what may be secret."""

    async def send(self, event: Event) -> None:
        """Send an event.

        Raises NotSent and Refused.
        """

    async def close(self) -> None:
        """Close connections."""


def destination_of(url: str, config: NotificationConfig) -> Destination:
    """Return the destination at a URL."""
    if url.startswith("mailto:"):
        return MailDestination(unquote(url.removeprefix("mailto:")), config.mail)
    return WebhookDestination(url, config.secret)


class WebhookDestination:
    """A webhook: any 2xx means that it has the event."""

    def __init__(self, url: str, secret: str) -> None:
        self._url, self._client = url, WebhookClient(secret)
        parts = urlsplit(url)
        self.shown = f"{parts.scheme}://{parts.hostname}"

    async def send(self, event: Event) -> None:
        """Post an event.

        Raises NotSent and Refused.
        """
        try:
            status = await self._client.post(self._url, event.kind, event.id, event.body())
        except (ClientError, TimeoutError, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error
        if status in RETRYABLE_STATUSES:
            raise NotSent(f"it answered {status}")
        if not 200 <= status < 300:
            raise Refused(f"it answered {status}")

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()


class MailDestination:
    """A mailbox, to which mails go by SMTP."""

    def __init__(self, address: str, config: MailConfig) -> None:
        self.shown = self._address = address
        self._config = config

    async def send(self, event: Event) -> None:
        """Send an event as a mail.

        Raises NotSent and Refused.
        """
        try:
            await asyncio.to_thread(self._send, self._message(event))
        except smtplib.SMTPRecipientsRefused as error:
            ((code, reply),) = error.recipients.values()
            raise (NotSent if code < FIRST_FINAL_REPLY else Refused)(
                f"{code} {reply.decode('utf-8', 'replace')}"
            ) from error
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {error.smtp_error!r}"
            raise (NotSent if error.smtp_code < FIRST_FINAL_REPLY else Refused)(said) from error
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error

    def _message(self, event: Event) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self._config.sender, self._address
        message["Subject"], message["Date"] = event.subject(), formatdate()
        message["Message-ID"] = f"<{event.id}@pdfspider>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(event.text())
        return message

    def _send(self, message: EmailMessage) -> None:
        config = self._config
        connect = smtplib.SMTP_SSL if config.ssl else smtplib.SMTP
        with connect(config.host, config.port, timeout=TIMEOUT_S) as server:
            if config.tls and not config.ssl:
                server.starttls()
            if config.user:
                server.login(config.user, config.password)
            server.send_message(message)

    async def close(self) -> None:
        """Do nothing, because each mail has a connection of its own."""

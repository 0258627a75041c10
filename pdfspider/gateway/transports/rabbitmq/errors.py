"""The errors that aiormq raises if RabbitMQ cannot be used."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiormq.exceptions import AMQPError, ChannelInvalidStateError

from pdfspider.gateway.base import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILURES = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
BARE = (Exception, RuntimeError)
"""Errors that aiormq raises after a connection was lost."""


@contextmanager
def failures() -> Iterator[None]:
    """Turn errors of aiormq into TransportError."""
    try:
        yield
    except FAILURES as error:
        raise TransportError(f"{type(error).__name__}: {error}") from error
    except Exception as error:
        if type(error) not in BARE:
            raise
        raise TransportError(f"the connection was lost: {error}") from error

"""The errors that aiormq raises if RabbitMQ cannot be used."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiormq.exceptions import AMQPError, ChannelInvalidStateError, InvalidFrameError

from pdfspider.gateway.base import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER_ERRORS = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
UNSPECIFIC_ERRORS = (Exception, RuntimeError, StopAsyncIteration)
"""Errors that aiormq raises after a connection was lost."""

OPEN_OK = "Connection.OpenOk"
"""In the error of aiormq where the broker does not open the virtual host; the reason is not in it."""


@contextmanager
def failures() -> Iterator[None]:
    """Turn errors of aiormq into TransportError."""
    try:
        yield
    except InvalidFrameError as error:
        if OPEN_OK not in str(error):
            raise TransportError(f"{type(error).__name__}: {error}") from error
        raise TransportError("the virtual host is not there, or this user has no access to it") from error
    except BROKER_ERRORS as error:
        raise TransportError(f"{type(error).__name__}: {error}") from error
    except Exception as error:
        if type(error) not in UNSPECIFIC_ERRORS:
            raise
        raise TransportError(f"the connection was lost: {error}") from error

"""Convert between the gateway's messages and those of masters.proto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.json_format import Error, MessageToDict, ParseDict
from google.protobuf.message import DecodeError

from pdfspider.exceptions import InvalidInput
from pdfspider.gateway.transports.grpc import masters_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from pdfspider.gateway.base import Receipt

T = TypeVar("T", bound="Message")


def decode(read: Callable[[bytes], T], raw: bytes) -> T | InvalidInput:
    """Return a message, or the error for the call if it is none."""
    try:
        return read(raw)
    except DecodeError as error:
        return InvalidInput(str(error))


def checked(decoded: Any) -> Any:
    """Return what ``decode`` has returned if it is a message, and raise it if it is an error."""
    if isinstance(decoded, InvalidInput):
        raise decoded
    return decoded


def body(message: masters_pb2.Message | InvalidInput) -> bytes:
    """Return a message as JSON, the form of other transports.

    Raises InvalidInput.
    """
    fields = {field.name: value for field, value in checked(message).ListFields()}
    if "urls" in fields:
        fields["urls"] = list(fields["urls"])
    if "meta" in fields:
        fields["meta"] = _meta(fields["meta"])
    return json.dumps(fields, ensure_ascii=False).encode()


def _meta(said: Message) -> dict[str, Any]:
    try:
        return dict(MessageToDict(said))
    except (Error, ValueError) as error:  # JSON has no NaN and no infinite numbers
        raise InvalidInput(f"meta is not JSON: {error}") from None


def receipt(said: Receipt) -> masters_pb2.Receipt:
    """Return a receipt."""
    return masters_pb2.Receipt(job=said.job, run=said.run, result_id=said.result_id, added=said.added)


def answer(number: int, said: Receipt | str) -> masters_pb2.Answer:
    """Return the answer to one message of a stream: a receipt, or the reason why it was rejected."""
    if isinstance(said, str):
        return masters_pb2.Answer(number=number, error=said)
    return masters_pb2.Answer(number=number, receipt=receipt(said))


def status(job: str, said: dict[str, Any]) -> masters_pb2.JobStatus:
    """Return the status of a job."""
    return _fill(masters_pb2.JobStatus(), {"job": job, **said})


def status_event(job: str, said: dict[str, Any]) -> masters_pb2.Event:
    """Return the event of a new status."""
    return masters_pb2.Event(status=status(job, said))


def document(said: dict[str, Any]) -> masters_pb2.Event:
    """Return the event of a document that was found."""
    return masters_pb2.Event(document=masters_pb2.Found(id=said["id"], document=_fill(masters_pb2.Document(), said)))


def result(said: dict[str, Any]) -> masters_pb2.Result:
    """Return a result."""
    return _fill(masters_pb2.Result(), said)


def _fill(message: T, fields: dict[str, Any]) -> T:
    ParseDict(fields, message, ignore_unknown_fields=True)
    return message

"""An S3 in this process."""

from __future__ import annotations

import http.client
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def empty_s3() -> Iterator[tuple[str, int]]:
    """Run an S3 without buckets and yield its host and port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = server.get_host_and_port()
    reset = http.client.HTTPConnection(*address)  # all of a process's servers have the same buckets
    reset.request("POST", "/moto-api/reset")
    assert reset.getresponse().read()
    reset.close()
    yield address
    server.stop()

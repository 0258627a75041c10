"""What becomes of requests when no more files can be opened."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pdfspider.crawl.fetch.client import open_files
from pdfspider.crawl.fetch.errors import ReleaseRequested
from tests.crawl.loopback import OK, serving
from tests.crawl.transfers import client, get

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

LIMITED = """
import resource
from pdfspider.crawl.fetch.client.open_files import reserve, spare
from pdfspider.exceptions import ConfigurationError

resource.setrlimit(resource.RLIMIT_NOFILE, (80, 160))
reserve(32)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], spare(256, 32), spare(10, 32))
try:
    reserve(100)
except ConfigurationError as error:
    print(error)
"""


@contextmanager
def no_files() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(OK)
        await writer.drain()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_request_without_a_socket_is_given_back(host: str, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(answer) as port, client() as sending:
        with no_files(), pytest.raises(ReleaseRequested, match="no more files can be opened"):
            await get(sending, f"http://{host}:{port}/")
        assert open_files.shortage.lasts
        assert (await get(sending, f"http://{host}:{port}/"))[1] == b"ok"
    assert not open_files.shortage.lasts
    assert sum("No more files can be opened" in line for line in caplog.messages) <= 1


async def test_connections_stay_where_no_new_ones_can_be_made() -> None:
    async with serving(answer) as port, client() as sending:
        assert (await get(sending, f"http://127.0.0.1:{port}/"))[1] == b"ok"
        with no_files():
            sending._multi._renew()
        assert (await get(sending, f"http://127.0.0.1:{port}/"))[1] == b"ok"


def test_the_limit_is_raised_as_far_as_it_goes_and_else_named() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], check=True, capture_output=True, text=True)
    raised, refused = done.stdout.splitlines()
    assert raised == "160 32 10"
    assert refused.startswith("CONCURRENT_REQUESTS=100 needs 364 open files, but only 160 are allowed")

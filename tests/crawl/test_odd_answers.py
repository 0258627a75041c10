"""What odd servers send is taken byte for byte as curl takes it, and what curl refuses has a class that says so."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pycurl
import pytest

from pdfspider.crawl.fetch.client.client import Client, ClientRequest
from pdfspider.crawl.fetch.client.transfer import BUFFER_SIZE
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.crawl.fetch.request_start import Timeouts
from pdfspider.items import Outcome
from tests.crawl.odd_answers import BODY, Odd, OddServer, answers, head, odd_server
from tests.crawl.transfers import start

if TYPE_CHECKING:
    from pathlib import Path

NAMES = dict(answers())
MIB = 1 << 20
BY_VERSION = (
    "'HTTP/2 200 OK'",
    "length two",
    "length signed",
    "length unit",
    "head too long",
    "head number too large",
    "head two blanks",
    "head blank before the name",
    "head folded length",
)
"""What older versions of curl than the library take otherwise."""
PATIENCE = 0.3
"""Seconds of silence; what an answer has comes at once."""


@dataclass
class Taken:
    """A body, and the error that ended it."""

    body: bytes
    error: FetchError | None = None


async def take(client: Client, url: str, odd: Odd) -> Taken:
    ends = odd.end in ("close", "reset")
    head_comes = ends or b"\n\r\n" in odd.data or b"\n\n" in odd.data
    timeouts = Timeouts(60, 60 if head_comes else PATIENCE, 60 if ends else PATIENCE)
    parts: list[bytes] = []
    try:
        transfer = await client.send(ClientRequest(url), start(url, timeouts))
        try:
            while chunk := await transfer.next():
                parts.append(chunk)
        finally:
            transfer.close()
    except FetchError as error:
        return Taken(b"".join(parts), error)
    return Taken(b"".join(parts))


def curl(server: OddServer, names: list[str], directory: Path) -> dict[str, tuple[int, bytes]]:
    """Exit code and body of each answer by curl's own command."""
    numbers = [list(NAMES).index(name) for name in names]
    config = "".join(f'url = "{server.url(number)}"\noutput = "{directory}/{number}"\n' for number in numbers)
    (directory / "config").write_text(config)
    words = "-q --silent --noproxy * --write-out %{exitcode}\\n --config"
    run = subprocess.run(["curl", *words.split(), str(directory / "config")], capture_output=True, check=False)
    files = [directory / str(number) for number in numbers]
    bodies = [file.read_bytes() if file.exists() else b"" for file in files]
    return dict(zip(names, zip(map(int, run.stdout.split()), bodies, strict=True), strict=True))


def known_to_curl() -> list[str]:
    """The names of what the installed command takes as the library does."""
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    is_same = version.split(".")[:2] == pycurl.version_info()[1].split(".")[:2]
    return [name for name in NAMES if is_same or not name.startswith(BY_VERSION)]


@dataclass
class Compared:
    ours: dict[str, Taken]
    curls: dict[str, tuple[int, bytes]]


async def compare(directory: Path) -> Compared:
    async with odd_server(list(NAMES.values())) as server:
        client = Client({"User-Agent": "test"}, ())
        taking = (take(client, server.url(number), odd) for number, odd in enumerate(server.odd))
        ours = await asyncio.gather(*taking)
        await client.close()
        server.hang_up()
        curls = await asyncio.to_thread(curl, server, known_to_curl(), directory)
    return Compared(dict(zip(NAMES, ours, strict=True)), curls)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    if not shutil.which("curl"):
        pytest.skip("no curl: apt-get install curl")
    return asyncio.run(compare(tmp_path_factory.mktemp("curl")))


def test_each_body_is_byte_for_byte_what_curl_writes(compared: Compared) -> None:
    assert len(compared.curls) > 220
    assert {name: compared.ours[name].body for name in compared.curls} == {
        name: body for name, (_, body) in compared.curls.items()
    }


def test_what_curl_takes_for_whole_or_broken_is_so_here(compared: Compared) -> None:
    """Silence is none of curl's concerns: its command waits."""
    wrong = {
        name: (error, code)
        for name, (code, _) in compared.curls.items()
        for error in [compared.ours[name].error]
        if (code == 0) != (error is None) and not (error and error.outcome is Outcome.TIMEOUT)
    }
    assert wrong == {}


def test_what_curl_refuses_has_a_class_of_its_own(compared: Compared) -> None:
    refused = {
        name.rpartition(",")[0]
        for name, taken in compared.ours.items()
        if taken.error and taken.error.outcome is Outcome.BAD_RESPONSE
    }
    assert refused >= {
        "length two", "length negative", "length no number", "chunks unknown", "head no http", "head blank",
        "head too long", "head nul", "head no colon", "head status 099",
    }  # fmt: skip
    errors = [taken.error for taken in compared.ours.values() if taken.error]
    assert {error.outcome for error in errors} == {Outcome.BAD_RESPONSE, Outcome.CONNECTION_ERROR, Outcome.TIMEOUT}
    assert all(str(error) for error in errors)


@pytest.mark.parametrize("name", ["length right, keep", "chunks twice, keep", "head folded, silence", "pieces open"])
def test_the_body_is_whole(compared: Compared, name: str) -> None:
    assert compared.ours[name].body == BODY


async def test_a_body_that_nobody_reads_waits_at_the_server() -> None:
    """However much there is: libcurl stops receiving, and goes on where it is read on."""
    body = bytes(64 * MIB)
    odd = Odd(head(f"Content-Length: {len(body)}") + body)
    async with odd_server([odd]) as server:
        client = Client({}, ())
        transfer = await client.send(ClientRequest(server.url(0)), start(server.url(0)))
        while not transfer.is_paused:
            await asyncio.sleep(0.01)
        assert transfer.waiting <= 2 * BUFFER_SIZE
        size = 0
        while chunk := await transfer.next():
            size += len(chunk)
            assert transfer.waiting <= 2 * BUFFER_SIZE
        assert size == len(body)
        transfer.close()
        await client.close()

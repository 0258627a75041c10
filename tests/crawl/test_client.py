"""The HTTP client: what it sends, and over which connections."""

from __future__ import annotations

import asyncio
import socket
from math import inf
from typing import TYPE_CHECKING

import pycurl
import pytest
from scrapy.settings import Settings

from pdfspider.crawl.fetch.client.client import ClientRequest, header_line
from pdfspider.crawl.fetch.client.options import client_options
from pdfspider.crawl.fetch.errors import FetchError, ReleaseRequested, StartAgain
from pdfspider.items import Outcome
from tests.crawl.loopback import OK, Site, serving
from tests.crawl.transfers import client, get, start, starts_until
from tests.support import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def test_what_is_sent_is_what_was_given() -> None:
    site = Site()
    path = "/a/../b/./%7e%3F;x?q=[1]|{2}&r='\"^`"
    async with serving(site) as port, client(**{"User-Agent": "ours", "X-Empty": "", "Accept-Language": "en"}) as ours:
        await get(ours, f"http://127.0.0.1:{port}{path}", headers={"X-Own": "\udce9t\udce9", "Accept-Language": "é"})
        await get(ours, f"http://127.0.0.1:{port}/", headers=None)
    first, second = site.heads
    assert first.startswith(f"GET {path} HTTP/1.1\r\n".encode())
    lines = first.split(b"\r\n")
    assert {b"User-Agent: ours", b"X-Empty:", b"X-Own: \xe9t\xe9", "Accept-Language: é".encode()} <= set(lines)
    assert b"X-Own" not in second
    assert b"Accept-Language: en\r\n" in second
    assert not any(name in first for name in (b"Cookie", b"Expect", b"TE:", b"Upgrade"))


@pytest.mark.parametrize("value", ["a\r\nX-Injected: b", "a\nb", "a\rb", "a\0b"])
def test_no_header_makes_another(value: str) -> None:
    with pytest.raises(FetchError, match="line break"):
        header_line("X-A", value)


@pytest.mark.parametrize(
    ("method", "body"), [("POST", b"a=1"), ("POST", b""), ("PUT", bytes(2_000_000)), ("HEAD", b""), ("DELETE", b"")]
)
async def test_methods_and_bodies(method: str, body: bytes) -> None:
    site = Site(OK.removesuffix(b"ok") if method == "HEAD" else OK)
    async with serving(site) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        _, came = await get(ours, url, method=method, body=body)
        await get(ours, url) if method != "HEAD" else None
    assert came == (b"" if method == "HEAD" else b"ok")
    assert site.heads[0].startswith(f"{method} / HTTP/1.1\r\n".encode())
    assert site.bodies[0] == body
    assert b"Expect" not in site.heads[0]
    assert b"Content-Type" not in site.heads[0]
    assert method == "HEAD" or site.heads[1].startswith(b"GET / ")


async def test_a_connection_is_used_again_if_its_answer_was_whole() -> None:
    site = Site()
    async with serving(site) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(3):
            await get(ours, url)
        assert len(site.peers) == 1
        transfer = await ours.send(ClientRequest(url), start(url))
        transfer.close()  # unread, and all there
        site.answer = OK.replace(b"2", b"9")
        transfer = await ours.send(ClientRequest(url), start(url))
        transfer.close()  # some of it is missing
        site.answer = OK
        await get(ours, url)
        assert len(site.peers) == 2


async def test_what_is_sent_again_needs_a_permit_of_its_own() -> None:
    """A server may close a kept connection just when a request is on its way."""
    hung_up: list[int] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        hung_up.append(1)

    async with serving(hang_up) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        await get(ours, url)
        request_start = start(url)
        with pytest.raises(StartAgain):
            await get(ours, url, request_start)
        assert hung_up == [1]
        request_start.may_be_sent_again()
        assert (await get(ours, url, request_start))[1] == b"ok"


async def test_a_refused_start_sends_nothing() -> None:
    site = Site()
    async with serving(site) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        late = start(url, starts=starts_until(inf))
        late._lease.report = True
        with pytest.raises(ReleaseRequested, match="turn"):
            await get(ours, url, late)
        assert site.heads == []
        await get(ours, url)
        with pytest.raises(FetchError, match="public address") as refused:  # by the connection that is kept
            await get(ours, url, start(url, public=True))
        assert refused.value.outcome is Outcome.OUT_OF_SCOPE
        assert len(site.heads) == 1


async def test_every_address_of_a_name_is_looked_at_before_it_is_connected_to() -> None:
    site = Site()
    async with serving(site) as port, client() as ours:
        both = (pycurl.RESOLVE, [f"both.test:{port}:10.0.0.1,127.0.0.1"])
        url = f"http://both.test:{port}/"
        with pytest.raises(FetchError, match="is not a public address") as refused:
            await get(ours, url, start(url, public=True), options=(both,))
        assert refused.value.outcome is Outcome.OUT_OF_SCOPE
        assert site.peers == []
        _, body = await get(ours, url, start(url, public=True, networks="127.0.0.0/8"), options=(both,))
        assert body == b"ok"


async def test_a_cancelled_fetch_ends_its_transfer_only() -> None:
    site = Site(b"")
    async with serving(site) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        waiting = asyncio.create_task(get(ours, url))
        while not site.heads:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        site.answer = OK
        assert (await get(ours, url))[1] == b"ok"


async def test_closing_the_client_gives_back_what_is_under_way() -> None:
    site = Site(OK[:-1])
    async with serving(site) as port, client() as ours:
        url = f"http://127.0.0.1:{port}/"
        waiting = asyncio.create_task(get(ours, url))
        while not site.heads:
            await asyncio.sleep(0.01)
        await ours.close()
        with pytest.raises(ReleaseRequested):
            await waiting


async def test_local_address_and_ipv6() -> None:
    site = Site()
    if socket.has_ipv6:
        async with serving(site, "::1") as port, client() as ours:
            assert (await get(ours, f"http://[::1]:{port}/"))[1] == b"ok"
    settings = Settings({"DOWNLOAD_BIND_ADDRESS": "127.0.0.9"})
    async with serving(site) as port, client(*client_options(settings, 5)) as ours:
        await get(ours, f"http://127.0.0.1:{port}/")
    assert site.peers[-1][0] == "127.0.0.9"


async def test_failures_have_their_classes() -> None:
    async with client((pycurl.CONNECTTIMEOUT_MS, 60_000)) as ours:
        for url, outcome in {
            f"http://127.0.0.1:{free_port()}/": Outcome.CONNECTION_ERROR,
            "http://nothing.invalid/": Outcome.DNS_ERROR,
            f"http://{'a' * 64}.test/": Outcome.DNS_ERROR,
        }.items():
            with pytest.raises(FetchError) as failed:
                await get(ours, url)
            assert failed.value.outcome is outcome, failed.value

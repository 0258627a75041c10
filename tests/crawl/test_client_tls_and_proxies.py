"""The HTTP client over TLS and HTTP/2, and through proxies."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import ssl
import subprocess
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from scrapy import Request
from scrapy.settings import Settings

from pdfspider.crawl.fetch.client.options import client_options, proxy_options
from pdfspider.crawl.fetch.errors import FetchError
from pdfspider.exceptions import ConfigurationError
from pdfspider.items import Outcome
from tests.crawl.loopback import OK, Site, serving
from tests.crawl.transfers import client, get, start
from tests.support import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "cert.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, none))
    return files


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


@pytest.fixture
def tls(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({}, None),
        ({"DOWNLOAD_VERIFY_CERTIFICATES": True}, Outcome.TLS_ERROR),
        ({"DOWNLOAD_TLS_MIN_VERSION": "TLSv1.3"}, Outcome.TLS_ERROR),
        ({"DOWNLOAD_TLS_MAX_VERSION": "TLSv1.2"}, None),
        ({"DOWNLOAD_TLS_MAX_VERSION": "TLSv1.2", "DOWNLOADER_CLIENT_TLS_CIPHERS": "AES128-SHA"}, Outcome.TLS_ERROR),
    ],
)
async def test_settings_of_tls(tls: ssl.SSLContext, settings: dict[str, Any], outcome: Outcome | None) -> None:
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    options = client_options(Settings(settings), 60)
    async with serving(Site(), ssl=tls) as port, client(*options) as ours:
        if outcome is None:
            assert (await get(ours, f"https://127.0.0.1:{port}/"))[1] == b"ok"
            return
        with pytest.raises(FetchError) as failed:
            await get(ours, f"https://127.0.0.1:{port}/")
        assert failed.value.outcome is outcome


async def test_what_the_system_trusts_is_trusted(
    tls: ssl.SSLContext, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    options = client_options(Settings({"DOWNLOAD_VERIFY_CERTIFICATES": True}), 60)
    async with serving(Site(), ssl=tls) as port, client(*options) as ours:
        assert (await get(ours, f"https://127.0.0.1:{port}/"))[1] == b"ok"
        with pytest.raises(FetchError) as failed:  # its certificate is for another name
            await get(ours, f"https://localhost:{port}/")
        assert failed.value.outcome is Outcome.TLS_ERROR


def test_a_version_of_tls_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="DOWNLOAD_TLS_MIN_VERSION='SSLv3' is none of"):
        client_options(Settings({"DOWNLOAD_TLS_MIN_VERSION": "SSLv3"}), 60)


async def test_http_2_is_spoken_where_a_server_offers_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin"):
        pytest.skip("no nginx: apt-get install nginx-light")
    port, body = free_port(), bytes(range(256)) * 8192
    (tmp_path / "large").write_bytes(body)
    user = "user root; " if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"{user}daemon off; pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; server {{ "
        f"listen 127.0.0.1:{port} ssl http2; ssl_certificate {files[0]}; ssl_certificate_key {files[1]}; "
        f"root {tmp_path}; location /none {{ return 200 ''; }} }} }}"
    )
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", str(tmp_path / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        async with client(*client_options(Settings(), 60)) as ours:
            url = f"https://127.0.0.1:{port}/large"
            while True:
                with suppress(FetchError):
                    await get(ours, url)
                    break
                await asyncio.sleep(0.05)
            several = await asyncio.gather(*(get(ours, url) for _ in range(5)))
            assert [came for _, came in several] == [body] * 5
            assert {transfer.status for transfer, _ in several} == {200}
            assert {transfer.headers["server"][:5] for transfer, _ in several} == {"nginx"}
            transfer, came = await get(ours, f"https://127.0.0.1:{port}/none")
            assert (came, transfer.is_measured) == (b"", True)
    finally:
        nginx.terminate()
        nginx.wait()


# Proxies


def through(proxy: str, url: str, user: str = "") -> dict[str, Any]:
    request = Request(url, meta={"proxy": proxy})
    if user:
        request.headers["Proxy-Authorization"] = b"Basic " + base64.b64encode(user.encode("latin-1"))
    return {"options": proxy_options(request)}


class Proxy:
    """A proxy of HTTP and of SOCKS 5, which connects to the port asked for on loopback."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (first := await reader.readexactly(1)) == b"\x05":
            await self._greet(reader, writer)
        else:
            head = first + await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            if not head.startswith(b"CONNECT"):
                writer.write(OK)
                return
            await self._connect(int(head.split()[1].rpartition(b":")[2]), b"HTTP/1.1 200 Go\r\n\r\n", reader, writer)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        if b"\x02" in methods:
            writer.write(b"\x05\x02")
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            self.asked.append(user + b":" + await reader.readexactly((await reader.readexactly(1))[0]))
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        *_, kind = await reader.readexactly(4)
        size = 4 if kind == 1 else (await reader.readexactly(1))[0]
        self.asked.append(await reader.readexactly(size))
        port = int.from_bytes(await reader.readexactly(2))
        await self._connect(port, b"\x05\x00\x00\x01" + bytes(6), reader, writer)

    async def _connect(
        self, port: int, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behind, to_behind = await asyncio.open_connection("127.0.0.1", port)
        writer.write(answer)
        with closing(to_behind):
            await asyncio.gather(_pass_on(reader, to_behind), _pass_on(behind, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("user", ["", "me:p:w", "üser:pässword"])
async def test_proxies_of_http(tls: ssl.SSLContext, user: str) -> None:
    proxy, site = Proxy(), Site()
    async with (
        serving(proxy) as port,
        serving(site, ssl=tls) as behind,
        client(*client_options(Settings(), 60)) as ours,
    ):
        at = f"127.0.0.1:{port}"
        url = "http://somewhere.test/%c3?y"
        _, body = await get(ours, url, start(url, public=True, networks=None), **through(at, url, user))
        url = f"https://somewhere.test:{behind}/z"
        transfer, tunnelled = await get(ours, url, start(url, public=True, networks=None), **through(at, url, user))
    assert body == tunnelled == b"ok"
    assert proxy.asked[0].startswith(b"GET http://somewhere.test/%c3?y HTTP/1.1\r\n")
    assert proxy.asked[1].startswith(f"CONNECT somewhere.test:{behind} ".encode())
    for asked in proxy.asked:
        given = re.search(rb"Proxy-Authorization: Basic (\S+)", asked)
        assert (base64.b64decode(given[1]).decode("latin-1") if given else "") == user
    assert b"Proxy-" not in site.heads[0]
    assert (transfer.status, list(transfer.headers)) == (200, ["Content-Length"])


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_proxies_of_socks(scheme: str) -> None:
    """Names are resolved by the proxy, whatever the scheme says."""
    proxy, site = Proxy(), Site()
    async with serving(proxy) as port, serving(site) as behind, client() as ours:
        url = f"http://somewhere.test:{behind}/"
        how = through(f"{scheme}://127.0.0.1:{port}", url, "me:secret")
        _, body = await get(ours, url, start(url, public=True, networks=None), **how)
    assert body == b"ok"
    assert proxy.asked == [b"me:secret", b"somewhere.test"]


async def test_proxies_of_the_environment_are_scrapys_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    async with serving(Site()) as port, client() as ours:
        assert (await get(ours, f"http://127.0.0.1:{port}/"))[1] == b"ok"


async def test_a_proxy_that_refuses() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with serving(refuse) as port, client() as ours:
        url = "https://somewhere.test/"
        with pytest.raises(FetchError, match="403") as failed:
            await get(ours, url, start(url, networks=None), **through(f"http://127.0.0.1:{port}", url))
        assert failed.value.outcome is Outcome.CONNECTION_ERROR
        request = Request(url, meta={"proxy": "x"}, headers={"Proxy-Authorization": "Bearer x"})
        with pytest.raises(FetchError, match="not Basic"):
            proxy_options(request)

"""What is listened on with a token, and what not; TLS from end to end."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import grpc
import pytest
from aiohttp import ClientConnectionError, ClientSession

from bench.processes import free_port
from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.transports.grpc.masters_pb2 import Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.certificates import make_certificates
from tests.gateway.inprocess import listening, service_on

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "known to both"


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "gateway.example", "192.0.2.7"])
async def test_no_token_is_taken_in_clear(redis_url: str, tmp_path: Path, scheme: str, host: str) -> None:
    url = f"{scheme}://{host}:1"
    async with service_on(redis_url, tmp_path) as service:
        with pytest.raises(ConfigurationError, match="GATEWAY_TOKEN is needed"):
            make_transports([url], service)
    async with service_on(redis_url, tmp_path, GATEWAY_TOKEN=TOKEN) as service:
        with pytest.raises(ConfigurationError, match=rf"in clear.*{scheme}s://.*GATEWAY_TLS_TERMINATED"):
            make_transports([url], service)
        make_transports([f"{scheme}s://{host}:1?cert=x&key=y", f"{scheme}://127.0.0.1:1#own"], service)
    async with service_on(redis_url, tmp_path, GATEWAY_TOKEN=TOKEN, GATEWAY_TLS_TERMINATED=True) as service:
        make_transports([url], service)


async def test_tls_with_a_token(redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = make_certificates(tmp_path)
    files = f"?cert={made.server}&key={made.server_key}"
    ports = free_port(), free_port()
    trusting = ssl.create_default_context(cafile=str(made.ca))
    async with service_on(redis_url, tmp_path, GATEWAY_TOKEN=TOKEN, GATEWAY_CLIENT_TIMEOUT=60) as service:
        https, grpcs = make_transports(
            [f"https://127.0.0.1:{ports[0]}{files}", f"grpcs://127.0.0.1:{ports[1]}{files}"], service
        )
        assert isinstance(https, HttpTransport)
        async with listening(https), listening(grpcs):
            own = {"Authorization": f"Bearer {TOKEN}"}
            async with ClientSession(f"https://127.0.0.1:{ports[0]}", headers=own) as client:
                message = {"url": "http://127.0.0.1:9/", "job": "by-tls", "seal": False}
                async with client.post("/jobs", json=message, ssl=trusting) as accepted:
                    assert accepted.status == 202
                async with client.get("/jobs/by-tls", ssl=trusting) as status:
                    assert (await status.json())["state"] == "running"
                with pytest.raises(ClientConnectionError):
                    await client.get("/jobs")  # who does not trust it
                with pytest.raises(ClientConnectionError):
                    await client.get(f"http://127.0.0.1:{ports[0]}/jobs")
            credentials = grpc.ssl_channel_credentials(made.ca.read_bytes())
            async with grpc.aio.secure_channel(f"127.0.0.1:{ports[1]}", credentials) as channel:
                question = Question(job="by-tls")
                told = await MastersStub(channel).Status(
                    question, metadata=(("authorization", f"Bearer {TOKEN}"),), wait_for_ready=True
                )
                assert told.state == "running"
    assert not [record for record in caplog.records if record.exc_info]


async def test_certificates_of_clients(redis_url: str, tmp_path: Path) -> None:
    """With ``clients``, only those with a certificate of that authority connect."""
    made = make_certificates(tmp_path)
    files = f"?cert={made.server}&key={made.server_key}&clients={made.ca}"
    ports = free_port(), free_port()
    stranger = ssl.create_default_context(cafile=str(made.ca))
    client = ssl.create_default_context(cafile=str(made.ca))
    client.load_cert_chain(made.client, made.client_key)
    ca, key, chain = (file.read_bytes() for file in (made.ca, made.client_key, made.client))
    async with service_on(redis_url, tmp_path) as service:
        https, grpcs = make_transports(
            [f"https://127.0.0.1:{ports[0]}{files}", f"grpcs://127.0.0.1:{ports[1]}{files}"], service
        )
        async with listening(https), listening(grpcs):
            async with ClientSession(f"https://127.0.0.1:{ports[0]}") as session:
                async with session.get("/jobs", ssl=client) as answer:
                    assert answer.status == 200
                with pytest.raises(ClientConnectionError):
                    await session.get("/jobs", ssl=stranger)
            address = f"127.0.0.1:{ports[1]}"
            async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca, key, chain)) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as answered:
                    await MastersStub(channel).Status(Question(job="none"), wait_for_ready=True)
                assert answered.value.code() is grpc.StatusCode.NOT_FOUND
            async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca)) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await MastersStub(channel).Status(Question(job="none"))
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("scheme", ["https", "grpcs"])
async def test_files_that_are_not_there_are_named(redis_url: str, tmp_path: Path, scheme: str) -> None:
    made = make_certificates(tmp_path)
    for files in ("", f"cert={made.server}&key=none", f"cert={made.server}&key={made.server_key}&clients=none"):
        async with service_on(redis_url, tmp_path) as service:
            (transport,) = make_transports([f"{scheme}://127.0.0.1:{free_port()}?{files}"], service)
            with pytest.raises(ConfigurationError, match=f"{scheme}:// in GATEWAY_URLS needs"):
                await transport.listen()
            await transport.close()

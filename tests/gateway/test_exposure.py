"""What is listened on with a token, and what not; TLS from end to end."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import grpc
import pytest
from aiohttp import ClientConnectionError, ClientSession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pdfspider.exceptions import ConfigurationError
from pdfspider.gateway.registry import make_transports
from pdfspider.gateway.transports.grpc.masters_pb2 import Question
from pdfspider.gateway.transports.grpc.masters_pb2_grpc import MastersStub
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.gateway.inprocess import listening, service_on
from tests.support import free_port

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "known to both"


def certificate(directory: Path) -> tuple[Path, Path]:
    """Files of a certificate for 127.0.0.1 and localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1)
    )
    made = made.add_extension(names, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return cert_file, key_file


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
    cert, key = certificate(tmp_path)
    files = f"?cert={cert}&key={key}"
    ports = free_port(), free_port()
    trusting = ssl.create_default_context(cafile=str(cert))
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
            credentials = grpc.ssl_channel_credentials(cert.read_bytes())
            async with grpc.aio.secure_channel(f"127.0.0.1:{ports[1]}", credentials) as channel:
                question = Question(job="by-tls")
                told = await MastersStub(channel).Status(
                    question, metadata=(("authorization", f"Bearer {TOKEN}"),), wait_for_ready=True
                )
                assert told.state == "running"
    assert not [record for record in caplog.records if record.exc_info]

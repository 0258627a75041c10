"""Brokers that speak TLS only, and want a certificate of the gateway too."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from celery import Celery
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from tests.certificates import Certificates, make_certificates
from tests.gateway.inprocess import service_on
from tests.gateway.serving import eventually, in_thread, serving
from tests.servers.processes import RedisProcess, tls_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis import Redis

GOOD = "http://127.0.0.1:9/"
BAD = "http://169.254.169.254/"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def redis_with_tls(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    own = {"ssl_ca_certs": certificates.ca, "ssl_certfile": certificates.client, "ssl_keyfile": certificates.client_key}
    config = tls_config(certificates, of_clients=True)
    server = RedisProcess(tmp_path_factory.mktemp("redis"), config, ssl=True, **{k: str(v) for k, v in own.items()})
    yield server
    server.kill()


def url_of(server: RedisProcess, made: Certificates) -> str:
    files = f"ssl_ca_certs={made.ca}&ssl_certfile={made.client}&ssl_keyfile={made.client_key}"
    return f"rediss://127.0.0.1:{server.port}/0?{files}"


async def test_redis(redis_url: str, tmp_path: Path, redis_with_tls: RedisProcess, certificates: Certificates) -> None:
    call, url = redis_with_tls.call, url_of(redis_with_tls, certificates)
    async with service_on(redis_url, tmp_path) as service, serving(url, service):
        call("LPUSH", "pdf_tasks", json.dumps({"url": GOOD, "job": "by-tls", "seal": False}), BAD)
        (reject,) = await eventually(lambda: in_thread(lambda: call("LRANGE", "pdf_tasks:rejected", 0, -1)))
        assert BAD in json.loads(reject)["message"]
        assert list(await eventually(lambda: service.jobs(10))) == ["by-tls"]


async def test_rq(redis_url: str, tmp_path: Path, redis_with_tls: RedisProcess, certificates: Certificates) -> None:
    url = f"rq+{url_of(redis_with_tls, certificates)}"
    async with service_on(redis_url, tmp_path) as service, serving(url, service):
        with redis_with_tls.client() as client:
            queue = Queue("pdfs", connection=client, serializer=JSONSerializer)
            good, bad = (queue.enqueue("masters.download_pdf", url) for url in (GOOD, BAD))
            await eventually(lambda: in_thread(lambda: state_of(good.id, client) is JobStatus.STARTED))
            await eventually(lambda: in_thread(lambda: state_of(bad.id, client) is JobStatus.FAILED))


def state_of(job: str, client: Redis) -> Any:
    return Job.fetch(job, client, JSONSerializer).get_status()


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")
async def test_celery(redis_url: str, tmp_path: Path, redis_with_tls: RedisProcess, certificates: Certificates) -> None:
    """Celery wants ``ssl_cert_reqs`` in a URL; the gateway's ``backend`` is what the app has."""
    url = url_of(redis_with_tls, certificates)
    backend = f"{url}&ssl_cert_reqs=CERT_REQUIRED"
    app = Celery("pdf_crawler", broker=backend, backend=backend, set_as_current=False)
    async with (
        service_on(redis_url, tmp_path) as service,
        serving(f"celery+{url}&backend={quote(backend)}", service),
    ):
        bad = await asyncio.to_thread(app.send_task, "masters.download_pdf", [BAD])
        await eventually(lambda: in_thread(lambda: bad.state == "FAILURE"))
        named = {"job": "by-celery", "seal": False}
        await asyncio.to_thread(app.send_task, "masters.download_pdf", [GOOD], named)
        assert list(await eventually(lambda: service.jobs(10))) == ["by-celery"]
    app.close()

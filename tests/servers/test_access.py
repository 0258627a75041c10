"""Password, user, database number and TLS, from REDIS_URL and REDIS_PARAMS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.server import Server, serve
from bench.site import Site
from tests.certificates import make_certificates
from tests.servers.processes import tls_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.certificates import Certificates
    from tests.servers.conftest import Fleets, Servers
    from tests.support import Fleet

RIGHTS = "~{pdfs}:* ~pdfs:start_urls* &{pdfs}:* +@all -@dangerous +info"
"""What a user needs."""
NEEDED = f"user default on >secret ~* &* +@all\nuser spider on >p@ss:w/rd {RIGHTS}"


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    with serve(Site(hosts=1, pages=3, documents=4)) as server:
        yield server


def crawls(fleet: Fleet, site: Server) -> None:
    worker = fleet.crawl(site.url, arguments={"scope": "any"})
    assert fleet.files() == set(site.site.expected().values())
    assert not [word for word in ("secret", "p@ss") if word in worker.output]


def test_a_password_and_a_database(servers: Servers, fleets: Fleets, site: Server) -> None:
    redis = servers("requirepass secret", password="secret")
    crawls(fleets(f"redis://:secret@127.0.0.1:{redis.port}/3"), site)
    assert set(redis.call("INFO", "keyspace")) == {"db3"}


def test_a_user_with_only_the_rights_it_needs(servers: Servers, fleets: Fleets, site: Server) -> None:
    redis = servers(NEEDED, password="secret")
    crawls(fleets(f"redis://spider:p%40ss%3Aw%2Frd@127.0.0.1:{redis.port}"), site)
    assert redis.call("ACL", "LOG") == []


def test_a_wrong_password_is_an_error_without_it(servers: Servers, fleets: Fleets) -> None:
    redis = servers("requirepass secret", password="secret")
    worker = fleets(f"redis://:guess@127.0.0.1:{redis.port}").start("http://127.0.0.1:1/")
    assert worker.wait() != 0
    assert f"no Redis at redis://:***@127.0.0.1:{redis.port}" in worker.output
    assert "guess" not in worker.output
    assert "Traceback" not in worker.output


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("where", ["url", "params"])
def test_tls(servers: Servers, fleets: Fleets, site: Server, certificates: Certificates, where: str) -> None:
    ca = str(certificates.ca)
    redis = servers(tls_config(certificates), ssl=True, ssl_ca_certs=ca)
    url = f"rediss://127.0.0.1:{redis.port}/0"
    if where == "url":
        crawls(fleets(f"{url}?ssl_ca_certs={ca}"), site)
    else:
        crawls(fleets(url, REDIS_PARAMS=json.dumps({"ssl_ca_certs": ca})), site)


def test_a_certificate_that_is_not_trusted_is_refused(
    servers: Servers, fleets: Fleets, certificates: Certificates
) -> None:
    redis = servers(tls_config(certificates), ssl=True, ssl_ca_certs=str(certificates.ca))
    worker = fleets(f"rediss://127.0.0.1:{redis.port}").start("http://127.0.0.1:1/")
    assert worker.wait() != 0
    assert "certificate verify failed" in worker.output
    assert "Traceback" not in worker.output

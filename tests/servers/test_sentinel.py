"""The primary dies and its replica takes over: whatever it did not know is crawled again, and nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.processes import free_port
from bench.server import serve
from bench.site import Site
from pdfspider.frontier.connection import connect
from pdfspider.masking import masked_url
from tests.support import until

if TYPE_CHECKING:
    from tests.servers.conftest import Fleets, Servers
    from tests.servers.processes import RedisProcess

WATCH = """
sentinel monitor frontier 127.0.0.1 {port} 1
sentinel down-after-milliseconds frontier 500
sentinel failover-timeout frontier 3000
sentinel auth-pass frontier secret
requirepass watchword
"""
SECRET = "requirepass secret\nmasterauth secret\nrepl-diskless-sync-delay 0"


def guarded(servers: Servers) -> tuple[RedisProcess, RedisProcess, RedisProcess]:
    """Primary, replica, and their Sentinel, once these know each other."""
    primary = servers(SECRET, password="secret")
    replica = servers(f"{SECRET}\nreplicaof 127.0.0.1 {primary.port}", password="secret")
    until(lambda: replica.call("INFO", "replication")["master_link_status"] == "up")
    sentinel = servers(WATCH.format(port=primary.port), sentinel=True, password="watchword")
    until(lambda: sentinel.call("INFO", "sentinel")["master0"]["slaves"] == 1)
    return primary, replica, sentinel


def url_of(sentinel: RedisProcess) -> str:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"  # the first does not answer
    return f"redis+sentinel://:secret@{hosts}/frontier/2?sentinel_password=watchword"


def test_a_failover_loses_nothing(servers: Servers, fleets: Fleets) -> None:
    primary, replica, sentinel = guarded(servers)
    with serve(Site(hosts=4, pages=30, documents=60), latency=40) as server:
        fleet = fleets(url_of(sentinel), FRONTIER_LEASE_SECONDS=2, CONCURRENT_REQUESTS=4)
        worker = fleet.start(server.url, arguments={"scope": "any"})
        until(lambda: worker.has_sent(25))
        replica.call("CONFIG", "SET", "masterauth", "wrong")
        primary.call("CLIENT", "KILL", "TYPE", "replica")  # from here on the replica hears of nothing
        known = len(worker.starts())
        until(lambda: worker.has_sent(known + 20))
        primary.kill()
        worker.finish()
        assert len({start.url for start in worker.starts()}) < len(worker.starts())
        assert replica.call("ROLE")[0] == b"master"
        assert fleet.files() == set(server.site.expected().values())
        assert set(fleet.outcomes().values()) == {"page", "document"}
        fleet.audit()
    for word in ("secret", "watchword", "Traceback"):
        assert word not in worker.output


def test_a_service_that_no_sentinel_knows_is_an_error(servers: Servers, fleets: Fleets) -> None:
    *_, sentinel = guarded(servers)
    worker = fleets(url_of(sentinel).replace("/frontier", "/unheard-of")).start("http://127.0.0.1:1/")
    assert worker.wait() != 0
    assert "unheard-of" in worker.output
    assert "Traceback" not in worker.output


def test_what_is_wrong_with_a_url_is_said() -> None:
    with pytest.raises(ValueError, match="expected redis\\+sentinel://HOST:PORT,HOST:PORT/SERVICE"):
        connect("redis+sentinel://127.0.0.1:26379")


def test_passwords_are_not_shown() -> None:
    shown = masked_url("redis+sentinel://u:secret@a:1,b:2/s/2?sentinel_password=word&socket_timeout=3")
    assert shown == "redis+sentinel://u:***@a:1,b:2/s/2?sentinel_password=***&socket_timeout=3"

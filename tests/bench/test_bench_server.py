from __future__ import annotations

import gzip
import hashlib
import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from bench.content import huge_sha256
from bench.log import parse_log
from bench.server import Server, listen, serve
from bench.site import Site
from tests.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(Site(hosts=3, pages=12, documents=30), crawl_delay=1.5, robots_deny=["/private", "/no"]) as running:
        yield running


def get(server: Server, target: str, address: str = "127.0.0.1", method: str = "GET") -> tuple[int, str, bytes]:
    """Status, all headers as text, body."""
    connection = http.client.HTTPConnection(address, server.port, timeout=PATIENCE)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        return response.status, str(response.headers), response.read()
    finally:
        connection.close()


def test_serves_the_site_as_it_says(server: Server) -> None:
    for url, digest in server.site.expected().items():
        address, target = url.removeprefix("http://").split("/", 1)
        status, headers, body = get(server, f"/{target}", address.split(":")[0])
        assert (status, hashlib.sha256(body).hexdigest()) == (200, digest)
        assert "application/pdf" in headers
    assert get(server, "/")[2] == server.site.page(0)
    assert get(server, "/", "127.0.0.2")[0] == 404
    assert get(server, "/pages/1.html", "127.0.0.2")[2] == server.site.page(1)


def test_robots(server: Server) -> None:
    body = get(server, "/robots.txt", "127.0.0.3")[2]
    assert body == b"User-agent: *\nDisallow: /private\nDisallow: /no\nCrawl-delay: 1.5\n"


def test_keeps_a_connection_open(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(3):
        connection.request("GET", "/")
        assert connection.getresponse().read() == server.site.page(0)
        assert connection.sock is not None
    connection.close()


def test_head_has_the_length_and_no_body(server: Server) -> None:
    status, headers, body = get(server, "/", method="HEAD")
    assert (status, body) == (200, b"")
    assert f"Content-Length: {len(server.site.page(0))}" in headers


def test_huge(server: Server) -> None:
    status, headers, body = get(server, "/huge.pdf?size=5000000")
    assert status == 200
    assert "Content-Length: 5000000" in headers
    assert hashlib.sha256(body).hexdigest() == huge_sha256(5_000_000)


def test_cut_sends_less_than_it_says(server: Server) -> None:
    with pytest.raises(http.client.IncompleteRead):
        get(server, "/cut.pdf")


def test_gz(server: Server) -> None:
    _, headers, body = get(server, "/gz.pdf")
    assert "Content-Encoding: gzip" in headers
    assert gzip.decompress(body).startswith(b"%PDF-1.4")


def test_redirect_status_list_and_slow(server: Server) -> None:
    status, headers, _ = get(server, "/redirect?to=http%3A//127.0.0.2/x")
    assert (status, "Location: http://127.0.0.2/x" in headers) == (302, True)
    assert get(server, "/redirect?to=/&code=308")[0] == 308
    status, headers, _ = get(server, "/status/503?retry_after=7")
    assert (status, "Retry-After: 7" in headers) == (503, True)
    assert get(server, "/status/204")[2] == b""
    assert get(server, "/list?n=2&prefix=/slow%3Fms%3D1%26id%3D")[2].count(b'href="/slow?ms=1&amp;id=') == 2
    assert get(server, "/slow?ms=30")[0] == 200
    assert get(server, "/status/none")[0] == 400
    assert get(server, "/huge.pdf")[0] == 400


def test_log_has_every_request_and_its_end(server: Server) -> None:
    before = len(server.log())
    get(server, "/slow?ms=40&mine", "127.0.0.2")
    get(server, "/nothing")
    slow, nothing = server.log()[before:]
    assert (slow.address, slow.method, slow.path, slow.status, slow.sent) == (
        "127.0.0.2",
        "GET",
        "/slow?ms=40&mine",
        200,
        True,
    )
    assert slow.ended is not None
    assert slow.ended - slow.received >= 0.039
    assert (nothing.status, nothing.sent) == (404, True)
    assert nothing.received >= slow.ended


def test_log_tells_a_request_under_way_from_a_broken_one(server: Server) -> None:
    before = len(server.log())
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /huge.pdf?size=1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1000)
        (entry,) = server.log()[before:]
        assert entry.ended is None
    while (entry := server.log()[before]).ended is None:
        pass
    assert not entry.sent


def test_latency_comes_before_every_answer() -> None:
    with serve(Site(hosts=1, pages=1, documents=0), latency=50) as running:
        get(running, "/")
        (entry,) = running.log()
        assert entry.ended is not None
        assert entry.ended - entry.received >= 0.049


def test_stops_and_leaves_nothing() -> None:
    with serve(Site(hosts=2, pages=1, documents=0)) as running:
        assert running.url == f"http://127.0.0.1:{running.port}/"
    assert running.process.returncode == 0
    assert not running.log_file.exists()


def test_a_port_is_the_same_on_all_addresses_and_a_taken_one_is_refused() -> None:
    sockets = listen(["127.0.0.1", "127.0.0.2"], 0)
    names = [listener.getsockname() for listener in sockets]
    assert [address for address, _ in names] == ["127.0.0.1", "127.0.0.2"]
    assert names[0][1] == names[1][1]
    with pytest.raises(OSError, match="in use"):
        listen(["127.0.0.2"], names[0][1])
    for listener in sockets:
        listener.close()


def test_log_leaves_out_an_unfinished_line(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("1\t10.5\t127.0.0.1\tGET\t/\t200\n2\t10.6\t127.0.0.1\tGET\t/x\t404\n1\t10.7\tsent\n2\t10.")
    first, second = parse_log(file)
    assert (first.received, first.ended, first.sent) == (10.5, 10.7, True)
    assert (second.path, second.ended, second.sent) == ("/x", None, False)

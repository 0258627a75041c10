"""Passwords go to the origin that they are for, and nowhere else: into no other request, store, log or answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pdfspider.masking import MASK
from tests.crawl.hostile import Request, document, hostile, page, redirect, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.crawl.hostile import Hostile
    from tests.support import Fleet, Worker

SECRET = "s3cr3t w/@rd"
QUOTED = "s3cr3t%20w%2F%40rd"
BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()


def asking(authorized: list[tuple[str, str]], answer: bytes) -> Callable[[Request], None]:
    """Answer whoever has the password, and note who showed it where."""

    def reply_to(request: Request) -> None:
        has_it = f"Authorization: Basic {BASIC}\r\n" in request.headers
        if has_it:
            authorized.append((request.address, request.path))
        request.send(answer if has_it else reply(b"who are you?", "text/html", status="401 Unauthorized"))

    return reply_to


def everything_of(fleet: Fleet, worker: Worker) -> Iterator[bytes]:
    """The log, the database, and all of Redis."""
    yield worker.output.encode()
    yield from (path.read_bytes() for path in fleet.data.glob("pdfs.db*"))
    with fleet.client() as client:
        for key in client.scan_iter():
            yield client.dump(key)


def site(server: Hostile, authorized: list[tuple[str, str]]) -> None:
    elsewhere = server.url("/other", host=2)
    server.answers |= {
        "/": asking(authorized, page("/a.pdf", "/moved", elsewhere)),
        "/a.pdf": asking(authorized, reply(document("a"))),
        "/moved": asking(authorized, redirect(server.url("/b.pdf", host=2))),
        "/other": asking(authorized, page()),
        "/b.pdf": asking(authorized, reply(document("b"))),
        "/robots.txt": asking(authorized, reply(b"User-agent: *\nDisallow: /", "text/plain")),
    }


def check(fleet: Fleet, server: Hostile, authorized: list[tuple[str, str]]) -> None:
    assert {address for address, _ in authorized} == {"127.0.0.1"}
    assert {path for _, path in authorized} == {"/", "/a.pdf", "/moved"}
    outcomes = fleet.outcomes()
    assert outcomes[server.url("/a.pdf")] == "document"
    assert outcomes[server.url("/other", host=2)] == outcomes[server.url("/b.pdf", host=2)] == "forbidden"


def test_a_seeds_user_and_password_are_for_its_origin_only(fleet: Fleet) -> None:
    authorized: list[tuple[str, str]] = []
    with hostile() as server:
        site(server, authorized)
        seed = server.url().replace("//", f"//user:{QUOTED}@")
        worker = fleet.crawl(seed, arguments={"scope": "any"}, LOG_LEVEL="DEBUG")
        check(fleet, server, authorized)
        assert fleet.outcomes()[server.url()] == "page"
    for place in everything_of(fleet, worker):
        for secret in (SECRET.encode(), QUOTED.encode(), BASIC.encode()):
            assert secret not in place
    fleet.audit()


def test_a_link_with_userinfo_is_its_url_without_it(fleet: Fleet) -> None:
    """An address that was meant as mailto: is an ordinary mistake, and its job ends all the same."""
    with hostile({"/robots.txt": reply(b"", "text/plain"), "/a": page()}) as server:
        server.answers["/"] = page(server.url("/a").replace("127", "info@127"), server.url("/a"))
        fleet.crawl(server.url().replace("127", "info@127"))
        assert sorted(server.paths()) == ["/", "/a", "/robots.txt"]
        assert fleet.outcomes() == {server.url("/"): "page", server.url("/a"): "page"}
    fleet.audit()


def test_scrapys_own_credentials_are_for_their_domain_only(fleet: Fleet) -> None:
    authorized: list[tuple[str, str]] = []
    settings = {"HTTPAUTH_USER": "user", "HTTPAUTH_PASS": SECRET, "ROBOTSTXT_OBEY": False, "LOG_LEVEL": "INFO"}
    with hostile() as server:
        site(server, authorized)
        settings["HTTPAUTH_DOMAIN"] = f"127.0.0.1:{server.port}"
        worker = fleet.crawl(server.url(), arguments={"scope": "any"}, **settings)
        check(fleet, server, authorized)
    assert SECRET not in worker.output


def test_credentials_without_their_domain_are_refused(fleet: Fleet) -> None:
    worker = fleet.start("http://127.0.0.1:1/", HTTPAUTH_USER="user")
    assert worker.wait() != 0
    assert "HTTPAUTH_DOMAIN must be set" in worker.output
    assert "Traceback" not in worker.output


def test_the_log_has_no_secrets_of_the_settings(fleet: Fleet) -> None:
    with hostile({"/": page()}) as server:
        secrets = {"AWS_SECRET_ACCESS_KEY": "s3cr3t", "FTP_PASSWORD": "s3cr3t", "GATEWAY_TOKEN": "s3cr3t"}
        urls = {"GATEWAY_URLS": "amqp://u:s3cr3t@127.0.0.1", "GATEWAY_WEBHOOK": "https://u:s3cr3t@127.0.0.1/"}
        worker = fleet.crawl(server.url(), LOG_LEVEL="DEBUG", REDIS_PARAMS={"client_name": "x"}, **secrets, **urls)
    assert "Overridden settings" in worker.output
    assert f"'AWS_SECRET_ACCESS_KEY': '{MASK}'" in worker.output
    assert "s3cr3t" not in worker.output


def test_a_store_that_cannot_be_used_is_named_without_its_password(fleet: Fleet) -> None:
    worker = fleet.start("http://127.0.0.1:1/", FILES_STORE="nope://u:s3cr3t@127.0.0.1/x", LOG_LEVEL="INFO")
    assert worker.wait() != 0
    assert f"nope://u:{MASK}@127.0.0.1/x" in worker.output
    assert "s3cr3t" not in worker.output


def test_a_rejected_start_url_is_told_without_its_password(fleet: Fleet) -> None:
    """It is kept as it came, to be sent again."""
    fleet.push("http://user:s3cr3t@exa mple/", "http://user:s3cr3t@example.org:99999/")
    with hostile({"/": page()}) as server:
        worker = fleet.crawl(server.url())
    letters = fleet.rejected()
    assert len(letters) == 2
    assert not [letter for letter in letters if "s3cr3t" in letter["reason"]]
    assert worker.output.count(f"http://user:{MASK}@exa") >= 2
    assert "s3cr3t" not in worker.output

"""What the dashboard refuses."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from bench.processes import free_port
from pdfspider import settings as defaults
from pdfspider.config import Config
from pdfspider.dashboard import serving
from pdfspider.dashboard.routes import ACTIONS, VIEWS
from pdfspider.exceptions import ConfigurationError
from pdfspider.web.listener import ServerLimits
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import Serve

FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
)
FILLED = {"{job}": "j", "{action:pause|resume|cancel}": "pause", "{sha256}": "ab" * 32, "{outcome}": "failed"}
FILLED["{host}"] = "a.test"


def filled(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


async def test_no_page_of_another_origin_reads_or_changes_anything(serve: Serve) -> None:
    async with serve() as served:
        await served.post("/submit", urls="http://a.test/", job="j")
        for headers in FOREIGN:
            for path, _ in VIEWS:
                assert (await served.get(filled(path), **headers))[0] == 403, (path, headers)
            for path, _ in ACTIONS:
                async with served.client.post(filled(path), data={"urls": "http://b.test/"}, headers=headers) as answer:
                    assert answer.status == 403, (path, headers)
        for kind in ("text/plain", "application/json", "application/octet-stream"):
            async with served.client.post("/jobs/j/pause", data=b"x", headers={"Content-Type": kind}) as answer:
                assert answer.status == 415
        (job,) = (await served.parts.frontier.job_lists.page(5)).jobs
        assert (job["state"], job["queued"]) == ("running", 1)
        visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert (await served.get("/", **visit))[0] == 200
        assert (await served.get("/", **{**visit, "Sec-Fetch-Dest": "iframe"}))[0] == 403


async def test_with_a_token_nothing_is_shown_to_who_has_not_shown_it(serve: Serve) -> None:
    async with serve(DASHBOARD_TOKEN="of both") as served:
        for path, _ in VIEWS:
            if path != "/login":
                assert (await served.get(filled(path)))[0] == 401
                assert (await served.get(filled(path), Accept="text/html"))[0] == 303
        for path, _ in ACTIONS:
            if path != "/login":
                assert (await served.post(filled(path)))[0] == 401
        assert (await served.get("/", Authorization="Bearer other"))[0] == 401
        assert (await served.get("/", Authorization="Bearer of both"))[0] == 200
        assert (await served.get("/static/style.css"))[0] == 200
        assert (await served.post("/login", token="other"))[1].startswith("/login?note=")
        async with served.client.post("/login", data={"token": "of both"}, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "of both" not in cookie
        pair = cookie.partition(";")[0]
        assert (await served.get("/", Cookie=pair, Host="known.example"))[0] == 200
        assert (await served.get("/", Cookie=f"{pair}x"))[0] == 401
        assert (await served.get("/", Cookie=pair, **{"Sec-Fetch-Site": "cross-site"}))[0] == 403


async def test_every_answer_says_that_nothing_runs_in_it(serve: Serve, tmp_path: Path) -> None:
    body = b"%PDF-1.4 content"
    sha256 = hashlib.sha256(body).hexdigest()
    place = tmp_path / "files" / sha256[:2] / sha256[2:4]
    place.mkdir(parents=True)
    (place / f"{sha256}.pdf").write_bytes(body)
    async with serve() as served:
        for path in ("/", "/nowhere", "/static/live.js", "/submit"):
            async with served.client.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'self';")
                assert "frame-ancestors 'none'" in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with served.client.get(f"/documents/{sha256}/file") as answer:
            assert await answer.read() == body
            assert answer.headers["Content-Type"] == "application/pdf"
            assert answer.headers["Content-Security-Policy"] == "sandbox"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"].startswith("inline;")
        assert (await served.get(f"/documents/{'0' * 64}/file"))[0] == 404
        assert (await served.get("/documents/..%2f..%2fpdfs.db/file"))[0] == 400
        assert (await served.get("/static/..%2fstate.py"))[0] == 404


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DASHBOARD_URL": "http://0.0.0.0:6090"}, "DASHBOARD_TOKEN is needed"),
        ({"DASHBOARD_URL": "http://0.0.0.0:6090", "DASHBOARD_TOKEN": "x"}, "sent in clear"),
        ({"DASHBOARD_URL": "ftp://127.0.0.1"}, "is not http"),
        ({"DASHBOARD_URL": "http://127.0.0.1:99999"}, "is no URL"),
        ({"DASHBOARD_URL": "http://a@127.0.0.1"}, "is not http"),
        ({"DASHBOARD_URL": "https://127.0.0.1"}, r"needs \?cert"),
        ({"DASHBOARD_URL": "http://127.0.0.1?cert=x"}, r"needs \?cert"),
        ({"DASHBOARD": "perhaps"}, "DASHBOARD='perhaps'"),
    ],
)
def test_an_address_that_makes_no_sense_or_is_not_safe_is_refused(settings: dict[str, str], said: str) -> None:
    known = Settings()
    known.setmodule(defaults)
    known.update(settings)
    with pytest.raises(ConfigurationError, match=said):
        Config.from_settings(known)


def test_a_proxy_may_have_the_tls() -> None:
    known = Settings()
    known.setmodule(defaults)
    known.update({"DASHBOARD_URL": "http://0.0.0.0", "DASHBOARD_TOKEN": "x", "DASHBOARD_TLS_TERMINATED": True})
    assert Config.from_settings(known).dashboard.url == "http://0.0.0.0:6090"


async def test_metrics_need_the_token_and_probes_do_not(serve: Serve) -> None:
    async with serve(DASHBOARD_TOKEN="secret") as served:
        assert (await served.get("/healthz"))[0] == (await served.get("/readyz"))[0] == 200
        assert (await served.get("/metrics"))[0] == 401
        status, text = await served.get("/metrics", Authorization="Bearer secret")
    assert status == 200
    assert "pdfspider_workers_wanted 0.0" in text


async def test_a_request_that_does_not_end_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdfspider.dashboard.serving.LIMITS", ServerLimits(connections=5, per_address=0, timeout=0.5))
    stopped, port = asyncio.Event(), free_port()
    async with serve(DASHBOARD_URL=f"http://127.0.0.1:{port}") as served, asyncio.TaskGroup() as tasks:
        parts = served.parts
        tasks.create_task(serving._listen(parts.config.dashboard, parts.frontier.redis, parts, stopped))
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await connected(port)
                writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
                assert await reader.read() == b""
                writer.close()
        finally:
            stopped.set()


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        with suppress(ConnectionError):
            return await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.01)

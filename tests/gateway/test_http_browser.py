"""A real browser, on a page of another origin that tries to use the HTTP gateway of the machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, web

from bench.processes import free_port
from pdfspider.gateway.transports.http.guard import Guard
from pdfspider.gateway.transports.http.openapi import describe
from pdfspider.gateway.transports.http.transport import HttpTransport
from tests.gateway.inprocess import listening, service_on
from tests.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """<!doctype html><title>x</title><body><script>
const base = "BASE", routes = ROUTES, message = 'MESSAGE';
const wait = ms => new Promise(done => setTimeout(done, ms));
function form(url, enctype, fields, method) {
  const name = "f" + Math.random(), frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = name; form.target = name; form.action = url; form.method = method; form.enctype = enctype;
  for (const [key, value] of Object.entries(fields)) {
    const input = document.createElement("input"); input.name = key; input.value = value; form.append(input);
  }
  document.body.append(frame, form);
  return new Promise(done => { frame.onload = frame.onerror = done; form.submit(); setTimeout(done, 2000); });
}
const read = [];
async function attempt(method, path) {
  const url = base + path, get = method === "GET";
  if (get) await new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = url; });
  else {
    for (const type of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
      await form(url, type, {[message.slice(0, -1) + ', "x": "']: '"}'}, "post");
    await form(url, "text/plain", {}, "post");
    navigator.sendBeacon(url); navigator.sendBeacon(url, message);
    navigator.sendBeacon(url, new Blob([message], {type: "text/plain"}));
  }
  for (const options of [{mode: "no-cors"}, {mode: "no-cors", referrerPolicy: "no-referrer"}, {credentials: "include"},
                         {credentials: "include", headers: {"Content-Type": "application/json"}}])
    for (const body of get ? [undefined] : [undefined, message])
      try {
        const answer = await fetch(url, {method, body, ...options});
        if (answer.type !== "opaque") read.push(url);
      } catch (error) {}
}
(async () => {
  for (const [method, path] of routes) await attempt(method, path);
  await wait(300);
  await fetch("/done", {method: "POST", body: JSON.stringify(read)});
})();
</script>"""
ROUTES = [
    (method.upper(), path.replace("{job}", "mine"))
    for path, operations in describe(with_token=False)["paths"].items()
    for method in operations
]
MESSAGE = {"url": "http://127.0.0.1:9/", "job": "foreign", "seal": False}


async def test_a_page_of_another_origin_can_do_nothing(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium: apt-get install chromium")
    asked: list[tuple[str, str, int]] = []
    check = Guard.check

    def noted(guard: Guard, request: web.Request) -> None:
        try:
            check(guard, request)
        except web.HTTPException as error:
            asked.append((request.method, request.path, error.status))
            raise
        asked.append((request.method, request.path, 200))

    port = free_port()
    here = f"http://127.0.0.1:{port}"
    async with (
        service_on(redis_url, tmp_path) as service,
        listening(HttpTransport(here, service)),
        ClientSession(here) as own,
    ):
        async with own.post("/jobs", json={**MESSAGE, "job": "mine"}) as accepted:
            assert accepted.status == 202
        monkeypatch.setattr(Guard, "check", noted)
        assert await visit(browser, tmp_path, page(here)) == []
        monkeypatch.undo()
        async with own.get("/jobs") as answer:
            jobs: dict[str, Any] = (await answer.json())["jobs"]
    assert {job: status["state"] for job, status in jobs.items()} == {"mine": "running"}
    assert {(method, path) for method, path, _ in asked} >= set(ROUTES)
    assert not [one for one in asked if one[2] == 200 and one[0] != "OPTIONS"]


def page(gateway: str) -> str:
    values = {"BASE": gateway, "ROUTES": json.dumps(ROUTES), "MESSAGE": json.dumps(MESSAGE)}
    text = PAGE
    for name, value in values.items():
        text = text.replace(name, value, 1)
    return text


async def visit(browser: str, directory: Path, text: str) -> list[str]:
    """What the page could read, once it has tried everything."""
    done: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    async def finish(request: web.Request) -> web.Response:
        done.set_result(json.loads(await request.text()))
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", show), web.post("/done", finish)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command = [browser, *options, f"--user-data-dir={directory / 'profile'}", f"http://127.0.0.1:{port}/"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return await asyncio.wait_for(done, 1.5 * PATIENCE)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, PATIENCE)
        await runner.cleanup()

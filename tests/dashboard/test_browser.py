"""A real browser: a crawl is watched and steered, with and without JavaScript, and by nobody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from bench.processes import redis_server
from tests.crawl.hostile import Hostile, document, hostile, page, reply
from tests.support import PATIENCE, ROOT, Fleet, free_port, gaps, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

MARKUP = "%3Cimg%20src=x%20onerror=alert(1)%3E%3Cscript%3Ealert(2)%3C%2Fscript%3E.pdf"
DELAY = 1.0
SECRETS = [f"/secret/{number}.pdf" for number in range(3)]
PLAIN = [f"/files/{number}.pdf" for number in range(120)]
"""So many that no job ends before it is steered, however slow the browser is."""
SETTINGS = {
    "DOWNLOAD_DELAY": DELAY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
    "RETRY_TIMES": 0,
    "FRONTIER_BREAKER_FAILURES": 0,
    "ROBOTSTXT_OBEY": False,
}
PAGES = (
    "/",
    "/jobs/watched",
    "/jobs/watched/change",
    "/jobs/watched/cancel",
    "/jobs/watched/changes",
    "/jobs/watched/classes/blocked",
    "/hosts",
    "/hosts/127.0.0.1",
    "/workers",
    "/documents",
    "/failures",
    "/schedules",
    "/schedule?job=watched",
    "/schedules/watched/remove",
    "/submit",
    "/masters",
    "/health",
    "/block?host=127.0.0.1",
    "/jobs/nothing",
)
JOIN = """texts => document.querySelector("main").replaceChildren(...texts.map((text, number) => {
  const page = new DOMParser().parseFromString(text, "text/html"), part = document.createElement("section");
  page.querySelectorAll("[id]").forEach(one => { one.id = `${number}-${one.id}`; });
  page.querySelectorAll("label").forEach(one => { one.htmlFor = `${number}-${one.htmlFor}`; });
  part.append(...page.querySelector("main").childNodes);
  return part;
}))"""
"""Puts what is on several pages into one: to look for faults takes as long for a small page as for a large one."""
ATTACK = """<!doctype html><title>other</title><body><script>
const base = "BASE";
async function attack() {
  for (const path of ["/jobs/watched/cancel", "/jobs/watched/pause", "/submit", "/block"]) {
    for (const mode of ["no-cors", "cors"])
      try { await fetch(base + path, {method: "POST", mode, credentials: "include",
        body: new URLSearchParams({urls: "http://127.0.0.1:9/", job: "foreign", host: "127.0.0.1"})});
      } catch (error) {}
    navigator.sendBeacon(base + path, new URLSearchParams({urls: "http://127.0.0.1:9/", job: "foreign"}));
    const frame = document.createElement("iframe"), form = document.createElement("form");
    frame.name = form.target = path; form.method = "post"; form.action = base + path;
    form.innerHTML = '<input name="urls" value="http://127.0.0.1:9/"><input name="job" value="foreign">';
    document.body.append(frame, form); form.submit();
  }
  let read = "";
  try { read = await (await fetch(base + "/")).text(); } catch (error) {}
  await new Promise(done => setTimeout(done, 500));
  document.title = "done" + read;
}
attack();
</script>"""


@dataclass
class Scene:
    """A dashboard, a worker and a site, and the browser in which people look at them."""

    url: str
    site: Hostile
    fleet: Fleet
    browser: Browser
    context: BrowserContext

    def jobs(self) -> dict[str, Any]:
        """The status of all jobs; asked in another thread, for this one has the browser's event loop."""
        with ThreadPoolExecutor(1) as thread:
            return dict(thread.submit(self.fleet.status).result()["jobs"])

    def open(self, path: str) -> Page:
        tab = self.context.new_page()
        tab.set_default_timeout(PATIENCE * 1000)
        tab.on("dialog", lambda dialog: pytest.fail(f"markup was run: {dialog.message}"))
        tab.goto(f"{self.url}{path}")
        return tab


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="dashboard-") as directory,
        redis_server(Path(directory)) as redis_url,
        hostile() as site,
    ):
        answers = {path: reply(document(path)) for path in [*PLAIN, *SECRETS, f"/{MARKUP}"]}
        answers["/"] = page(f"/{MARKUP}", "/broken.pdf", *PLAIN, *SECRETS)
        answers["/broken.pdf"] = reply(b"", status="500 Broken")
        answers["/slow"] = page(*PLAIN)
        site.answers.update(answers)
        fleet = Fleet(Path(directory), redis_url, SETTINGS)
        url = f"http://127.0.0.1:{free_port()}"
        places = {"REDIS_URL": redis_url, "DATA_DIR": fleet.data, "DASHBOARD_URL": url}
        serving = start_dashboard(Path(directory), {**SETTINGS, **places})
        try:
            fleet.stand(1, LOGSTATS_INTERVAL=0)
            with sync_playwright() as playwright:
                options = ["--no-sandbox", "--disable-gpu"]
                browser = playwright.chromium.launch(executable_path=chromium, args=options)
                yield Scene(url, site, fleet, browser, browser.new_context())
                browser.close()
        finally:
            serving.terminate()
            serving.wait(PATIENCE)
            fleet.stop()


def start_dashboard(directory: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    log = directory / "dashboard.log"
    words = [f"-s{name}={value}" for name, value in settings.items()]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pdfspider.cli", "dashboard", *words],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def is_there() -> bool:
        assert process.poll() is None, log.read_text()
        return "The dashboard is at" in log.read_text()

    until(is_there)
    return process


def look_for_faults(tab: Page) -> None:
    """No serious fault of accessibility is on the page."""
    found = Axe().run(tab).response["violations"]
    faults = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    serious = [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in faults]
    assert serious == [], tab.url


def test_a_crawl_is_watched_and_steered(scene: Scene) -> None:
    tab = scene.open("/submit")
    tab.fill("#urls", scene.site.url())
    tab.fill("#job", "watched")
    tab.click("form.fields button.primary")
    tab.wait_for_url("**/jobs/watched?note=*")
    tab.evaluate("window.unchanged = true")
    documents = tab.locator("#documents .documents li")
    expect(documents).not_to_have_count(0, timeout=PATIENCE * 1000)
    newest = documents.first.inner_text()
    expect(documents.first).not_to_have_text(newest, use_inner_text=True, timeout=PATIENCE * 1000)
    assert tab.evaluate("window.unchanged"), "the page was not loaded again"
    expect(tab.locator("#failed")).to_contain_text("server-error")

    tab.click("#pause")
    expect(tab.locator("#state")).to_contain_text("paused")
    until(lambda: scene.jobs()["watched"]["leased"] == 0)
    asked = len(scene.site.seen)
    assert min(gaps(start.at for start in scene.fleet.starts())) > DELAY - 0.01

    tab.goto(f"{scene.url}/block?job=watched")
    tab.fill("#pattern", "*/secret/*")
    tab.click("text=Show what it drops")
    expect(tab.locator("#preview")).to_contain_text("3 of ")
    tab.click("text=Block */secret/*")
    expect(tab.locator(".note")).to_contain_text("Blocked: */secret/* in job watched")

    tab.goto(f"{scene.url}/jobs/watched/change")
    tab.fill("#delay", "0.05")
    tab.click("form.fields button.primary")
    assert len(scene.site.seen) == asked, "nothing is fetched while it is paused"
    tab.click("#resume")
    expect(tab.locator("#state")).to_contain_text("finished", timeout=PATIENCE * 1000)
    assert min(gaps(request.at for request in scene.site.seen[asked:])) < DELAY / 2
    assert not set(SECRETS) & set(scene.site.paths())
    assert scene.jobs()["watched"]["classes"]["blocked"] == len(SECRETS)

    scene.site.answers["/broken.pdf"] = reply(document("mended"))
    tab.goto(f"{scene.url}/jobs/watched/classes/server-error")
    tab.click("text=Retry all server-error")
    until(lambda: scene.jobs()["watched"]["documents"] == len(PLAIN) + 2)
    assert scene.site.paths().count("/broken.pdf") == 2
    tab.close()


def test_what_was_crawled_is_text_and_pages_are_accessible(scene: Scene) -> None:
    sha256 = scene.fleet.row(scene.site.url(f"/{MARKUP}"))["sha256"]
    tab = scene.open("/schedule?job=watched")
    tab.fill("#every", "7d")
    tab.click("form.fields button.primary")
    expect(tab.locator("#schedules")).to_contain_text("every 7d")
    tab.goto(f"{scene.url}/jobs/watched")
    look_for_faults(tab)
    texts = [tab.request.get(f"{scene.url}{path}").text() for path in (*PAGES, f"/documents/{sha256}")]
    tab.evaluate(JOIN, texts)
    expect(tab.locator("main > section")).to_have_count(len(texts))
    assert tab.locator("main script, main img[src=x]").count() == 0
    look_for_faults(tab)
    tab.goto(f"{scene.url}/documents/{sha256}")
    expect(tab.locator("main")).to_contain_text("%3Cimg%20src=x")
    answer = tab.request.get(f"{scene.url}/documents/{sha256}/file")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF")
    tab.close()


def test_a_page_of_another_origin_can_do_nothing(scene: Scene) -> None:
    scene.site.answers["/attack"] = reply(ATTACK.replace("BASE", scene.url).encode(), "text/html")
    before = scene.jobs()
    tab = scene.context.new_page()
    tab.goto(scene.site.url("/attack", host=2))
    expect(tab).to_have_title("done", timeout=PATIENCE * 1000)
    assert scene.jobs() == before
    tab.close()
    blocked = scene.open("/block")
    expect(blocked.locator("main")).not_to_contain_text("127.0.0.1")
    blocked.close()


def test_all_of_it_works_without_javascript(scene: Scene) -> None:
    context = scene.browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE * 1000)
    tab.goto(f"{scene.url}/submit")
    tab.fill("#urls", scene.site.url("/slow"))
    tab.fill("#job", "plain")
    tab.click("form.fields button.primary")
    while not tab.locator("#documents .documents li").count():
        tab.reload()
    tab.click("#pause")
    expect(tab.locator("#state")).to_contain_text("paused")
    tab.click("#resume")
    expect(tab.locator("#state")).to_contain_text("running")
    tab.click("text=Cancel…")
    tab.click("text=Cancel the job")
    while "cancelled" not in tab.locator("#state").inner_text():
        tab.reload()
    assert scene.jobs()["plain"]["state"] == "cancelled"
    context.close()

"""The examples of docs/your-own-parts.md do what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pdfspider.testing import captures, requests, response
from tests.crawl.hostile import document, hostile, page, reply
from tests.support import PATIENCE, SETTINGS, stored

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/your-own-parts.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SCRIPT = """
import json, sys
import examples

settings = json.loads(sys.argv[2])
settings["ITEM_PIPELINES"] = {examples.Announce: 200, examples.Measure: 500}
settings["EXTENSIONS"] = {examples.Count: 0}
settings["DOWNLOADER_MIDDLEWARES"] = {examples.Token: 500}
if __name__ == "__main__":
    examples.main(sys.argv[1], **settings)
"""


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    (tmp_path / "examples.py").write_text("\n\n".join(EXAMPLES))
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def test_a_script_with_a_pipeline_a_middleware_and_an_extension(examples: Path) -> None:
    """Run from a directory that is no project."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCRAPY_")}
    feeds = {str(examples / "items.jl"): {"format": "jsonlines"}}
    known = {name: value for name, value in SETTINGS.items() if name != "EXTENSIONS"}
    settings = {**known, "DATA_DIR": str(examples / "data"), "FEEDS": feeds}
    with hostile({"/": page("/1.pdf"), "/1.pdf": reply(document("1"))}) as server:
        done = subprocess.run(
            [sys.executable, "script.py", server.url(), json.dumps(settings)],
            cwd=examples,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        items = [json.loads(line) for line in (examples / "items.jl").read_text().splitlines()]
        assert {item["url"]: item.get("version") for item in items} == {
            server.url(): None,
            server.url("/1.pdf"): "%PDF-1.4",
        }
        assert done.stdout.startswith(server.url("/1.pdf"))
    assert len(stored(examples / "data" / "files")) == 1


def test_the_subclass_and_the_test(examples: Path) -> None:
    namespace: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(example, namespace)
    (capture,) = captures(namespace["Labelled"], response("https://example.org/", body=b"<p>"))
    assert capture.extra == {"label": "none"}
    assert namespace["Reports"]().has_start()
    year = response("https://example.org/", body=b"<a class=year href=/2026>2026</a><a href=/x>x</a>")
    (request,) = requests(namespace["Catalogue"], year)
    assert (request.url, request.cb_kwargs) == ("https://example.org/2026", {"source": "catalogue"})
    namespace["test_a_link_is_found"]()

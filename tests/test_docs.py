"""The documents name everything there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pdfspider import settings
from pdfspider.discovery.rules import TECHNIQUES
from pdfspider.items import Outcome
from pdfspider.records.schema import metadata
from pdfspider.submission.messages import StartUrlMessage
from pdfspider.submission.params import Params
from tests.support import PATIENCE

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs/reference.md").read_text("utf-8")

# Which parts do the work, and how Scrapy finds them: explained in settings.py, not for users to set.
WIRING = re.compile(r".*(_BASE|_MODULES?|_CLASS|_FORMAT|_DATEFORMAT|_FORMATTER|_PROCESSOR|_ENABLED|_LOOP)$")
PARTS = {"BOT_NAME", "SCHEDULER", "DOWNLOADER", "TWISTED_REACTOR", "ITEM_PIPELINES", "CONCURRENT_ITEMS"}
PARTS |= {"SCRAPER_SLOT_MAX_ACTIVE_SIZE"}


def mentioned(name: str) -> bool:
    return f"`{name}`" in REFERENCE or f"`{name} " in REFERENCE


@pytest.mark.parametrize("name", [name for name in dir(settings) if name.isupper() and name not in PARTS])
def test_every_setting_is_documented(name: str) -> None:
    assert WIRING.fullmatch(name) or mentioned(name)


@pytest.mark.parametrize("path", [*(ROOT / "pdfspider/commands").glob("[a-z]*.py")], ids=lambda path: path.stem)
def test_every_command_is_documented(path: Path) -> None:
    assert f"`scrapy {path.stem} " in REFERENCE


@pytest.mark.parametrize("name", [*Params.model_fields, *StartUrlMessage.model_fields])
def test_every_argument_is_documented(name: str) -> None:
    assert mentioned(name)


@pytest.mark.parametrize("outcome", [*Outcome])
def test_every_outcome_class_is_documented_and_dead_letters_are_marked(outcome: Outcome) -> None:
    assert f"| `{outcome.value}` {'† ' if outcome.dead else ''}|" in REFERENCE


def test_every_technique_is_documented() -> None:
    table = REFERENCE.partition("## Techniques")[2].partition("\n\nA list's")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    assert sorted(re.findall("`([a-z-]+)`", " ".join(rows))) == sorted({"seed", "request", *TECHNIQUES})


def test_every_stat_is_documented() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "pdfspider").rglob("*.py"))
    used = re.findall(r'(?:_count\(|inc_value\()f?"(?:pdfspider/)?(?!pdfspider)([a-z]+)', source)
    assert {"outcome", "retry", "released", "bytes"} <= set(used)
    for stat in used:
        assert f"`pdfspider/{stat}" in REFERENCE or f"`{stat}/" in REFERENCE or f"`{stat}_" in REFERENCE


def test_every_column_is_documented() -> None:
    for table in metadata.tables.values():
        assert f"`{table.name}`" in REFERENCE
    for column in metadata.tables["captures"].columns:
        assert mentioned(column.name)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_pages_beside_the_documentation_link_to_what_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text("utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_documentation_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").exists()


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")], ids=lambda page: page.stem)
def test_links_into_pages_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\(((?![a-z]+:)[^)#\s]*)#([\w-]+)\)", page.read_text("utf-8"))
    assert [
        f"{path}#{anchor}" for path, anchor in links if anchor not in headings(page.parent / path if path else page)
    ] == []

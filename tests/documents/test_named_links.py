"""Further names of documents: safe wherever they come from, and one document's each."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pdfspider.documents.named_links import WantedName, check_links, name_all
from pdfspider.documents.paths import LAYOUTS, original_name, path_name, safe_path, with_hash
from pdfspider.documents.store import document_path
from pdfspider.exceptions import ConfigurationError

HASH = "1a2b3c4d" + "0" * 56
SAFE = {
    "report.pdf": "report.pdf",
    "../../etc/passwd": "etc/passwd",
    "/etc/passwd": "etc/passwd",
    r"..\..\boot.ini": "boot.ini",
    "C:/Windows/a.pdf": "C_/Windows/a.pdf",
    "a/./b/../c.pdf": "a/b/c.pdf",
    "a\0b\n\x1b[31mc.pdf": "ab[31mc.pdf",
    "\u202egnp.pdf": "gnp.pdf",
    "\ud800x.pdf": "x.pdf",
    ".staging/x.pdf": "_.staging/x.pdf",
    ".names/ab/cd": "_.names/ab/cd",
    "ab/cd/x.pdf": "_ab/cd/x.pdf",
    "ab": "_ab",
    "con.pdf": "_con.pdf",
    "COM1": "_COM1",
    "lpt¹.x.pdf": "_lpt¹.x.pdf",
    "console.pdf": "console.pdf",
    'a<b>:"|?*.pdf': "a_b______.pdf",
    "trailing. . ": "trailing",
    "e\u0301.pdf": "é.pdf",
    "": "",
    "../..": "",
    "/".join("abcdefghijk"): "a/b/c/d/e/f/g/k",
}


@pytest.mark.parametrize("wanted", SAFE, ids=ascii)
def test_a_name_leads_nowhere_else(wanted: str) -> None:
    assert safe_path(wanted) == SAFE[wanted]
    assert safe_path(SAFE[wanted]) == SAFE[wanted]


def test_every_part_has_a_bounded_length() -> None:
    path = safe_path("/".join(["ü" * 300] * 20 + ["ü" * 300 + ".pdf"]))
    assert path.endswith("ü.pdf")
    assert len(path.encode()) < 1024
    assert max(len(part.encode()) for part in path.split("/")) <= 200


@pytest.mark.parametrize(
    ("layout", "url", "disposition", "name"),
    [
        ("original", "https://a.test/x/Annual%20Report.pdf?v=1", None, "a.test/Annual Report.pdf"),
        ("original", "https://a.test/download?id=7", "Bericht.PDF", "a.test/Bericht.PDF"),
        ("original", "http://a.test:8080/%2e%2e%2f%2e%2e%2fetc%2fpasswd", None, "a.test_8080/_.._.._etc_passwd.pdf"),
        ("original", "https://a.test/", None, "a.test/document.pdf"),
        ("path", "https://a.test/x/y/Report.pdf", "other.pdf", "a.test/x/y/Report.pdf"),
        ("path", "https://a.test/%2e%2e/%2f/r", None, "a.test/r.pdf"),
    ],
)
def test_layouts(layout: str, url: str, disposition: str | None, name: str) -> None:
    made = LAYOUTS[layout]
    assert made in (original_name, path_name)
    assert safe_path(made(url, disposition)) == name


@pytest.mark.parametrize("path", ["a/r.pdf", "r", "a.b/r"])
def test_a_name_with_the_hash(path: str) -> None:
    assert with_hash(path, HASH) == path.removesuffix(".pdf") + "-1a2b3c4d" + (".pdf" if path.endswith(".pdf") else "")


def stored(root: Path, content: str) -> str:
    """The hash of a document that is stored."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    path = root / document_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return sha256


def name(root: Path, content: str, wanted: str) -> str:
    (given,) = name_all([WantedName(root, stored(root, content), wanted)])
    assert isinstance(given, str)
    assert (root / given).read_text() == content
    return given


def test_a_name_belongs_to_one_document(tmp_path: Path) -> None:
    assert name(tmp_path, "one", "a/report.pdf") == "a/report.pdf"
    assert name(tmp_path, "one", "a/report.pdf") == "a/report.pdf"
    assert name(tmp_path, "one", "b/other.pdf") == "b/other.pdf"
    second = name(tmp_path, "two", "a/report.pdf")
    assert second == with_hash("a/report.pdf", stored(tmp_path, "two"))
    assert name(tmp_path, "two", "A/Report.PDF") == with_hash("A/Report.PDF", stored(tmp_path, "two"))
    assert name(tmp_path, "three", "A/STRASSE.pdf") == "A/STRASSE.pdf"
    assert name(tmp_path, "four", "a/straße.pdf") != "a/straße.pdf"
    assert (tmp_path / "a/report.pdf").samefile(tmp_path / document_path(stored(tmp_path, "one")))


def test_a_file_where_a_directory_is_wanted(tmp_path: Path) -> None:
    assert name(tmp_path, "one", "a/b") == "a/b"
    assert name(tmp_path, "two", "a/b/c.pdf") == with_hash("c.pdf", stored(tmp_path, "two"))
    assert name(tmp_path, "three", "a") == with_hash("a", stored(tmp_path, "three"))


def test_many_want_one_name_at_once(tmp_path: Path) -> None:
    contents = [f"document {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda content: name(tmp_path, content, "a/report.pdf"), contents))
    assert len(set(names)) == len(contents)
    assert names.count("a/report.pdf") == 1


def test_a_name_that_was_reserved_before_a_crash_is_given(tmp_path: Path) -> None:
    assert name(tmp_path, "one", "a/report.pdf") == "a/report.pdf"
    (tmp_path / "a/report.pdf").unlink()
    assert name(tmp_path, "one", "a/report.pdf") == "a/report.pdf"


def test_a_store_without_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_links(tmp_path)
    assert list((tmp_path / ".names").iterdir()) == []

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(ConfigurationError, match="has no links, which other names need: Operation not permitted"):
        check_links(tmp_path)

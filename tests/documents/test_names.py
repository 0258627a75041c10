from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdfspider.documents.names import MAX_NAME_LENGTH, file_name

NAMES = {
    'attachment; filename="report.pdf"': "report.pdf",
    "attachment; filename=report.pdf": "report.pdf",
    "attachment;filename = annual report 2024.pdf ; size=3": "annual report 2024.pdf",
    "inline; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf": "résumé.pdf",
    "attachment; filename=\"plain.pdf\"; filename*=UTF-8''%e2%82%ac.pdf": "€.pdf",
    "attachment; filename*=UTF-8''%e2%82%ac.pdf; filename=\"plain.pdf\"": "€.pdf",
    "attachment; filename*=iso-8859-1'de'stra%DFe.pdf": "straße.pdf",
    "attachment; filename*=no-such-charset''stra%C3%9Fe.pdf": "straße.pdf",
    "attachment; filename*=UTF-8''stra%DFe.pdf": "straße.pdf",
    'attachment; filename*0="a very "; filename*1="long name.pdf"': "a very long name.pdf",
    "attachment; filename*0*=UTF-8''%e2%82%ac; filename*1=\" and %20.pdf\"": "€ and %20.pdf",
    'attachment; filename*1="second"; filename="plain.pdf"': "plain.pdf",
    'attachment; filename="a\\"b.pdf"': 'a"b.pdf',
    'attachment; filename="a; b.pdf"': "a; b.pdf",
    'attachment; filename="never closed.pdf': "never closed.pdf",
    'attachment; filename="../../etc/passwd.pdf"': "passwd.pdf",
    r'attachment; filename="C:\tmp\a b.pdf"': "a b.pdf",
    r'attachment; filename="C:\\tmp\\a b.pdf"': "a b.pdf",
    "attachment; filename*=UTF-8''..%2F..%2Fx.pdf": "x.pdf",
    "attachment; filename*=UTF-8''a%00b%0D%0Ac%E2%80%AEfdp.pdf": "abcfdp.pdf",
    "attachment; filename==?UTF-8?B?w6kucGRm?=": "é.pdf",
    'attachment; filename="=?iso-8859-1?Q?=E9.pdf?="': "é.pdf",
    "attachment; filename==?0?B?0?=": "=?0?B?0?=",
    "attachment; filename=é.pdf": "é.pdf",
    b"attachment; filename=\xe9.pdf".decode("utf-8", "surrogateescape"): "é.pdf",
    b'attachment; filename="\xc3\xa9.pdf"'.decode("utf-8", "surrogateescape"): "é.pdf",
    b"attachment; filename*=UTF-8''\xe9.pdf".decode("utf-8", "surrogateescape"): "é.pdf",
    'attachment; filename="Annual%20Report%20%C3%A9.pdf"': "Annual Report é.pdf",
    'attachment; filename="..%2F..%2Fx.pdf"': "x.pdf",
    'attachment; filename="100%.pdf"': "100%.pdf",
    'attachment; filename="50%25 of a%E9.pdf"': "50%25 of a%E9.pdf",
    "attachment; filename='single.pdf'": "single.pdf",
    "filename=bare.pdf": "bare.pdf",
    "attachment; FileName=Case.PDF": "Case.PDF",
    'attachment; filename=""': None,
    'attachment; filename=".."': None,
    'attachment; filename="dir/"': None,
    "attachment": None,
    "inline; name=x.pdf": None,
    "": None,
}


@pytest.mark.parametrize("disposition", NAMES)
def test_names(disposition: str) -> None:
    assert file_name(disposition) == NAMES[disposition]


def test_a_name_has_an_end() -> None:
    assert file_name(f"attachment; filename={'x' * 100_000}") == "x" * MAX_NAME_LENGTH


HEADERS = st.lists(
    st.sampled_from(
        ["filename", "*", "0", "1", "=", '"', ";", "'", "UTF-8''", "%", "\\", "/", "..", "=?a?b?c?=", " ", "x"]
    )
).map("".join)


@given(st.text() | HEADERS)
def test_whatever_is_sent_a_name_is_no_path(disposition: str) -> None:
    name = file_name(f"attachment; {disposition}") or "x"
    assert 0 < len(name) <= MAX_NAME_LENGTH
    assert name not in (".", "..")
    assert not set(name) & {"/", "\\", "\0", "\n"}
    name.encode()


def test_only_the_beginning_of_an_endless_header_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def decode_header(value: str) -> list[tuple[str, None]]:
        read.append(value)
        return [(value, None)]

    monkeypatch.setattr("pdfspider.documents.names.decode_header", decode_header)
    assert file_name("attachment; filename=" + "=?x?q?=?=" * 30_000)
    assert max(map(len, read)) < 10_000
    assert file_name('attachment; filename="a.pdf"; x=' + "x" * 300_000) == "a.pdf"

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdfspider.documents.head import HEAD_SIZE
from pdfspider.documents.tail import TAIL_SIZE, is_whole, judge, linearized_length

from .corpus import MADE, NAMES, document

HEADER = b"%PDF-1.7\n"
OBJECT = b"7 0 obj\n<< /Length 5 >>\nstream\nhello\nendstream\nendobj\n"
END = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 >>\nstartxref\n123\n%%EOF\n"
WHOLE = HEADER + OBJECT * 40 + END


def verdict(data: bytes) -> str | None:
    return judge(data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data))


def linearized() -> bytes:
    """A small file with the two sections of a linearized one, the first of which ends as a file does."""

    def build(length: int) -> bytes:
        first = b"1 0 obj\n<< /Linearized 1 /L %010d /H [ 5 6 ] /O 3 /E 9 /N 1 /T 9 >>\nendobj\n" % length
        return HEADER + first + OBJECT * 3 + END.replace(b"123", b"0") + OBJECT * 40 + END

    return build(len(build(0)))


@pytest.mark.parametrize("name", NAMES)
def test_every_pdf_is_whole_and_no_cut_one_is(name: str) -> None:
    data = document(name)
    assert verdict(data) is None
    for size in (len(data) // 2, len(data) * 9 // 10, len(data) * 99 // 100, len(data) - 40):
        assert verdict(data[:size]) is not None, size


@pytest.mark.parametrize("name", MADE)
def test_only_the_end_of_the_marker_may_be_missing(name: str) -> None:
    data = document(name)
    marker = data.rindex(b"%%EOF")
    assert verdict(data[: marker + 4]) is None
    assert verdict(data[: marker + 3]) is None
    before = data.rfind(b"%%EOF", 0, marker)  # the end of what was updated, which is whole without its update
    assert all(verdict(data[: marker + 3 - missing]) for missing in range(1, min(200, (marker - before) // 2)))


@pytest.mark.parametrize(
    "junk",
    [
        b"\r\n \t\n",
        b"\0" * 5000,
        b"\n%%EOF\n",
        b"<html><body>served by <a href=x>us</a></body></html>",
        b"\xff" * 60_000,
    ],
)
def test_junk_may_follow(junk: bytes) -> None:
    assert verdict(WHOLE + junk) is None


@pytest.mark.parametrize(
    "end", [b"startxref 256%%EOF", b"startxref\r123\r%%EOF\r", b"startxref\n123 \n%%E", b"startxref\n1\n%%EO\0\n"]
)
def test_unusual_ends(end: bytes) -> None:
    assert is_whole(OBJECT + end)


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"%%EOF",
        b"startxref\n123\n",
        b"startxref\n123\n%%",
        b"%%EOF\nstartxref\n",
        OBJECT + b"<html>error</html>",
        b"startxref\n1\n%%EOF" + b"\0" * TAIL_SIZE,
    ],
)
def test_no_end(tail: bytes) -> None:
    assert not is_whole(tail)


def test_an_update_is_whole_only_to_its_end() -> None:
    updated = WHOLE + OBJECT + END
    assert verdict(updated) is None
    begun = len(WHOLE) + len(b"7 0 obj")
    assert all(verdict(updated[:size]) for size in range(begun, len(updated) - len(b"EOF\n")))


def test_an_update_cut_before_its_first_object_is_the_earlier_file() -> None:
    assert verdict((WHOLE + OBJECT + END)[: len(WHOLE) + 3]) is None


def test_a_pdf_within_a_pdf_is_not_its_end() -> None:
    inner = OBJECT.replace(b"hello", WHOLE)
    assert verdict(WHOLE[: -len(END)] + inner + END) is None
    assert verdict(WHOLE[: -len(END)] + inner) is not None


def test_linearized() -> None:
    data = linearized()
    assert linearized_length(data[:HEAD_SIZE]) == len(data)
    assert verdict(data) is None
    assert verdict(data + OBJECT + END) is None
    assert verdict(b"\n" * 100 + data) is None
    assert all(verdict(data[:size]) for size in range(len(HEADER), len(data) - len(b"OF\n")))


def test_linearized_and_cut_behind_its_first_section() -> None:
    data = linearized()
    first = data[: data.index(b"%%EOF\n") + 6]
    assert is_whole(first)
    assert str(len(data)) in str(verdict(first))


def test_the_declared_length_of_files() -> None:
    lengths = {name: linearized_length(document(name)[:HEAD_SIZE]) for name in NAMES}
    assert lengths["long"]
    assert all(length == len(document(name)) for name, length in lengths.items() if length is not None)


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.integers(0))
def test_any_bytes_can_be_judged(head: bytes, tail: bytes, size: int) -> None:
    assert (judge(head, tail, size) is None) <= is_whole(tail)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdfspider.documents.head import HEAD_SIZE
from pdfspider.documents.tail import (
    STEP_SIZE,
    has_end,
    has_trailer,
    is_whole,
    judge,
    judge_end,
    linearized_length,
)

from .corpus import MADE, NAMES, document

HEADER = b"%PDF-1.7\n"
OBJECT = b"7 0 obj\n<< /Length 5 >>\nstream\nhello\nendstream\nendobj\n"
END = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 >>\nstartxref\n123\n%%EOF\n"
WHOLE = HEADER + OBJECT * 40 + END


def verdict(data: bytes) -> str | None:
    whole = has_end(lambda offset, size: data[offset : offset + size], len(data))
    assert is_whole(data) == whole
    return judge_end(data[:HEAD_SIZE], len(data), whole=whole)


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
        bytes(300 * 1024),
        b"<!-- " + b"navigation " * 20_000 + b"--></html>",
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


@pytest.mark.parametrize("size", [0, 1, STEP_SIZE - 30, STEP_SIZE - 5, STEP_SIZE, STEP_SIZE + 40, 3 * STEP_SIZE])
def test_the_end_is_found_however_much_follows_it(size: int) -> None:
    assert verdict(WHOLE + bytes(size)) is None
    assert verdict(WHOLE + OBJECT + bytes(size)) is not None
    assert verdict(WHOLE[: -len(b"%%EOF\n")] + bytes(size)) is not None


TRAILER = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R >>\n"
XREF = b"9 0 obj\n<< /Type /XRef /Root 1 0 R /Length 3 >>\nstream\nabc\nendstream\nendobj\n"


@pytest.mark.parametrize("end", [b"", b"startxref\n", b"startxref\n12\n", b"tartxref\n12\n%%EOF\n", b"%%EOF\n"])
@pytest.mark.parametrize("trailer", [TRAILER, XREF])
def test_a_trailer_behind_the_last_object(trailer: bytes, end: bytes) -> None:
    assert has_trailer(HEADER + OBJECT + trailer + end)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEADER + OBJECT,
        HEADER + OBJECT + TRAILER[: TRAILER.index(b">>")],
        HEADER + OBJECT + TRAILER + b"8 0 obj\n<<",
        HEADER + OBJECT + TRAILER + OBJECT,
        HEADER + OBJECT + XREF[:-20],
        b"trailer<<" + b"/Root " * 50_000,
    ],
)
def test_no_trailer(data: bytes) -> None:
    assert not has_trailer(data)

"""Content encodings: undone layer by layer, within one bound."""

from __future__ import annotations

import gzip
import zlib
from contextlib import nullcontext

import brotli
import pytest

from pdfspider.crawl.fetch.bodies.content_encoding import FREE_INFLATION, STEP_SIZE, decoded
from pdfspider.crawl.fetch.errors import BodyStalled, FetchError
from pdfspider.items import Outcome

MIB = 1 << 20
PLAIN = bytes(range(256)) * 4096
ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


class Sent:
    """A body in pieces."""

    def __init__(self, body: bytes, step: int = 1000) -> None:
        self.pieces = [body[start : start + step] for start in range(0, len(body), step)]
        self.received = 0

    async def next(self) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        self.received += len(piece)
        return piece


async def undo(body: bytes, declared: str, max_inflation: int = 200, step: int = 1000) -> bytes:
    chunks, parts = await decoded(Sent(body, step), declared, max_inflation=max_inflation), []
    while piece := await chunks.next():
        parts.append(piece)
    return b"".join(parts)


@pytest.mark.parametrize(
    "declared", ["gzip", "GZIP", "deflate", "br", "identity, gzip", "deflate, gzip", "br,gzip, deflate"]
)
async def test_every_layer_is_undone(declared: str) -> None:
    body = PLAIN
    for encoding in declared.lower().replace(" ", "").split(","):
        body = ENCODERS.get(encoding, bytes)(body)
    assert await undo(body, declared) == PLAIN


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("junk", [b"", b"\0", bytes(3000), b"\x1f", b"junk"])
async def test_what_follows_the_end_is_another_part_or_nothing(junk: bytes, step: int) -> None:
    body = gzip.compress(PLAIN) + gzip.compress(b"more") + junk
    assert await undo(body, "gzip", step=step) == PLAIN + b"more"


EMPTY = gzip.compress(b"")


@pytest.mark.parametrize("step", [1, 1000, 100_000])
@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_empty_members_are_passed_over_wherever_they_stand(layers: int, step: int) -> None:
    body = PLAIN
    for _ in range(layers):
        half = len(body) // 2
        body = EMPTY + gzip.compress(body[:half]) + EMPTY * 3 + gzip.compress(body[half:]) + EMPTY
    assert await undo(body, ", ".join(["gzip"] * layers), step=step) == PLAIN


@pytest.mark.parametrize("inner", ["br", "deflate"])
async def test_empty_members_around_other_encodings(inner: str) -> None:
    body = ENCODERS[inner](PLAIN)
    members = gzip.compress(body[:99]) + EMPTY + gzip.compress(body[99:])
    assert await undo(members, f"{inner}, gzip") == PLAIN


async def test_members_without_end_that_are_empty_are_no_body() -> None:
    with pytest.raises(FetchError, match="empty members"):
        await undo(gzip.compress(b"begin") + EMPTY * 5_000, "gzip", step=100_000)


PAGE = b"<!DOCTYPE html><html><body><a href='a.pdf'>a page that nobody has compressed</a></body></html>" * 9


@pytest.mark.parametrize(
    "declared",
    ["UTF-8", "none", "binary", "aws-chunked", "8bit", "gzip", "x-gzip", "deflate", "br", "gzip, gzip"],
)
@pytest.mark.parametrize("step", [1, 10, 100_000])
async def test_what_is_sent_plain_stays_as_it_is_whatever_is_declared(declared: str, step: int) -> None:
    for body in (PAGE, b"\n%PDF-1.4\n" + PLAIN[:999], b"short <p>", b""):
        assert await undo(body, declared, step=step) == body


@pytest.mark.parametrize("declared", ["aws-chunked, gzip", "gzip, none", "gzip, gzip"])
async def test_names_that_are_no_encodings_are_passed_over(declared: str) -> None:
    assert await undo(gzip.compress(PAGE), declared) == PAGE


class Broken(Sent):
    """A body whose connection breaks at its end."""

    async def next(self) -> bytes:
        if not self.pieces:
            raise BodyStalled("no byte")
        return await super().next()


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_the_end_of_the_encoded_data_is_an_end(encoding: str) -> None:
    body = ENCODERS[encoding](PAGE)
    for sent, whole in ((body, True), (body[:-5], False)):
        chunks, parts = await decoded(Broken(sent), encoding, max_inflation=200), []
        with nullcontext() if whole else pytest.raises(BodyStalled):
            while piece := await chunks.next():
                parts.append(piece)
        assert b"".join(parts) == PAGE if whole else PAGE.startswith(b"".join(parts))


@pytest.mark.parametrize("declared", ["", "identity", "gzip", "br", "unheard-of"])
async def test_a_pdf_that_is_not_encoded_stays_as_it_is(declared: str) -> None:
    assert await undo(b"%PDF-1.4" + PLAIN, declared) == b"%PDF-1.4" + PLAIN


@pytest.mark.parametrize("declared", ["zstd", "gzip, zstd", "gzip, gzip, gzip, gzip"])
async def test_what_cannot_be_undone(declared: str) -> None:
    with pytest.raises(FetchError) as failed:
        await undo(gzip.compress(PLAIN), declared)
    assert failed.value.outcome is Outcome.BAD_ENCODING


@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_a_bomb_stops_at_the_bound_however_it_is_wrapped(layers: int) -> None:
    bomb = bytes(64 * MIB)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    chunks = await decoded(Sent(bomb), ", ".join(["gzip"] * layers), max_inflation=2)
    sizes: list[int] = []

    async def take() -> None:
        while piece := await chunks.next():
            sizes.append(len(piece))

    with pytest.raises(FetchError, match="grew to more than"):
        await take()
    assert sum(sizes) <= FREE_INFLATION
    assert max(sizes) <= STEP_SIZE

"""Malformed PDFs: whole ones that were damaged, and small ones made to be a trap."""

from __future__ import annotations

import random
import re
import zlib
from typing import TYPE_CHECKING

from tests.documents.corpus import NAMES, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEED = 2026
SMALL = 120_000
KIDS = 1_000_000
BOMB = 64 << 20


def malformed(directory: Path) -> dict[str, Path]:
    """Files by their name, more than two hundred."""
    directory.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, content in [*_damaged(), *traps()]:
        made[name] = directory / f"{name}.pdf"
        made[name].write_bytes(content)
    return made


def _damaged() -> Iterator[tuple[str, bytes]]:
    chance = random.Random(SEED)
    for name in NAMES:
        whole = document(name)
        if len(whole) > SMALL:
            yield f"{name}-cut-in-half", whole[: len(whole) // 2]
            continue
        for part in (0.1, 0.5, 0.9, 0.99):
            yield f"{name}-cut-at-{part}", whole[: int(len(whole) * part)]
        yield f"{name}-junk", bytes(chance.randbytes(700)) + whole
        yield f"{name}-xref", re.sub(rb"\d{10} \d{5} n", b"9999999999 00000 n", whole)
        yield f"{name}-startxref", re.sub(rb"startxref\s+\d+", b"startxref\n7", whole)
        yield f"{name}-lengths", re.sub(rb"/Length \d+", b"/Length 2147483647", whole)
        for number in range(2):
            yield f"{name}-flipped-{number}", _flipped(whole, chance)


def _flipped(whole: bytes, chance: random.Random) -> bytes:
    content = bytearray(whole)
    for _ in range(max(len(content) // 200, 5)):
        content[chance.randrange(20, len(content))] = chance.randrange(256)
    return bytes(content)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A file with these objects, the first of which is the catalog, and a table that fits them."""
    content, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer\n<</Size %d/Root 1 0 R%b>>\n" % (len(objects) + 1, trailer)
    return bytes(content + b"startxref\n%d\n%%%%EOF\n" % start)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
ONE = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]%b>>"


def one_page(page: bytes, *more: bytes) -> bytes:
    return pdf(CATALOG, ONE, PAGE % page, *more)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%b>>\nstream\n%b\nendstream" % (len(content), entries, content)


def traps() -> Iterator[tuple[str, bytes]]:
    yield "circular-tree", pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2>>", b"<</Type/Pages/Kids[2 0 R]/Count 2>>")
    yield "own-kid", pdf(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000>>")
    yield "million-kids", pdf(CATALOG, b"<</Type/Pages/Count %d/Kids[%b]>>" % (KIDS, b"3 0 R " * KIDS), PAGE % b"")
    yield "deep-tree", pdf(CATALOG, *(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % n for n in range(3, 20_000)))
    yield "prev-loop", _prev_loop()
    yield "no-pages", pdf(CATALOG, b"<</Type/Pages/Kids[]/Count 0>>")
    yield "false-count", pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", PAGE % b"")
    yield "huge-mediabox", pdf(CATALOG, ONE, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e9 1e9]>>")
    yield "thin-mediabox", pdf(CATALOG, ONE, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 0.0001 1e8]>>")
    yield "no-mediabox", pdf(CATALOG, ONE, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 0 0]>>")
    yield "flate-bomb", one_page(b"/Contents 4 0 R", _bomb(1))
    yield "nested-bomb", one_page(b"/Contents 4 0 R", _bomb(3))
    yield (
        "image-bomb",
        one_page(
            b"/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>",
            stream(b"600 0 0 700 0 0 cm /I Do"),
            stream(
                zlib.compress(bytes(BOMB)),
                b"/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 8/ColorSpace/DeviceRGB"
                b"/Filter/FlateDecode",
            ),
        ),
    )
    yield (
        "own-form",
        one_page(
            b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>",
            stream(b"/F Do " * 50),
            stream(b"/F Do " * 50, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>"),
        ),
    )
    yield "billion-forms", _billion_forms()
    yield "deep-arrays", one_page(b"/X " + b"[" * 200_000)
    yield "endless-operators", one_page(b"/Contents 4 0 R", stream(b"q " * 2_000_000))
    yield "many-objects", one_page(b"/Contents 4 0 R", stream(b"0 0 m 9 9 l S " * 100_000))


def _prev_loop() -> bytes:
    whole = one_page(b"")
    start = whole.rindex(b"xref\n0")
    return whole.replace(b"/Root", b"/Prev %d/Root" % start)


def _bomb(layers: int) -> bytes:
    content = b"q " * (BOMB // 2)
    for _ in range(layers):
        content = zlib.compress(content)
    return stream(content, b"/Filter[%b]" % (b"/FlateDecode" * layers))


def _billion_forms() -> bytes:
    """Each form draws the next one ten times."""
    forms = [
        stream(
            b"/F Do " * 10,
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>" % (number + 1),
        )
        for number in range(5, 15)
    ]
    resources = b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>"
    return one_page(resources, stream(b"/F Do"), *forms, stream(b"0 0 m 9 9 l S"))

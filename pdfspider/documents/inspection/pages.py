"""Examine the pages of a document."""

from __future__ import annotations

import base64
import ctypes
import math
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypdfium2 import PdfiumError, raw

from pdfspider.documents.inspection.png import png
from pdfspider.documents.inspection.report import Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdfium2 import PdfDocument, PdfPage

PAGES_SAMPLED = 8
"""The number of pages that are sampled, evenly spread."""
MAX_OBJECTS = 5_000
"""The number of objects of a page that are examined."""
MAX_DEPTH = 3
"""The depth of nested forms that are examined."""
SCAN_COVERAGE = 0.5
"""The part of a page from which on an image is a scan of it."""
STAMP_CHARACTERS = 50
"""Characters on a scanned page that may be a stamp or a page number."""
THUMBNAIL_SIDE = 256
"""Pixels of the thumbnail's longer side."""
MAX_TEXT_LENGTH = 16_384
"""Characters of the first page that are kept."""
MAX_PAGES_WITH_LINKS = 100
MAX_LINKS = 1_000
MAX_URI_LENGTH = 2_048
"""Bytes; a longer one leads nowhere."""


def sample(document: PdfDocument) -> dict[str, Any]:
    """Return what a sample of the pages shows.

    Raises PdfiumError if no page can be loaded.
    """
    total, read = len(document), min(PAGES_SAMPLED, len(document))
    seen = [_look(page) for page in _loadable(document, [i * total // read for i in range(read)])]
    if not seen:
        raise PdfiumError("No page can be loaded")
    kinds = {kind for _, kind in seen} - {Content.NONE}
    content = kinds.pop() if len(kinds) == 1 else Content.MIXED if kinds else Content.NONE
    return {"content": content.value, "characters": sum(number for number, _ in seen) // len(seen)}


def first_text(document: PdfDocument) -> str:
    """Return the beginning of the first page's text."""
    with closing(document[0]) as page, closing(page.get_textpage()) as textpage:
        buffer = (ctypes.c_ushort * (MAX_TEXT_LENGTH + 1))()
        written = raw.FPDFText_GetText(textpage, 0, MAX_TEXT_LENGTH, buffer)
        return bytes(buffer)[: 2 * max(written - 1, 0)].decode("utf-16-le", "replace")


def links(document: PdfDocument) -> list[str]:
    """Return each URI that an annotation leads to, once."""
    found: dict[str, None] = {}
    for page in _loadable(document, range(min(MAX_PAGES_WITH_LINKS, len(document)))):
        for uri in islice(_uris(document, page), MAX_LINKS):
            found[uri] = None
    return list(islice(found, MAX_LINKS))


def thumbnail(document: PdfDocument) -> str:
    """Return a PNG of the first page in base64, whatever size the page claims to have."""
    with closing(document[0]) as page:
        longer = max(page.get_size())
        scale = THUMBNAIL_SIDE / longer if math.isfinite(longer) and longer > 0 else 1.0
        if scale * longer > THUMBNAIL_SIDE + 1 or not scale:
            raise PdfiumError("The page has no size")
        bitmap = page.render(scale=scale, rev_byteorder=True, draw_annots=False, prefer_bgrx=False)
        content = bytes(bitmap.buffer)
    lines = (content[y * bitmap.stride :][: 3 * bitmap.width] for y in range(bitmap.height))
    return base64.b64encode(png(bitmap.width, bitmap.height, lines)).decode()


def _loadable(document: PdfDocument, numbers: Any) -> Iterator[PdfPage]:
    for number in numbers:
        try:
            page = document[number]
        except PdfiumError:
            continue
        with closing(page):
            yield page


def _look(page: PdfPage) -> tuple[int, Content]:
    with closing(page.get_textpage()) as textpage:
        characters = max(textpage.count_chars(), 0)
    scanned = characters < STAMP_CHARACTERS and _covered(page) >= SCAN_COVERAGE
    return characters, Content.SCANNED if scanned else Content.TEXT if characters else Content.NONE


def _covered(page: PdfPage) -> float:
    """Return the part of the page that its largest image covers."""
    left, bottom, right, top = page.get_bbox()
    area = (right - left) * (top - bottom)
    images = page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=MAX_DEPTH)
    bounds = (image.get_bounds() for image in islice(images, MAX_OBJECTS))
    return max((abs((x1 - x0) * (y1 - y0)) for x0, y0, x1, y1 in bounds), default=0.0) / area if area else 0.0


def _uris(document: PdfDocument, page: PdfPage) -> Iterator[str]:
    position, link = ctypes.c_int(0), raw.FPDF_LINK()
    buffer = ctypes.create_string_buffer(MAX_URI_LENGTH)
    while raw.FPDFLink_Enumerate(page, position, link):
        size = raw.FPDFAction_GetURIPath(document, raw.FPDFLink_GetAction(link), buffer, MAX_URI_LENGTH)
        if 1 < size <= MAX_URI_LENGTH:
            yield buffer.raw[: size - 1].decode("utf-8", "replace")

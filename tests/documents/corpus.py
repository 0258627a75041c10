"""PDFs for tests: made here by several writers, and real ones where this machine has some."""

from __future__ import annotations

import gzip
import io
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pikepdf
import pypdfium2
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOREM = "Lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod tempor incididunt ut labore."
TITLE, AUTHOR = "Geometry and Topology", "A. Mathematician"
LONG = 117
"""Pages of the document "long"."""


def _drawn(*, pages: int = 1, draw: Callable[[Canvas], Any] = lambda _: None, **options: Any) -> bytes:
    """Return a document that ReportLab writes, with a text on each page and what ``draw`` adds to it."""
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=A4, invariant=1, **options)
    canvas.setTitle(TITLE)
    canvas.setAuthor(AUTHOR)
    for number in range(pages):
        canvas.drawString(72, 700, f"Page {number + 1}")
        canvas.drawString(72, 680, LOREM)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return content.getvalue()


def _link(canvas: Canvas) -> None:
    canvas.linkURL("https://example.org/more.pdf", (72, 670, 300, 690))


def _outline(canvas: Canvas) -> None:
    canvas.bookmarkPage("chapter")
    canvas.addOutlineEntry("A chapter", "chapter", 0)


def _form(canvas: Canvas) -> None:
    canvas.acroForm.textfield(name="name", x=72, y=600, width=200, height=20)
    canvas.acroForm.checkbox(name="agreed", x=72, y=560)


def _rotated(canvas: Canvas) -> None:
    canvas.setPageRotation(90)


def _image(canvas: Canvas) -> None:
    canvas.drawInlineImage(Image.linear_gradient("L").convert("RGB"), 72, 300, 60, 60)


def _scan(mode: str, pages: int = 1) -> bytes:
    """Return what Pillow writes of a picture: nothing but images, as scanners write them."""
    content = io.BytesIO()
    picture = Image.radial_gradient("L").resize((600, 800)).convert(mode)
    picture.save(content, "PDF", save_all=True, append_images=[picture] * (pages - 1), resolution=72)
    return content.getvalue()


def _rewritten(change: Callable[[pikepdf.Pdf], Any] = lambda _: None, *, pages: int = 1, **options: Any) -> bytes:
    """Return a document that qpdf writes, after ``change``."""
    content = io.BytesIO()
    with pikepdf.open(io.BytesIO(_drawn(pages=pages))) as document:
        change(document)
        identity = {} if "encryption" in options else {"deterministic_id": True}
        document.save(content, **identity, **options)
    return content.getvalue()


def _dated(document: pikepdf.Pdf) -> None:
    document.docinfo["/CreationDate"] = "D:20161231184323+01'00'"
    document.docinfo["/ModDate"] = "D:20230623063933Z"


def _tagged(document: pikepdf.Pdf) -> None:
    document.Root.MarkInfo = pikepdf.Dictionary(Marked=True)
    document.Root.StructTreeRoot = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot))
    document.Root.Lang = "en-US"


def _arabic(document: pikepdf.Pdf) -> None:
    document.docinfo["/Title"] = "حبيبي"


def _described(document: pikepdf.Pdf) -> None:
    with document.open_metadata() as metadata:
        metadata["dc:title"] = TITLE
        metadata["pdfaid:part"] = "1"


def _attached(document: pikepdf.Pdf) -> None:
    document.attachments["table.csv"] = b"a,b\n1,2\n"


def _without_information(document: pikepdf.Pdf) -> None:
    del document.docinfo


def _blank() -> bytes:
    content = io.BytesIO()
    document = pypdfium2.PdfDocument.new()
    document.new_page(300, 400)
    document.save(content)
    document.close()
    return content.getvalue()


def _updated() -> bytes:
    """Return a document with an incremental update behind its first end."""
    whole = _drawn()
    start = whole.rindex(b"startxref")
    previous = int(whole[start:].split()[1])
    root = whole[whole.rindex(b"/Root") :].split(b" R", 1)[0]
    size = whole[whole.rindex(b"/Size") :].split()[1]
    update = b"%s 0 obj\n(new)\nendobj\n" % size
    table = b"xref\n%s 1\n%010d 00000 n \n" % (size, len(whole))
    trailer = b"trailer\n<</Size %d%s R/Prev %d>>\n" % (int(size) + 1, root, previous)
    return whole + update + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (len(whole) + len(update))


def _damaged() -> bytes:
    """Return a document whose catalog points to no pages."""
    return re.sub(rb"/Pages \d+ 0 R", b"/Pages 999 0 R", _drawn())


MADE: Mapping[str, Callable[[], bytes]] = {
    "text": partial(_drawn, pageCompression=0),
    "long": partial(
        _rewritten, _dated, pages=LONG, linearize=True, object_stream_mode=pikepdf.ObjectStreamMode.generate
    ),
    "several-pages": partial(_drawn, pages=4),
    "compressed": partial(_drawn, pageCompression=1),
    "link": partial(_drawn, draw=_link),
    "outline": partial(_drawn, draw=_outline),
    "form": partial(_drawn, draw=_form),
    "rotated": partial(_drawn, draw=_rotated),
    "inline-image": partial(_drawn, draw=_image),
    "scan-colour": partial(_scan, "RGB"),
    "scan-cmyk": partial(_scan, "CMYK"),
    "scan-grey": partial(_scan, "L"),
    "scan-fax": partial(_scan, "1"),
    "scan-pages": partial(_scan, "L", 5),
    "tagged": partial(_rewritten, _tagged),
    "arabic-title": partial(_rewritten, _arabic),
    "metadata": partial(_rewritten, _described),
    "attachment": partial(_rewritten, _attached),
    "no-information": partial(_rewritten, _without_information),
    "old-version": partial(_rewritten, force_version="1.3"),
    "new-version": partial(_rewritten, force_version="2.0"),
    "normalized": partial(_rewritten, normalize_content=True),
    "object-streams": partial(_rewritten, object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "blank": _blank,
    "updated": _updated,
    "readable-by-all": partial(_rewritten, encryption=pikepdf.Encryption(owner="owner", user="")),
    "needs-password": partial(_rewritten, encryption=pikepdf.Encryption(owner="owner", user="user")),
    "damaged": _damaged,
}
"""What makes each document, by name."""

PLACES = (
    "/usr/share/doc/maint-guide/*.pdf",
    "/usr/share/debian-reference/*.pdf",
    "/usr/share/doc/debian-policy/**/*.pdf.gz",
    f"{Path(__file__).parents[3]}/shared/corpus/*.pdf",
)
"""Where real documents may lie: manuals that Debian's packages bring, and a folder beside the checkout."""

FOUND = {path.name.split(".pdf")[0]: path for place in PLACES for path in sorted(Path("/").glob(place[1:]))}

NAMES = [*MADE, *FOUND]


@cache
def document(name: str) -> bytes:
    """Return a document by its name, one of ``NAMES``."""
    if name in MADE:
        return MADE[name]()
    content = FOUND[name].read_bytes()
    return gzip.decompress(content) if FOUND[name].suffix == ".gz" else content

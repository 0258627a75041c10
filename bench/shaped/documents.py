"""The documents of the shaped site: their names, types, copies, and how their answers are cut.

The shares are those of Common Crawl (January 2025: path suffixes of what was detected as a PDF, HTML at URLs that end
in ``.pdf``, truncated captures), of SafeDocs (what came whole at a second try) and of the Internet Archive (types that
servers declare for PDFs, byte duplicates), as far as 3,000 URLs can show them; rare types are shown more often.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bench.shaped.places import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.shaped.places import Place

    T = TypeVar("T")

SUFFIXES = (
    ("/files/report-{}.pdf", 70.0),
    ("/files/annual%20report%20({}).pdf", 7.0),
    ("/files/report-{}.pdf?download=1", 6.44),
    ("/files/REPORT-{}.PDF", 0.69),
    ("/files/Report-{}.Pdf", 0.1),
    ("/download.php?id={}", 2.05),
    ("/GetFile.ashx?id={}", 0.71),
    ("/document.aspx?docid={}&lang=en", 0.52),
    ("/paper/{}.html", 0.43),
    ("/show.asp?nr={}", 0.37),
    ("/view.do?id={}", 0.13),
    ("/file.cfm?file={}", 0.07),
    ("/item/{}/fulltext", 7.0),
    ("/bitstream/{}", 4.4),
)
HTML_AT_PDF = 0.028
CUT = 0.263
HEALED = 0.946
COPIES = 0.12
MOVED = 0.05
UNUSUAL_TYPES = 0.1
TYPES = (
    "application/octet-stream",
    "application/save",
    "binary/octet-stream",
    "application/x-download",
    "application/download",
    "image/pdf",
    "text/plain",
    "application/force-download",
    "multipart/form-data",
    "application",
    ".pdf",
    "application/x-pdf",
    "pdf",
    "application/pdf'",
    "0",
    "text/pdf",
    "text/html; charset=utf-8",
    None,
)
CUTS = ("length", "chunked", "closed")


@dataclass(frozen=True, slots=True)
class Document:
    """A URL that leads to a PDF. ``original`` is the number of the document whose bytes it has, most often its own.

    ``cut`` names how its first answer is cut (short of its length, of its last chunk, or with nothing that says how
    long it is); one that ``heals`` comes whole when it is asked for again. ``moved``: the link leads to a redirect.
    """

    number: int
    place: Place
    host: int
    path: str
    content_type: str | None
    original: int
    cut: str | None
    heals: bool
    moved: bool

    @property
    def comes(self) -> bool:
        """Whether it can be had whole."""
        return self.cut is None or self.heals

    @property
    def says_pdf(self) -> bool:
        return ".pdf" in self.path.lower()


def make(count: int, hosts: int, seed: int) -> list[Document]:
    """Document ``n`` is hidden on the host ``n mod hosts``; every fifth one lies on another, some on host ``hosts``."""
    rng = random.Random(seed)
    places = _portions([(place, place.share) for place in PLACES], count)
    paths = _portions(SUFFIXES, count)
    rng.shuffle(paths)
    _match(places, paths)
    cuts = _cuts(count, rng)
    copies = _copies(places, cuts, rng)
    return [
        Document(
            number=n,
            place=places[n],
            host=_host(n, places[n], hosts),
            path=f"/pdf/{n}" if places[n].where == "rewritten" else paths[n].format(n),
            content_type=rng.choice(TYPES) if rng.random() < UNUSUAL_TYPES else "application/pdf",
            original=copies[n],
            cut=cuts[n][0],
            heals=cuts[n][1],
            moved=places[n].name == "a" and rng.random() < MOVED,
        )
        for n in range(count)
    ]


def _portions(shares: Sequence[tuple[T, float]], count: int) -> list[T]:
    """``count`` of these in their order, each as often as its share says, and at least once where that can be."""
    whole = sum(share for _, share in shares)
    chosen = [thing for thing, share in shares for _ in range(max(1, round(count * share / whole)))]
    missing = count - len(chosen)
    return [shares[0][0]] * missing + chosen if missing >= 0 else chosen[-missing:]


def _match(places: Sequence[Place], paths: list[str]) -> None:
    """Exchanges paths until each place has what it is for: PDFs that say what they are, or none that do."""
    for named in (True, False):
        spare = iter([n for n, place in enumerate(places) if place.name == "a" and _is_pdf(paths[n]) is named])
        for n, place in enumerate(places):
            if place.named is named and _is_pdf(paths[n]) is not named:
                other = next(spare)
                paths[n], paths[other] = paths[other], paths[n]


def _host(number: int, place: Place, hosts: int) -> int:
    if place.outside:
        return hosts
    near = place.where in {"sitemap", "rewritten"} or number % 5
    return number % hosts if near else (number + 1 + number // 5) % hosts


def _is_pdf(path: str) -> bool:
    return ".pdf" in path.lower()


def _cuts(count: int, rng: random.Random) -> list[tuple[str | None, bool]]:
    cut = set(rng.sample(range(count), round(count * CUT)))
    never = set(rng.sample(sorted(cut), round(len(cut) * (1 - HEALED))))
    return [(rng.choice(CUTS) if n in cut else None, n not in never) for n in range(count)]


def _copies(places: Sequence[Place], cuts: Sequence[tuple[str | None, bool]], rng: random.Random) -> list[int]:
    """Copies are of a document that can be had, and hide where it hides."""
    originals = list(range(len(places)))
    for copy, original in _pairs(places, cuts):
        if rng.random() < COPIES:
            originals[copy] = originals[original]
    return originals


def _pairs(places: Sequence[Place], cuts: Sequence[tuple[str | None, bool]]) -> Iterator[tuple[int, int]]:
    """Each document that comes whole, with the one before it in the same place."""
    last: dict[str, int] = {}
    for n, (place, (_, heals)) in enumerate(zip(places, cuts, strict=True)):
        if heals:
            if place.name in last:
                yield n, last[place.name]
            last[place.name] = n

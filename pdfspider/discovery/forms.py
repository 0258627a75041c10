"""The rules for forms that send nothing of the visitor's, and for addresses in what a form contains."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from pdfspider.discovery.elements import offers_pdf
from pdfspider.discovery.rules import Reference, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

    Fields = list[tuple[str, str]]

MOST = 2_000
"""Elements of one form that are looked at."""
_VISITORS = frozenset(("select", "textarea"))
_SENT_AS_THEY_ARE = frozenset(("hidden", "submit", "image"))
_NOT_SENT = frozenset(("button", "reset"))
_TO_ESCAPE = re.compile(r"[\x00-\x7f]+")
_JUMPS = re.compile(r"location|open|href").search
_LOOKS_LIKE_PAGE = re.compile(r"https?://|[^\s]*[/?]|[\w.-]+\.[a-z]{3,5}$", re.IGNORECASE).match


@rule("form", "form")
def forms(element: LexborNode) -> Iterable[Reference]:
    """Find what buttons fetch, with the hidden fields around them.

    A form that would send something of the visitor's, or sends by another method than GET, is left alone.
    """
    attributes = element.attributes
    if (attributes.get("method") or "get").strip().lower() != "get":
        return ()
    action = attributes.get("action") or ""
    sent = _sent_by(element)
    if sent is None or not sent[0]:
        return (Reference(action, document=True),) if says_pdf(action) else ()
    fields, offered = sent[1], sent[2] or says_pdf(action)
    target = action.partition("#")[0].partition("?")[0]
    return (Reference(f"{target}?{_encoded(fields)}" if fields else action, offered),)


def _sent_by(form: LexborNode) -> tuple[bool, Fields, bool] | None:
    """Return whether a form can be sent, what it sends, and whether it offers a PDF.

    Return None where the visitor has a say in it.
    """
    fields, submits, offered = list[tuple[str, str]](), False, False
    for element in islice(form.traverse(), MOST):
        tag = element.tag
        if tag in _VISITORS:
            return None
        if tag not in ("input", "button"):
            continue
        attributes = element.attributes
        kind = (attributes.get("type") or ("text" if tag == "input" else "submit")).strip().lower()
        if kind in _NOT_SENT:
            continue
        if kind not in _SENT_AS_THEY_ARE:
            return None
        name, value = attributes.get("name"), attributes.get("value") or ""
        if kind == "hidden":
            fields += [(name, value)] if name else []
        elif not submits:
            submits, offered = True, offers_pdf(element.text() or value)
            fields += [(name, value)] if name and kind == "submit" else []
    return submits or bool(fields), fields, offered


def _encoded(fields: Fields) -> str:
    """Return fields as a query whose characters beyond ASCII are left to the charset of the page."""
    return "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in fields)


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: quote_plus(found[0]), text)


@rule("form", "button", "input")
def button_actions(element: LexborNode) -> Iterable[Reference]:
    """Find buttons with an address of their own that is a PDF's."""
    attributes = element.attributes
    action = attributes.get("formaction")
    if not action or not says_pdf(action) or (attributes.get("formmethod") or "get").strip().lower() != "get":
        return ()
    return (Reference(action, document=True),)


@rule("hidden-input", "input")
def hidden_inputs(element: LexborNode) -> Iterable[Reference]:
    """Find hidden fields whose value is the address of a PDF."""
    attributes = element.attributes
    value = attributes.get("value") or ""
    hidden = says_pdf(value) and (attributes.get("type") or "").strip().lower() == "hidden"
    return (Reference(value, document=True),) if hidden else ()


@rule("option", "select")
def options(element: LexborNode) -> Iterator[Reference]:
    """Find options whose value is the address of a PDF, or where a script goes to what is chosen."""
    jumps = _JUMPS(element.attributes.get("onchange") or "")
    for option in islice(element.traverse(), MOST):
        value = (option.attributes.get("value") or "").strip() if option.tag == "option" else ""
        if says_pdf(value) or (value and jumps and _LOOKS_LIKE_PAGE(value)):
            yield Reference(value, says_pdf(value))

"""The rules for forms that send nothing of the visitor's, and for addresses in what a form contains."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_plus

from pdfspider.discovery.markup.elements import offers_pdf
from pdfspider.discovery.markup.scripts import named_address
from pdfspider.discovery.rules import Reference, rule, says_pdf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborHTMLParser, LexborNode

Fields = list[tuple[str, str]]

MAX_ELEMENTS = 2_000
"""Elements of one form that are looked at."""
MAX_VARIATIONS = 100
"""Ways to send one form."""
MAX_BUTTONS = 20
_CONTROLS = ("input", "button", "select", "textarea")
_TABLE = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
_SUBMITS = frozenset(("submit", "image"))
_NO_SAY = frozenset(("hidden", "submit", "image", "button", "reset", "checkbox", "radio"))
_CHECKED = frozenset(("checked", "required"))
_ARRANGES = re.compile(
    r"sort|order|lang|locale|limit|currency|theme|(?:per_?|page_?)(?:page|size)|rpp|rows?$|view$|display|dir(?:ection)?$",
    re.IGNORECASE,
).search
"""Choices by which the same things are shown in another way."""
_TO_ESCAPE = re.compile(r"[\x00-\x7f]+")
_JUMPS = re.compile(r"location|open|href").search
_LOOKS_LIKE_PAGE = re.compile(r"https?://|[^\s]*[/?]|[\w.-]+\.[a-z]{3,5}$", re.IGNORECASE).match


class Button(NamedTuple):
    """A button that sends a form: its fields, an address and a method of its own, and whether it offers a PDF."""

    fields: tuple[tuple[str, str], ...] = ()
    action: str | None = None
    method: str | None = None
    offers: bool = False


class Controls(NamedTuple):
    """The content of a form: fields that are always the same, the values of each choice, and the buttons."""

    fixed: Fields
    choices: dict[str, list[str]]
    buttons: list[Button]

    def add(self, element: LexborNode) -> bool:
        """Add an element of the form, and return whether it is left to nobody but the page."""
        attributes, tag = element.attributes, element.tag
        name = attributes.get("name") or ""
        if "disabled" in attributes or tag not in _CONTROLS:
            return True
        if tag == "select":
            self.choices.setdefault(name, []).extend(_values_of(element))
            if "submit(" in (attributes.get("onchange") or ""):
                self.buttons.append(Button())
            return bool(self.choices[name]) and "multiple" not in attributes
        kind = (attributes.get("type") or ("submit" if tag == "button" else "text")).strip().lower()
        if kind in _SUBMITS:
            self.buttons.append(_button(element, name if kind == "submit" else ""))
        elif kind == "hidden" or (kind == "checkbox" and _CHECKED.intersection(attributes)):
            default = "" if kind == "hidden" else "on"
            if name:
                self.fixed.append((name, attributes.get("value") or default))
        elif kind == "text" and "readonly" in attributes:
            self.fixed.append((name, attributes.get("value") or ""))
            return True
        elif kind == "radio":
            self.choices.setdefault(name, []).append(attributes.get("value") or "on")
        return kind in _NO_SAY

    def combinations(self) -> list[Fields]:
        """Return what is chosen in each way; only one way where choices are many, or arrange the same things."""
        varied = {name: values for name, values in self.choices.items() if name and not _ARRANGES(name)}
        fixed = [(name, values[0]) for name, values in self.choices.items() if name and name not in varied]
        if prod(map(len, varied.values())) > MAX_VARIATIONS:
            return []
        pairs = ([(name, value) for value in dict.fromkeys(values)] for name, values in varied.items())
        return [[*fixed, *chosen] for chosen in product(*pairs)]


@rule("form", "form")
def forms(element: LexborNode) -> Iterator[Reference]:
    """Find what buttons fetch, with the hidden fields around them, for each of the page's choices.

    A form with a field for the visitor's own words, or one that sends by another method than GET, is left alone.
    """
    attributes = element.attributes
    method, action = (attributes.get("method") or "get").strip().lower(), attributes.get("action") or ""
    controls = _controls_of(element)
    if controls is None or not (controls.buttons or (controls.fixed and not controls.choices)):
        if method == "get" and says_pdf(action):
            yield Reference(action, document=True)
        return
    for button in controls.buttons[:MAX_BUTTONS] or [Button()]:
        if (button.method or method) == "get":
            yield from _sent(controls, button, button.action or action)


def _sent(controls: Controls, button: Button, action: str) -> Iterator[Reference]:
    target = action.partition("#")[0].partition("?")[0]
    for chosen in controls.combinations():
        fields = [*controls.fixed, *chosen, *button.fields]
        href = f"{target}?{_encoded(fields)}" if fields else action
        if href:
            yield Reference(href, button.offers or says_pdf(action))


def _controls_of(form: LexborNode) -> Controls | None:
    """Return the controls of a form, None where the visitor has a say in it."""
    controls = Controls([], {}, [])
    if all(map(controls.add, islice(_elements_of(form), MAX_ELEMENTS))):
        return controls
    return None


def _elements_of(form: LexborNode) -> Iterator[LexborNode]:
    """Yield the elements of a form, which may stand elsewhere: by its name, or where a table does not let it be."""
    yield from form.traverse()
    if form.first_child is None and form.parent and form.parent.tag in _TABLE:
        yield from _behind(form)
    if (name := form.attributes.get("id")) and form.parser:
        yield from _named_controls(form.parser).pop(name, ())


def _behind(form: LexborNode) -> Iterator[LexborNode]:
    """Yield the elements behind a form, up to the next one."""
    sibling = form.next
    while sibling and sibling.tag != "form":
        yield from sibling.traverse()
        sibling = sibling.next


@lru_cache(maxsize=1)
def _named_controls(tree: LexborHTMLParser) -> dict[str, list[LexborNode]]:
    """Return the controls of a page that name their form, by its name; the first form takes those of its name."""
    found: dict[str, list[LexborNode]] = {}
    for tag in _CONTROLS:
        for element in tree.tags(tag):
            if name := element.attributes.get("form"):
                found.setdefault(name, []).append(element)
    return found


def _button(element: LexborNode, name: str) -> Button:
    attributes = element.attributes
    value = attributes.get("value") or ""
    method = attributes.get("formmethod")
    return Button(
        ((name, value),) if name else (),
        attributes.get("formaction"),
        method and method.strip().lower(),
        offers_pdf(element.text() or value),
    )


def _values_of(select: LexborNode) -> list[str]:
    """Return the values of a choice, but for one that stands for none."""
    options = (option for option in islice(select.traverse(), MAX_ELEMENTS) if option.tag == "option")
    values = (_value_of(option) for option in options if "disabled" not in option.attributes)
    return [value for value in values if value]


def _value_of(option: LexborNode) -> str:
    value = option.attributes.get("value")
    return (option.text() if value is None else value).strip()


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
    """Find hidden fields whose value is the address of a PDF, as it says or the field's name does."""
    attributes = element.attributes
    value = attributes.get("value") or ""
    if (attributes.get("type") or "").strip().lower() != "hidden":
        return ()
    named = (attributes.get("name") or "", attributes.get("id") or "")
    is_file = says_pdf(value) or any(named_address(name, value) for name in named)
    return (Reference(value, document=True),) if is_file else ()


@rule("option", "select")
def options(element: LexborNode) -> Iterator[Reference]:
    """Find options whose value is the address of a PDF, or where a script goes to what is chosen."""
    jumps = _JUMPS(element.attributes.get("onchange") or "")
    for option in islice(element.traverse(), MAX_ELEMENTS):
        value = _value_of(option) if option.tag == "option" else ""
        if says_pdf(value) or (value and jumps and _LOOKS_LIKE_PAGE(value)):
            yield Reference(value, says_pdf(value))

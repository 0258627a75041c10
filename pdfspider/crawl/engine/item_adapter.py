"""A Capture as ``itemadapter`` sees it: exporters, feeds and item pipelines use that."""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from itertools import chain
from types import MappingProxyType
from typing import Any

from itemadapter import ItemAdapter
from itemadapter.adapter import DataclassAdapter

from pdfspider.items import Capture, Outcome

EXTRA_FIELD = "extra"
OUTCOME_TYPE: Any = Outcome
"""The type of the field ``outcome``, to which a text is converted."""
NO_METADATA: MappingProxyType[str, Any] = MappingProxyType({})


class CaptureAdapter(DataclassAdapter):
    """The fields of a Capture with plain values; a field that it does not have is kept in its ``extra``."""

    item: Capture

    @classmethod
    def is_item(cls, item: Any) -> bool:
        """Return whether an item is a Capture."""
        return isinstance(item, Capture)

    @classmethod
    def is_item_class(cls, item_class: type) -> bool:
        """Return whether a class is that of a Capture."""
        return issubclass(item_class, Capture)

    @classmethod
    def get_field_names_from_class(cls, item_class: type) -> list[str]:
        """Return the names of the fields, without ``extra``."""
        return [name for name in super().get_field_names_from_class(item_class) or [] if name != EXTRA_FIELD]

    def get_field_meta(self, field_name: str) -> MappingProxyType[str, Any]:
        """Return the metadata of a field, empty for one in ``extra``."""
        return self._fields_dict[field_name].metadata if field_name in self._fields_dict else NO_METADATA

    def field_names(self) -> KeysView[str]:
        """Return the names of all fields that are set."""
        return KeysView(dict.fromkeys(self))

    def __getitem__(self, field_name: str) -> Any:
        if field_name == "hops":
            return [list(hop) for hop in self.item.hops]
        return super().__getitem__(field_name) if field_name in self._fields_dict else self.item.extra[field_name]

    def __setitem__(self, field_name: str, value: Any) -> None:
        if field_name in self._fields_dict:
            super().__setitem__(field_name, OUTCOME_TYPE(value) if field_name == "outcome" else value)
        else:
            self.item.extra[field_name] = value

    def __delitem__(self, field_name: str) -> None:
        if field_name in self._fields_dict:
            raise KeyError(f"a Capture keeps its field {field_name}")
        del self.item.extra[field_name]

    def __iter__(self) -> Iterator[str]:
        return chain((name for name in self._fields_dict if name != EXTRA_FIELD), self.item.extra)

    def __len__(self) -> int:
        return len(self._fields_dict) - 1 + len(self.item.extra)


def register() -> None:
    """Have ``ItemAdapter`` use this for captures."""
    classes: Any = ItemAdapter.ADAPTER_CLASSES
    if CaptureAdapter not in classes:
        classes.appendleft(CaptureAdapter)

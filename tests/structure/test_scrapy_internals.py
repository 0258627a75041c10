"""What Scrapy promises nobody, and the crawl is built on: a new version that changes it is named here first."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.core.downloader.handlers import DownloadHandlers
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.core.engine import ExecutionEngine
from scrapy.core.scraper import Scraper
from scrapy.pipelines import ItemPipelineManager
from scrapy.pipelines.files import FilesPipeline, FSFilesStore, S3FilesStore
from scrapy_spider_metadata._utils import get_generic_param

import pdfspider

if TYPE_CHECKING:
    from collections.abc import Iterator

USED = [
    (ExecutionEngine, "_start_scheduled_request", ["self"]),
    (Scraper, "_check_if_closing", ["self"]),
    (FilesPipeline, "_update_stores", ["settings"]),
    (S3FilesStore, "_get_boto_key", ["self", "path"]),
]
OVERRIDDEN = [
    (Scraper, "_scrape", ["self", "result", "request"]),
    (ItemPipelineManager, "_get_mwlist_from_settings", ["settings"]),
    (DownloaderMiddlewareManager, "_process_request", ["self", "request", "download_func"]),
    (FSFilesStore, "_mkdir", ["self", "dirname", "domain"]),
]
ATTRIBUTES = [
    (ExecutionEngine, "self._slot"),
    (ItemPipelineManager, "self._mw_methods_requiring_spider"),
    (ItemPipelineManager, "self._spider"),
    (DownloadHandlers, "self._schemes"),
    (DownloadHandlers, "self._notconfigured"),
]
LIBRARIES = ("scrapy", "scrapy_redis", "itemadapter", "redis", "aiohttp", "twisted")
USERS = "pdfspider/crawl/scrapy_internals.py and what overrides it"


@pytest.mark.parametrize(("owner", "name", "parameters"), [*USED, *OVERRIDDEN])
def test_private_methods_are_as_they_were(owner: type, name: str, parameters: list[str]) -> None:
    found = getattr(owner, name, None)
    assert found, f"Scrapy {version('scrapy')} has no {owner.__name__}.{name}: look at {USERS}"
    signature = inspect.signature(found)
    wrong = f"Scrapy {version('scrapy')} has {owner.__name__}.{name}{signature}: look at {USERS}"
    assert list(signature.parameters) == parameters, wrong


@pytest.mark.parametrize(("owner", "attribute"), ATTRIBUTES)
def test_private_attributes_are_there(owner: type, attribute: str) -> None:
    source = "".join(inspect.getsource(one) for one in owner.__mro__ if one.__module__.startswith("scrapy."))
    assert attribute in source, f"Scrapy {version('scrapy')} sets no {attribute} in {owner.__name__}: look at {USERS}"


def test_the_parameters_of_a_spider_are_found() -> None:
    assert list(inspect.signature(get_generic_param).parameters) == ["cls", "expected"]


def test_nothing_else_that_is_private_is_overridden() -> None:
    """A class of ours that takes the place of a private method of a library's has to be in OVERRIDDEN."""
    expected = {(owner.__qualname__, name) for owner, name, _ in OVERRIDDEN}
    assert set(_overridden()) == expected


def _overridden() -> Iterator[tuple[str, str]]:
    for cls in _classes():
        for name in filter(_is_private, vars(cls)):
            owner = next((base for base in cls.__mro__[1:] if name in vars(base)), None)
            if owner and owner.__module__.split(".")[0] in LIBRARIES:
                yield owner.__qualname__, name


def _classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(pdfspider.__path__, "pdfspider."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            loaded: Any = importlib.import_module(module.name)
            yield from (one for one in vars(loaded).values() if inspect.isclass(one) and one.__module__ == module.name)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in {"_abc_impl", "_is_protocol"}

"""The names that are private to Scrapy and its companions, and that this project uses, in one place.

``tests/structure/test_scrapy_internals.py`` names what another version has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.utils.defer import ensure_awaitable
from scrapy_spider_metadata._utils import get_generic_param

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from scrapy.core.downloader.handlers import DownloadHandlers
    from scrapy.core.engine import ExecutionEngine
    from scrapy.core.scraper import Scraper
    from scrapy.pipelines import ItemPipelineManager
    from scrapy.pipelines.files import FilesPipeline, S3FilesStore
    from scrapy.settings import BaseSettings


def slot_of(engine: ExecutionEngine | None) -> Any:
    """Return the requests in progress and the scheduler of an engine, None before it is open."""
    return engine and engine._slot


def start_requests_with(engine: ExecutionEngine, start: Callable[[], bool]) -> None:
    """Have the engine start each request by ``start``, which returns whether there was one."""
    vars(engine)["_start_scheduled_request"] = start


def close_if_idle(scraper: Scraper) -> None:
    """Close a scraper that is to be closed, once it has nothing in hand."""
    scraper._check_if_closing()


def fault_of_handler(handlers: DownloadHandlers, scheme: str) -> str:
    """Return why there is no download handler for a scheme, "" if there is one."""
    fault = "there is no handler" if scheme not in handlers._schemes else ""
    return handlers._notconfigured.get(scheme, fault)


def methods_with_spider(pipelines: ItemPipelineManager) -> Collection[Any]:
    """Return the methods of pipelines that want the spider as an argument."""
    return pipelines._mw_methods_requiring_spider


def spider_of(pipelines: ItemPipelineManager) -> Any:
    """Return the spider whose items the pipelines process."""
    return pipelines._spider


def configure_stores(pipeline: type[FilesPipeline], settings: BaseSettings) -> None:
    """Hand the keys and addresses in the settings to the classes of stores."""
    pipeline._update_stores(settings)


async def head_of(store: S3FilesStore, path: str) -> dict[str, Any]:
    """Return what S3 says of an object, with its size, which ``stat_file`` leaves out."""
    head: dict[str, Any] = await ensure_awaitable(store._get_boto_key(path))
    return head


def parameters_of(spider: type, mixin: type) -> Any:
    """Return the pydantic model with which a spider's class has specialised ``Args``."""
    return get_generic_param(spider, mixin)

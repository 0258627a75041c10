"""Load and call the frontier's Lua scripts; the files in ``lua/shared`` are put before each one."""

from __future__ import annotations

import re
import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgpack
from redis.exceptions import ResponseError

from pdfspider.exceptions import FormatError, FrontierError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

PREFIX = "{pdfs}:"
"""The prefix of all keys of the frontier."""
FREE_MEMORY = "redis.call('DEL', '{pdfs}:none')\n"
"""Redis without memory refuses a script at its first write, unless that frees memory. This write lets all scripts but
submit go on, so that leases can end and workers stay alive.
"""
SHARED_FILES = ("keys", "clock", "jobs", "seen", "hosts", "overflow", "queues", "leases", "troubles")
"""The shared files in their order: each uses those before it."""
FILES_BY_SCRIPT = {
    **dict.fromkeys(("claim", "reconcile", "renew"), SHARED_FILES[:2]),
    **dict.fromkeys(("submit", "commit"), (*SHARED_FILES, "links")),
}
"""The shared files of scripts that need fewer or more, because each call creates all functions again."""
UNREACHED_SCORE = 2**50
"""The number that is added to the time at which an unreached host may be asked, as in ``lua/shared/keys.lua``."""
KEY_FORMAT = 2
"""The version of the keys' layout, as in ``lua/shared/keys.lua``. Data without a version is of the first."""
_FORMAT = re.compile(r"FORMAT (\d+)")
SCRIPT_NAMES = (
    "submit",
    "claim",
    "lease",
    "reconcile",
    "renew",
    "started",
    "permit",
    "visit",
    "page",
    "commit",
    "release",
    "robots",
    "control",
    "sweep",
    "spill",
    "refill",
    "change",
    "limits",
    "reset_host",
)


OUTER_FILES = 2
"""The shared files, keys and clock, that stand outside of a function that has all others. A closure finds what is local
to the running function by going through all that other closures have from there, but what is local outside at once.
"""
INNER_BEGIN = "return (function()"


@cache
def source(name: str) -> str:
    """Return the text of a script, as Redis gets it."""
    room = files("pdfspider.frontier") / "lua"
    parts = [room / "shared" / f"{part}.lua" for part in FILES_BY_SCRIPT.get(name, SHARED_FILES)] + [
        room / f"{name}.lua"
    ]
    texts = [part.read_text("utf-8") for part in parts]
    text = "\n".join((*texts[:OUTER_FILES], INNER_BEGIN, *texts[OUTER_FILES:], "end)()"))
    return text if name == "submit" else FREE_MEMORY + text


class Scripts:
    """Calls the scripts by name, with one msgpack value as the argument.

    ``queue_max`` is the cap of a queue, 0 for none. ``clock`` returns microseconds and replaces Redis's TIME in tests.
    """

    def __init__(
        self, redis: Redis, start_urls: str, queue_max: int = 0, clock: Callable[[], int] | None = None
    ) -> None:
        self._secret = secrets.token_hex(32)  # the frontier's, where it has none yet
        self._scripts: dict[str, AsyncScript] = {name: redis.register_script(source(name)) for name in SCRIPT_NAMES}
        self._start_urls = start_urls
        self._clock = clock
        self._queue_max = str(queue_max)

    async def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a script and return its answer."""
        try:
            answer = await self._scripts[name](keys=[self._start_urls], args=self._pack(arguments))
        except ResponseError as error:
            if found := _FORMAT.search(str(error)):
                raise FormatError(int(found[1]), newer=int(found[1]) > KEY_FORMAT) from None
            raise
        if isinstance(answer, Exception):
            raise FrontierError(str(answer))
        return answer

    def _pack(self, arguments: Sequence[Any]) -> list[Any]:
        # Redis's cmsgpack knows neither the bin types nor str8: everything travels as raw.
        blob = msgpack.packb(arguments, use_bin_type=False)
        return [str(self._clock()) if self._clock else "", blob, self._queue_max, self._secret]

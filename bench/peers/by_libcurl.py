"""By hand with libcurl's multi interface: ``python -m bench.peers.by_libcurl URL DIRECTORY``; see ``make peers``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pycurl
import uvloop

from bench.peers.by_hand import Crawl

WORKERS, PER_HOST = 32, 8
READ, WRITE = 1, 2


class Client:
    """Fetches with libcurl on the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, PER_HOST)
        self._timer: asyncio.TimerHandle | None = None
        self._watched: dict[int, int] = {}
        self._idle: list[Any] = []
        self._waiting: dict[Any, tuple[asyncio.Future[bytes], list[bytes]]] = {}

    async def fetch(self, url: str) -> bytes:
        """Return the body at ``url``."""
        handle = self._idle.pop() if self._idle else pycurl.Curl()
        future: asyncio.Future[bytes] = self._loop.create_future()
        chunks = list[bytes]()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.BUFFERSIZE, 2**18)
        handle.setopt(pycurl.WRITEFUNCTION, chunks.append)
        handle.setopt(pycurl.URL, url)
        self._waiting[handle] = future, chunks
        self._multi.add_handle(handle)
        try:
            return await future
        finally:
            self._idle.append(handle)

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        old, new = self._watched.pop(descriptor, 0), 0 if what == pycurl.POLL_REMOVE else what
        if new:
            self._watched[descriptor] = new
        if old & READ and not new & READ:
            self._loop.remove_reader(descriptor)
        if old & WRITE and not new & WRITE:
            self._loop.remove_writer(descriptor)
        if new & READ and not old & READ:
            self._loop.add_reader(descriptor, self._act, descriptor, pycurl.CSELECT_IN)
        if new & WRITE and not old & WRITE:
            self._loop.add_writer(descriptor, self._act, descriptor, pycurl.CSELECT_OUT)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if milliseconds >= 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, mask: int) -> None:
        self._multi.socket_action(descriptor, mask)
        more = True
        while more:
            more, ended, failed = self._multi.info_read()
            for handle in ended:
                self._end(handle, None)
            for handle, _, reason in failed:
                self._end(handle, ConnectionError(reason))

    def _end(self, handle: Any, error: Exception | None) -> None:
        self._multi.remove_handle(handle)
        future, chunks = self._waiting.pop(handle)
        if error:
            future.set_exception(error)
        else:
            future.set_result(b"".join(chunks))


async def main(url: str, directory: Path) -> None:
    await Crawl(url, directory).run(Client().fetch, WORKERS)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2])))

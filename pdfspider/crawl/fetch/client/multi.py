"""libcurl's multi interface on the event loop.

pycurl's own AsyncCurlMulti makes a future of each transfer, tells of its end two turns of the loop later, and waits for
the resolver's threads where it closes.
"""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import TYPE_CHECKING, Any

import pycurl

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE_TIMEOUT_S = 0.5
"""Seconds for which a close waits. Threads that still resolve names end by themselves."""
IDLE_TIMEOUT_S = 10.0
READ, WRITE = pycurl.POLL_IN, pycurl.POLL_OUT


class Multi:
    """Drives transfers: libcurl says which sockets to watch and when it wants to be called.

    Up to ``connections`` are kept for further transfers; the one that was unused for the longest time is closed first.
    All are closed when nothing was transferred for ``IDLE_TIMEOUT_S``: libcurl notices that a server has closed a
    connection only when it would use it again.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._multi = self._new()
        self._ends: dict[Any, Callable[[int, str], None]] = {}
        self._watched: dict[int, int] = {}
        self._timer: asyncio.Handle | None = None
        self._resting: asyncio.Handle | None = None
        self._is_closed = False

    def _new(self) -> Any:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_MAXCONNECTS, self._connections)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        return multi

    def add(self, curl: Any, end: Callable[[int, str], None]) -> None:
        """Begin a transfer; ``end`` is called with its code, 0 if it was whole, and libcurl's message."""
        self._loop = asyncio.get_running_loop()
        if self._resting:
            self._resting.cancel()
            self._resting = None
        self._ends[curl] = end
        self._multi.add_handle(curl)

    def remove(self, curl: Any) -> None:
        """End a transfer where it has not ended; its ``end`` is not called."""
        if self._ends.pop(curl, None):
            self._multi.remove_handle(curl)
            self._rest_if_idle()

    async def close(self) -> None:
        """End all transfers, and close all connections; may be called again."""
        if self._is_closed:
            return
        for curl, end in list(self._ends.items()):
            self.remove(curl)
            end(pycurl.E_ABORTED_BY_CALLBACK, "the connections were closed")
        self._is_closed = True
        if self._resting:
            self._resting.cancel()
        await asyncio.to_thread(self._let_go().join, CLOSE_TIMEOUT_S)

    def _let_go(self) -> Thread:
        """Return a thread that closes all connections, of which nothing is heard any more."""
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, _ignore)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, _ignore)
        for socket in list(self._watched):
            self._rewatch(socket, 0)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        closing = Thread(target=self._multi.close, name="closes connections", daemon=True)
        closing.start()
        return closing

    def _rest_if_idle(self) -> None:
        if not (self._ends or self._resting or self._is_closed):
            self._resting = self._loop.call_later(IDLE_TIMEOUT_S, self._renew)

    def _renew(self) -> None:
        self._resting = None
        try:
            fresh = self._new()
        except pycurl.error:  # there are no files for it
            self._rest_if_idle()
        else:
            self._let_go()
            self._multi = fresh

    def _watch(self, what: int, socket: int, _multi: object, _data: object) -> None:
        if not self._is_closed:
            self._rewatch(socket, 0 if what == pycurl.POLL_REMOVE else what)

    def _rewatch(self, socket: int, what: int) -> None:
        before = self._watched.pop(socket, 0)
        if what:
            self._watched[socket] = what
        if what & READ and not before & READ:
            self._loop.add_reader(socket, self._act, socket, pycurl.CSELECT_IN)
        elif before & READ and not what & READ:
            self._loop.remove_reader(socket)
        if what & WRITE and not before & WRITE:
            self._loop.add_writer(socket, self._act, socket, pycurl.CSELECT_OUT)
        elif before & WRITE and not what & WRITE:
            self._loop.remove_writer(socket)

    def _set_timer(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._is_closed or milliseconds < 0:
            return
        if milliseconds:
            self._timer = self._loop.call_later(milliseconds / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)
        else:
            self._timer = self._loop.call_soon(self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, socket: int, ready: int) -> None:
        """Let libcurl do what it can, and end the transfers that have ended."""
        if self._is_closed:
            return
        _, running = self._multi.socket_action(socket, ready)
        if running < len(self._ends):
            self._end_transfers()

    def _end_transfers(self) -> None:
        left = 1
        while left:
            left, whole, failed = self._multi.info_read()
            for curl, code, message in (*((curl, 0, "") for curl in whole), *failed):
                end = self._ends.pop(curl)
                self._multi.remove_handle(curl)
                end(code, message)
        self._rest_if_idle()


def _ignore(*_: object) -> None:
    """Do nothing."""

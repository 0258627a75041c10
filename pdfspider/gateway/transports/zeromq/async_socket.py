"""A ZeroMQ socket for the event loop, which handles many messages at a time without a future for each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import zmq

if TYPE_CHECKING:
    from collections.abc import Sequence

    Socket = zmq.Socket[bytes]

MESSAGES_PER_TURN = 50


class AsyncSocket:
    """A ZeroMQ socket for the event loop.

    The file descriptor of libzmq reports only changes, and any call to the socket may have consumed one. The socket
    itself is therefore asked after each call (zmq_getsockopt(3), ZMQ_FD).
    """

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._changed = asyncio.Event()
        self._received = 0

    async def receive(self) -> list[bytes]:
        """Return the frames of the next message."""
        self._received += 1
        if self._received % MESSAGES_PER_TURN == 0:
            await asyncio.sleep(0)  # let other tasks run while there is always a next message
        while True:
            with suppress(zmq.Again):
                return self._socket.recv_multipart(zmq.NOBLOCK)
            self._changed.clear()
            if not int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
                await self._wait()

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message, which is dropped if its receiver cannot take it."""
        with suppress(zmq.ZMQError):
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        self._changed.set()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.FD, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            loop.remove_reader(self._socket.FD)

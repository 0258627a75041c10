"""A TCP proxy that does to a connection what networks do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

CHUNK = 65536
DRIPS = 20
"""Times per second."""
LINGER_NOT = struct.pack("ii", 1, 0)
"""A socket that is closed with this sends a reset."""


class Proxy:
    """Forwards a loopback port to ``target``, another one of the same address, until something is done to it."""

    def __init__(self, target: int, listener: socket.socket | None = None) -> None:
        self.target = target
        self._listener = listener or socket.create_server(("127.0.0.1", 0))
        self._address, self.port = self._listener.getsockname()[:2]
        self.rate = 0
        """Bytes per second of each answer; 0: without limit."""
        self._flowing = threading.Event()
        self._flowing.set()
        self._sockets: set[socket.socket] = set()
        self._doomed: bytes | None = None
        self.lost = threading.Event()
        """Set when the answer that was to be lost is lost."""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self._flowing.clear()

    def heal(self) -> None:
        """What was held up arrives late."""
        self._flowing.set()

    def reset(self) -> None:
        """Every connection is reset."""
        for side in list(self._sockets):
            _reset(side)

    def lose_answer(self, request: bytes) -> None:
        """The answer to the next request that contains these bytes is lost, with its connection."""
        self.lost.clear()
        self._doomed = request

    def close(self) -> None:
        self._listener.close()
        self._flowing.set()
        self.reset()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flowing.wait()
        try:
            server = socket.create_connection((self._address, self.target))
        except OSError:
            _reset(client)
            return
        self._sockets |= {client, server}
        doomed = threading.Event()
        threading.Thread(target=self._pump, args=(client, server, doomed, True), daemon=True).start()
        self._pump(server, client, doomed, False)

    def _pump(self, source: socket.socket, sink: socket.socket, doomed: threading.Event, asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                if asking and self._doomed and self._doomed in data:
                    self._doomed = None
                    doomed.set()
                elif not asking and doomed.is_set():
                    self.lost.set()
                    break
                self._send(sink, data, 0 if asking else self.rate)
        for side in (source, sink):
            self._sockets.discard(side)
            _reset(side)

    def _send(self, sink: socket.socket, data: bytes, rate: int) -> None:
        while rate and data and self.rate:
            drop, data = data[: rate // DRIPS + 1], data[rate // DRIPS + 1 :]
            sink.sendall(drop)
            time.sleep(1 / DRIPS)
        sink.sendall(data)


def _reset(side: socket.socket) -> None:
    with suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        side.shutdown(socket.SHUT_RDWR)
    side.close()

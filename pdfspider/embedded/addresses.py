"""Find the server's socket, and ask whether anything answers there."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pdfspider.exceptions import EmbeddedRedisError

LONGEST_SOCKET_PATH = 103
"""Bytes; sun_path holds 108 on Linux and 104 elsewhere, a NUL included."""


def socket_path(directory: Path) -> Path:
    """Return the path by which clients reach the socket.

    If the directory's path is too long for a socket, the path goes through a short symbolic link.
    """
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    runtime = Path(tempfile.gettempdir(), f"pdfspider-{os.geteuid()}")
    runtime.mkdir(mode=0o700, exist_ok=True)
    status = runtime.lstat()
    if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise EmbeddedRedisError(f"{runtime} is not a private directory of this user; choose a shorter DATA_DIR.")
    link = runtime / hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    if len(os.fsencode(link / path.name)) > LONGEST_SOCKET_PATH:
        raise EmbeddedRedisError(f"{path} and {link / path.name} are too long for a socket; choose a shorter DATA_DIR.")
    with suppress(FileExistsError):
        link.symlink_to(directory)
    return link / path.name


def ask(path: Path, command: str = "PING") -> bytes:
    """Return the answer to a command, empty if there is none.

    A client of redis-py would try for four seconds.
    """
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(os.fsencode(path))
        connection.sendall(f"{command}\r\n".encode())
        return connection.recv(512)
    return b""

"""Certificates that exist for the time of a test."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
NAMES = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\nauthorityKeyIdentifier=keyid\n"


class Certificates(NamedTuple):
    """Files: an authority's certificate, and those of a server on this machine and of a client, with their keys."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(directory: Path) -> Certificates:
    """Return certificates, all signed by one authority."""
    authority = ("-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test", "-days", "2")
    _openssl(directory, "req", "-x509", *KEY, *authority, "-addext", "keyUsage=critical,keyCertSign")
    (directory / "names").write_text(NAMES)
    for name in ("server", "client"):
        _openssl(directory, "req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        _openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
    return Certificates(
        *(directory / name for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key"))
    )


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

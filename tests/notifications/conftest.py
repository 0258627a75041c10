from __future__ import annotations

from tests.frontier.conftest import binary, rig, server

__all__ = ["binary", "rig", "server"]

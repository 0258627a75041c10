"""Properties are tried without a deadline: how long a try takes depends on what else the machine does."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

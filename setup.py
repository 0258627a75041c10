"""scrapyd-deploy builds its eggs with this file; what there is to say stands in pyproject.toml."""

from __future__ import annotations

from setuptools import setup

setup()

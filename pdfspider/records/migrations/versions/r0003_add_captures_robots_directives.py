"""Add captures.robots_directives and captures.nofollow_links: what a response and its page ask of robots."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, Text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("captures", Column("robots_directives", Text))
    op.add_column("captures", Column("nofollow_links", Integer))

"""Add captures.reach: the addresses that the URL may reach when it is submitted again."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("captures", Column("reach", Integer))

"""Add captures.reach: what a URL that is handed in again might reach."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("captures", Column("reach", Integer))

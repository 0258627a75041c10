"""Index the captures of a class by their end, and the documents by when they were first seen."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index of classes by one that has the order too, and add the other."""
    op.create_index("captures_class", "captures", ["job", "outcome", "run", "finished"])
    op.drop_index("captures_job_outcome", "captures")
    op.create_index("documents_first_seen", "documents", ["first_seen"])

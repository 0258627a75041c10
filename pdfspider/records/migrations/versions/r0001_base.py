"""Create the tables of the time before they had a version; those that are there are kept."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables that do not exist."""
    _documents()
    _captures()
    _owners()
    _inspections()
    op.create_table(
        "meta", Column("key", Text, primary_key=True), Column("value", Text, nullable=False), if_not_exists=True
    )


def _documents() -> None:
    op.create_table(
        "documents",
        Column("sha256", Text, primary_key=True),
        Column("size", BigInteger, nullable=False),
        Column("first_seen", Double, nullable=False),
        Column("path", Text, nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )


def _captures() -> None:
    table = op.create_table(
        "captures",
        Column("job", Text, primary_key=True),
        Column("run", BigInteger, primary_key=True, autoincrement=False),
        Column("fingerprint", BigInteger, primary_key=True, autoincrement=False),
        Column("url", Text, nullable=False),
        Column("final_url", Text),
        Column("hops", Text, nullable=False),
        Column("found_on", Text),
        Column("technique", Text),
        Column("depth", Integer, nullable=False),
        Column("status", Integer),
        Column("outcome", Text, nullable=False),
        Column("reason", Text),
        Column("sha256", Text),
        Column("content_type", Text),
        Column("disposition_name", Text),
        Column("etag", Text),
        Column("last_modified", Text),
        Column("size", BigInteger),
        Column("started", Double),
        Column("finished", Double),
        Column("worker", Text, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("token", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
        if_not_exists=True,
    )
    has_sha256 = table.c.sha256.is_not(None)
    op.create_index("captures_job_outcome", "captures", ["job", "outcome"], if_not_exists=True)
    op.create_index("captures_sha256", "captures", ["sha256"], sqlite_where=has_sha256, if_not_exists=True)


def _owners() -> None:
    op.create_table(
        "owners",
        Column("job", Text, primary_key=True),
        Column("run", BigInteger, primary_key=True, autoincrement=False),
        Column("sha256", Text, primary_key=True),
        Column("fingerprint", BigInteger, nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )


def _inspections() -> None:
    op.create_table(
        "inspections",
        Column("sha256", Text, primary_key=True),
        Column("status", Text, nullable=False),
        Column("reason", Text),
        Column("pages", Integer),
        Column("title", Text),
        Column("author", Text),
        Column("subject", Text),
        Column("keywords", Text),
        Column("created", Text),
        Column("modified", Text),
        Column("creator", Text),
        Column("producer", Text),
        Column("pdf_version", Text),
        Column("encrypted", Boolean),
        Column("language", Text),
        Column("tagged", Boolean),
        Column("linearized", Boolean),
        Column("content", Text),
        Column("characters", Integer),
        Column("links", Text),
        Column("text", Text),
        Column("thumbnail", Text),
        Column("seconds", Double, nullable=False),
        Column("inspected", Double, nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )

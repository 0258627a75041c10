"""The tables: captures, documents, inspections, owners of documents in a run, and the database's id.

A change needs a migration: see ``records/migrations``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

REVISION = "0004"
"""The version of these tables: the newest revision in ``migrations/versions``."""

metadata = MetaData()

# Tokens are compared as text: byte by byte, whatever the database's own collation is.
_Token = Text().with_variant(Text(collation="C"), "postgresql")

documents = Table(
    "documents",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("path", Text, nullable=False),
    sqlite_with_rowid=False,
)

Index("documents_first_seen", documents.c.first_seen)

captures = Table(
    "captures",
    metadata,
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
    Column("token", _Token, nullable=False),
    Column("reach", Integer),
    Column("robots_directives", Text),
    Column("nofollow_links", Integer),
)
Index("captures_class", captures.c.job, captures.c.outcome, captures.c.run, captures.c.finished)
_has_sha256 = captures.c.sha256.is_not(None)
Index("captures_sha256", captures.c.sha256, sqlite_where=_has_sha256)

owners = Table(
    "owners",
    metadata,
    Column("job", Text, primary_key=True),
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", Text, primary_key=True),
    Column("fingerprint", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

inspections = Table(
    "inspections",
    metadata,
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
)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

alembic_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""One row with the version of the tables, as Alembic has it; therefore no part of ``metadata``."""

"""Alembic's scripts: each revision in ``versions`` turns the tables of the one before it into its own.

To change a table:

1. Change ``records/schema.py``.
2. Run ``make revision NAME="add captures.language"``. It writes the script from the difference, with the next number.
3. Read the script. Workers of the version before may still write to the migrated tables, so that a new column must be
   nullable or have a server default, and nothing that they use may be renamed or dropped.
4. Set ``REVISION`` in ``records/schema.py`` to the new number.

The scripts may be in a zipped egg: ``records/migration.py`` copies them to a directory before it runs them.
"""

"""Write a migration from the difference between ``schema.py`` and the newest revision."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

HERE = Path(__file__).parent
FILE_TEMPLATE = "r%%(rev)s_%%(slug)s"


def main() -> None:
    """Write the migration with the name on the command line."""
    if len(sys.argv) != 2 or not sys.argv[1].strip():
        sys.exit('expected the name of a migration, such as "add captures.language"')
    with create_engine("sqlite://").begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(HERE).replace("%", "%%"))
        config.set_main_option("file_template", FILE_TEMPLATE)
        command.upgrade(config, "head")
        number = 1 + len([*(HERE / "versions").glob("r*.py")])
        command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    main()

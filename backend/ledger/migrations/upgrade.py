"""Runs the Alembic migrations of this folder on an open engine; there is no alembic.ini."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.set_main_option("path_separator", "os")
    return found


def head() -> str | None:
    return ScriptDirectory.from_config(config()).get_current_head()


def upgrade(engine: Engine, revision: str) -> None:
    """All steps in one transaction: a crash in between leaves the older ledger as it was."""
    with engine.connect() as plain:
        rows = plain.execution_options(studio_writer=True)
        with rows.begin():
            settings = config()
            settings.attributes["connection"] = rows
            command.upgrade(settings, revision)

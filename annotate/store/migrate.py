"""Bringing a database to this version: made when it is empty, upgraded when it is older, else refused.

Everything happens in one transaction that only one process can be in, so a program that is stopped in the
middle, or two that start at once, leave the database as it was or as it should be.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from ...errors import StudyError
from ...output import new_file
from . import tables as t

if TYPE_CHECKING:
    from .database import Database

SCRIPTS = Path(__file__).parent / "migrations"
_alembic = threading.Lock()  # alembic's context is one for the whole process


def migrate(database: Database, *, scripts: Path = SCRIPTS) -> None:
    """Bring a database to the newest version that `scripts` knows.

    An SQLite database that holds a study is copied beside itself first, as NAME.before-VERSION.

    Raises
    ------
    StudyError
        It is of a newer version, or other tables than mavfer's are in it.
    """
    from alembic.command import upgrade
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    with _alembic:
        known = ScriptDirectory.from_config(config)
        newest = known.get_current_head()
        revisions = {script.revision for script in known.walk_revisions()}
    with database.reading() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == newest:
        return
    with database.alone() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found == newest:
            return  # another process was quicker
        if found is not None and found not in revisions:
            raise StudyError(
                f"the database is of version {found}, this mavfer knows {newest}; update mavfer, or bring "
                f"back the copy that it was upgraded from: {database.where}"
            )
        if found is None:
            _require_empty(connection, where=database.where)
        elif database.is_sqlite:
            _copy_beside(Path(database.where), version=found)
        with _alembic:
            config.attributes["connection"] = connection
            config.attributes["metadata"] = t.metadata
            upgrade(config, "head")


def _require_empty(connection: Connection, *, where: str) -> None:
    tables = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    if tables:
        raise StudyError(
            f"wanted an empty database or one of mavfer's, found one with the table {sorted(tables)[0]!r} of "
            f"another program; name another database: {where}"
        )


def _copy_beside(path: Path, *, version: str) -> None:
    """Copy an SQLite database as it was committed last; a copy of that version that is there is kept."""
    copy = path.with_name(f"{path.name}.before-upgrade-from-{version}")
    if copy.exists():
        return
    with (
        new_file(copy) as temporary,
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(temporary)) as target,
    ):
        source.backup(target)

"""How much a database holds, and whether it is sound."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, func, select, text

from . import tables as t
from .database import Database
from .records import Sizes


def sizes_of(database: Database) -> Sizes:
    """Return how much a database holds; reads every chunk's length."""

    def count(table: Table, *where: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    with database.reading() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        length = connection.execute(select(func.sum(func.length(t.chunks.c.body)))).scalar()
        return Sizes(
            version=str(version),
            n_raters=count(t.raters),
            n_videos=count(t.videos),
            n_assignments=count(t.assignments),
            n_takes=count(t.takes),
            n_complete=count(t.takes, t.takes.c.state == "complete"),
            n_discarded=count(t.takes, t.takes.c.state == "discarded"),
            n_chunks=count(t.chunks),
            chunk_bytes=int(length or 0),
        )


def complaints_of(database: Database) -> tuple[str, ...]:
    """Return what SQLite finds wrong with its file; of PostgreSQL, which checks itself, nothing."""
    if not database.is_sqlite:
        return ()
    with database.reading() as connection:
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return tuple(line for line in found if line != "ok")

"""A study's database on a PostgreSQL server: what it holds of films, and how these leave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import StudyError

if TYPE_CHECKING:
    from ..annotate.store.database import Database

OWN = "mavfer forget"
"""What the server sees of this program, so that it is not taken for somebody else."""
TABLES = ("chunks", "runs", "takes", "assignments", "videos")


def films_there(url: str, study_id: str) -> tuple[dict[str, str], dict[str, int]]:
    """Return the session of each film, and how many takes there are of it."""
    from sqlalchemy import func, select

    from ..annotate.store import tables as t

    with _opened(url, study_id) as database, database.reading() as connection:
        found = connection.execute(select(t.videos.c.id, t.videos.c.session))
        videos = {str(row[0]): str(row[1]) for row in found}
        counted = (
            select(t.assignments.c.video, func.count())
            .join(t.takes, t.takes.c.assignment == t.assignments.c.id)
            .group_by(t.assignments.c.video)
        )
        n_takes = {str(row[0]): int(row[1]) for row in connection.execute(counted)}
        return videos, n_takes


def nobody_there(url: str, study_id: str) -> None:
    """Raise StudyError where another program is connected to the database."""
    from sqlalchemy import text

    with _opened(url, study_id) as database, database.reading() as connection:
        others = connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> :own"
            ),
            {"own": OWN},
        ).scalar()
        if others:
            raise StudyError(
                f"the study is being served: its database has {others} more connections; stop "
                f"`mavfer annotate` first: {database.where}"
            )


def forgotten_there(url: str, study_id: str, statements: Sequence[str], videos: Mapping[str, str]) -> None:
    """Take films out of the database, in one transaction, and have the server write its tables anew."""
    from sqlalchemy import text

    with _opened(url, study_id) as database:
        with database.alone() as connection:
            for video in videos:
                for statement in statements:
                    connection.execute(text(statement), {"video": video})
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in TABLES:
                connection.execute(text(f"VACUUM (FULL) {table}"))


@contextmanager
def _opened(url: str, study_id: str) -> Iterator[Database]:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        from ..annotate.store.database import open_database
        from ..annotate.store.store import now_ms
    except ImportError as error:
        raise StudyError(
            f"wanted what opens a study, found part of it ({error}); run `pip install 'mavfer[annotate]'`"
        ) from error
    try:
        named = make_url(url)
        if named.get_backend_name() != "sqlite":
            named = named.update_query_dict({"application_name": OWN})
        url = named.render_as_string(hide_password=False)
    except (SQLAlchemyError, ValueError):
        pass  # `open_database` says what is wrong with it
    database = open_database(url, study_id=study_id, now_ms=now_ms())
    try:
        yield database
    finally:
        database.close()

"""A study's database, open: the driver's settings, transactions that read or write, and errors in one line.

SQLite runs in WAL mode, in which readers and the writer do not hold each other up. WAL needs memory that all
processes share, so the file must lie on a disk of the machine that runs mavfer: on a network file system
(NFS, SMB) it can be damaged. Where several machines serve one study, PostgreSQL is the database to take.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ...errors import StudyError
from . import tables as t
from .migrate import migrate
from .records import Unavailable

BUSY_S, CONNECT_S = 15, 10
KEPT, MORE = 10, 30
"""Connections that are kept open, and more when that many threads ask at once: a web server runs 40."""
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
WRITES = "mavfer_writes"
ADVISORY_LOCK = 0x6D617666_6572
"""The number, "mavfer", that stands on a PostgreSQL server for being alone in a database."""


class Database:
    """An engine, and the two kinds of transaction on it; may be used from any thread.

    SQLite lets one connection write at a time and lets the others ask again and again, up to 100 ms apart,
    which is unfair. Within this process a lock lets writers in at once when their turn comes.
    """

    def __init__(self, engine: Engine, *, where: str) -> None:
        self.engine = engine
        self.where = where
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing = engine.execution_options(**{WRITES: True})
        self._turn = threading.Lock() if self.is_sqlite else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that only reads; raises Unavailable."""
        with self._one_line(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that is on the disk when the block has ended.

        On SQLite no other writes meanwhile; on PostgreSQL, lock the rows that must not change.

        Raises
        ------
        Unavailable
            The database is locked, full or gone. Nothing of the block is stored.
        """
        with self._one_line(), self._turn, self._writing.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """Yield what `writing` does, to one process and thread at a time on PostgreSQL too."""
        with self.writing() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
            yield connection

    def close(self) -> None:
        """Let the database go."""
        self.engine.dispose()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except PoolTimeout:
            raise Unavailable("the study's database is too busy; try again", where=self.where) from None
        except DBAPIError as error:
            told = f"the study's database does not work ({_reason(error)})"
            raise Unavailable(told, where=self.where) from None


def open_database(url: str, *, study_id: str, now_ms: int) -> Database:
    """Return a database that is ready: migrated, and of the study `study_id`.

    Raises
    ------
    StudyError
        It cannot be reached, is none of mavfer's, is of a newer version, or belongs to another study. The
        message never has the password in it.
    """
    parsed = _parsed(url)
    where = _where(parsed)
    try:
        engine = _engine(parsed)
    except ImportError:
        raise StudyError(
            f"wanted the driver psycopg, found none; run `pip install 'mavfer[annotate]'`: {where}"
        ) from None
    database = Database(engine, where=where)
    try:
        _prepare(database, study_id=study_id, now_ms=now_ms)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: Database, *, study_id: str, now_ms: int) -> None:
    try:
        migrate(database)
        with database.alone() as connection:
            found = connection.execute(select(t.study.c.id)).scalar()
            if found is None:
                connection.execute(insert(t.study).values(id=study_id, created_ms=now_ms))
                found = study_id
    except Unavailable:
        raise
    except SQLAlchemyError as error:
        reason = _reason(error) if isinstance(error, DBAPIError) else type(error).__name__
        raise StudyError(f"the study's database cannot be opened ({reason}): {database.where}") from None
    if found != study_id:
        raise StudyError(
            f"wanted the database of study {study_id}, found that of study {found}; name the study's own "
            f"database, or an empty one: {database.where}"
        )


def _parsed(url: str) -> URL:
    """Return a URL with the driver that mavfer installs; raises StudyError, without the URL's text."""
    try:
        parsed = make_url(url)
        driver = DRIVERS[parsed.get_backend_name()]
    except (SQLAlchemyError, ValueError, KeyError, NoSuchModuleError):
        raise StudyError(
            "wanted a database as sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME, found something "
            f"else that begins with {url.partition(':')[0][:20]!r}"
        ) from None
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StudyError("wanted a database in a file, found one in memory; name it as sqlite:///FILE")
    return parsed.set(drivername=driver)


def _where(url: URL) -> str:
    """Return which database a URL means, without its user and password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database or ''}"


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        waits = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_S}
        engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=KEPT,
            max_overflow=MORE,
            connect_args=waits,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _set_up_postgresql)
        return engine
    engine = create_engine(url, pool_size=KEPT, max_overflow=MORE, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_S * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; one that writes takes the lock at once, so that what it reads stays true."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgresql(connection: Any, _: object) -> None:
    """Have commits wait for the disk, whatever the server's default is."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


REASONS = {
    "file is not a database": "it is a file of another kind",
    "unable to open database file": "its folder is missing, or may not be written",
    "attempt to write a readonly database": "it may not be written",
    "readonly": "it may not be written",
    "database is locked": f"another process has held it for {BUSY_S} s",
    "database or disk is full": "the disk is full",
    "malformed": "it is damaged; bring back a copy",
    "password authentication failed": "the server refuses the user name or the password",
    "no password supplied": "the server wants a password",
    "Connection refused": "no server answers; start it, or correct host and port",
    "No such file or directory": "no server answers; start it, or correct the folder of its socket",
    "timeout expired": f"no server answers within {CONNECT_S} s",
    "connection timeout": f"no server answers within {CONNECT_S} s",
    "resolve": "there is no host of that name",
    "translate host name": "there is no host of that name",
    "permission denied": "the user may not make tables in it",
    "server closed the connection": "the server has ended the connection",
    "terminating connection": "the server has ended the connection",
}


def _reason(error: DBAPIError) -> str:
    """Return why a driver complains, in words; one of its own lines where that is not known."""
    told = str(error.orig)
    if 'database "' in told and "does not exist" in told:
        return "the server has no database of that name; run `createdb` first"
    if 'role "' in told and "does not exist" in told:
        return "the server refuses the user name or the password"
    for known, reason in REASONS.items():
        if known in told:
            return reason
    return next(iter(told.splitlines()), type(error.orig).__name__)[:200]

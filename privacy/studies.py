"""A subject's films in rating studies: rows, chunks and comments in the database, and the prepared MP4s.

SQLite's file is scrubbed: freed pages are overwritten, the file is packed, and no write-ahead log stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..annotate.study.films import read_film
from ..annotate.study.study import DATABASE_NAME, STUDY_NAME, VIDEOS_NAME, open_study
from ..errors import MavferError, StudyError
from .person import Person
from .places import head_of
from .plan import Item, Plan
from .postgresql import films_there, forgotten_there, nobody_there

MAGIC = b"SQLite format 3\x00"
BUSY_S = 2.0
OF_A_FILM = (
    "DELETE FROM chunks WHERE take IN (SELECT takes.id FROM takes JOIN assignments "
    "ON takes.assignment = assignments.id WHERE assignments.video = :video)",
    "DELETE FROM runs WHERE take IN (SELECT takes.id FROM takes JOIN assignments "
    "ON takes.assignment = assignments.id WHERE assignments.video = :video)",
    "DELETE FROM takes WHERE assignment IN (SELECT id FROM assignments WHERE video = :video)",
    "DELETE FROM assignments WHERE video = :video",
    "DELETE FROM videos WHERE id = :video",
)
"""In the order in which rows point to each other; raters stay."""


@dataclass(frozen=True, slots=True)
class _Films:
    """Films of the subject in one study: ids in the database, and the files of all of them."""

    rows: dict[Path, dict[str, str]]
    on_server: dict[str, str]
    files: tuple[Path, ...]
    n_takes: int

    @property
    def sessions(self) -> list[str]:
        ids = [session for rows in (*self.rows.values(), self.on_server) for session in rows.values()]
        return sorted(set(ids))


def plan_studies(
    plan: Plan, person: Person, *, again: Collection[Path] = (), database: str | None = None
) -> None:
    """Plan that the subject's films leave every study, with all that was rated of them.

    Parameters
    ----------
    again : studies that an interrupted call was to change: their files are scrubbed whatever they hold
    database : URL of the PostgreSQL database of the study that has no file of its own

    Raises
    ------
    StudyError
        A study has films of the subject and its database is not at hand, or a database is damaged.
    """
    for mark in plan.places.named(STUDY_NAME):
        folder = mark.parent
        if plan.goes(folder):
            continue
        try:
            study_id = open_study(folder).config.id
        except MavferError as error:
            plan.stay(mark, f"a study that does not read ({error})", "mend it and call again")
            continue
        films = _films(plan, person, folder, study_id, database)
        if films.sessions or films.files or folder in again:
            _add(plan, folder, study_id, films, database if films.on_server or not films.rows else None)


def _add(plan: Plan, folder: Path, study_id: str, films: _Films, database: str | None) -> None:
    held: dict[Path, sqlite3.Connection] = {}

    @contextmanager
    def hold() -> Iterator[None]:
        with ExitStack() as stack:
            for file in films.rows:
                held[file] = stack.enter_context(_alone_in(file))
            if database is not None:
                nobody_there(database, study_id)
            yield

    def rewrite() -> None:
        for file, rows in films.rows.items():
            _forget_in(held[file], rows, path=file)
        if database is not None:
            forgotten_there(database, study_id, OF_A_FILM, films.on_server)

    sessions = ", ".join(films.sessions) or "what an interrupted call left"
    takes = f"{films.n_takes} {'take' if films.n_takes == 1 else 'takes'}"
    plan.add(
        Item(
            kind="study",
            path=folder,
            what=f"films, events, comments of {sessions} ({takes}); raters keep their accounts",
            remove=films.files,
            rewrite=rewrite,
            rewritten=tuple(films.rows),
            hold=hold,
        )
    )


def _films(plan: Plan, person: Person, folder: Path, study_id: str, database: str | None) -> _Films:
    rows: dict[Path, dict[str, str]] = {}
    n_takes = 0
    for path in plan.places.beside(folder):
        if path.name == DATABASE_NAME or (path.name.startswith(DATABASE_NAME) and _is_sqlite(path)):
            videos, takes = _read(path)
            rows[path] = {video: session for video, session in videos.items() if person.is_filmed_in(session)}
            n_takes += sum(takes.get(video, 0) for video in rows[path]) if path.name == DATABASE_NAME else 0
            _name_shared(plan, person, path, videos)
    files = []
    for record in plan.places.within(folder / VIDEOS_NAME):
        shown = _session_of(record) if record.suffix == ".json" else None
        pair = [path for path in (record, record.with_suffix(".mp4")) if path in plan.places.files]
        if person.is_filmed_in(shown):
            files += pair
        elif shown is not None:
            plan.strangers |= set(pair)
    on_server: dict[str, str] = {}
    if folder / DATABASE_NAME not in rows:
        if database is None and files:
            raise StudyError(
                "wanted the database of a study that shows the subject, found none in its folder; name it "
                f"with --database URL or MAVFER_DATABASE: {folder}"
            )
        if database is not None:
            videos, takes = films_there(database, study_id)
            on_server = {video: session for video, session in videos.items() if person.is_filmed_in(session)}
            n_takes += sum(takes.get(video, 0) for video in on_server)
    known = {video for one in (*rows.values(), on_server) for video in one}
    for video in known:
        files += [
            path
            for path in (folder / VIDEOS_NAME / f"{video}.json", folder / VIDEOS_NAME / f"{video}.mp4")
            if path in plan.places.files and path not in files
        ]
    return _Films(rows, on_server, tuple(files), n_takes)


def _name_shared(plan: Plan, person: Person, path: Path, videos: dict[str, str]) -> None:
    for session in set(videos.values()) & person.shared:
        plan.stay(
            path,
            f"the study shows session {session}, and a session of another subject has that id too",
            f"pass --session {session} if it is this subject's",
        )


def _session_of(record: Path) -> str | None:
    try:
        return read_film(record).session
    except MavferError:
        return None


def _is_sqlite(path: Path) -> bool:
    return head_of(path, len(MAGIC)) == MAGIC


def _read(path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Return the session of each film, and how many takes there are of it; nothing is written."""
    try:
        unused = not path.with_name(f"{path.name}-wal").exists()  # then no file need be made beside it
        how = "immutable=1" if unused else "mode=ro"
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=BUSY_S)) as connection:
            videos = dict(connection.execute("SELECT id, session FROM videos").fetchall())
            takes = dict(
                connection.execute(
                    "SELECT assignments.video, count(*) FROM takes JOIN assignments "
                    "ON takes.assignment = assignments.id GROUP BY assignments.video"
                ).fetchall()
            )
    except sqlite3.Error as error:
        raise StudyError(f"wanted a study's database, could not read it ({error}): {path}") from error
    return videos, takes


@contextmanager
def _alone_in(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that nobody can have beside it; the write-ahead log is taken into the file.

    Raises
    ------
    StudyError
        Another process has the database open, or it may not be written.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")  # the lock stays until the connection is closed
        except sqlite3.Error as error:
            raise StudyError(
                f"the study is being served, or its database cannot be written ({error}); stop `mavfer "
                f"annotate` first: {path}"
            ) from error
        if mode != "delete":
            raise StudyError(f"the study is being served; stop `mavfer annotate` first: {path}")
        yield connection


def _forget_in(connection: sqlite3.Connection, films: Collection[str], *, path: Path) -> None:
    """Take films out of a database and overwrite what they were; harmless when done twice."""
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("BEGIN EXCLUSIVE")
        for video in films:
            for statement in OF_A_FILM:
                connection.execute(statement, {"video": video})
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        raise StudyError(
            f"the study's database cannot be changed ({error}); mend that, and call again: {path}"
        ) from error

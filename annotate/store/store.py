"""A study's database, open: every statement that the study makes, and nothing of HTTP.

One `Store` may be used from any thread. What a method returned from is on the disk: SQLite runs with WAL and
synchronous=FULL, PostgreSQL with synchronous_commit=on. `access.py` has links and logins, `takes.py` takes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Column, ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...errors import StudyError
from ..study.study import new_id
from . import tables as t
from .access import Access
from .database import open_database
from .health import complaints_of, sizes_of
from .records import Assignment, Conflict, Rater, Sizes, Unknown, Video
from .takes import Takes

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
MAX_TEAM = 20


class Store:
    """The database of one study.

    Parameters
    ----------
    url : as SQLAlchemy reads it: sqlite:///FILE or postgresql://...
    study_id : of the study that it must belong to; an empty database is made for it
    key : what secrets are hashed with

    Raises
    ------
    StudyError
        It cannot be reached, is of a newer version, or belongs to another study.
    """

    def __init__(self, url: str, *, study_id: str, key: bytes) -> None:
        self._database = open_database(url, study_id=study_id, now_ms=now_ms())
        self.access = Access(self._database, key=key)
        self.takes = Takes(self._database)
        try:
            self.access.clean(now_ms=now_ms())  # also shows whether the database can be written
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    # -- people ----------------------------------------------------------------------------------------------

    def add_rater(self, name: str, *, team: int) -> Rater:
        """Add a rater, in a team from 1; raises StudyError where the name is taken, in whatever letters."""
        _require_name(name)
        if not 1 <= team <= MAX_TEAM:
            raise StudyError(f"wanted a team from 1 to {MAX_TEAM}, found {team}")
        with self._database.writing() as connection:
            rater = Rater(new_id(), name, team, True, _next_ms(connection, t.raters.c.created_ms))
            row = {"id": rater.id, "name": name, "team": team, "active": True, "created_ms": rater.created_ms}
            try:
                connection.execute(insert(t.raters).values(name_folded=name.casefold(), **row))
            except IntegrityError:
                raise _taken(name) from None
        return rater

    def raters(self) -> tuple[Rater, ...]:
        """Return all raters in the order in which they were added, those who have left too."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.raters).order_by(t.raters.c.created_ms, t.raters.c.id))
            return tuple(_rater(row) for row in rows)

    def rater(self, rater: str) -> Rater:
        """Return one rater; raises Unknown."""
        with self._database.reading() as connection:
            row = connection.execute(select(t.raters).where(t.raters.c.id == rater)).first()
        if row is None:
            raise Unknown("there is no such rater")
        return _rater(row)

    def rename_rater(self, rater: str, name: str) -> None:
        """Give a rater another name; raises StudyError where it is taken, Unknown without such a rater."""
        _require_name(name)
        try:
            self._change_rater(rater, name=name, name_folded=name.casefold())
        except IntegrityError:
            raise _taken(name) from None

    def set_active(self, rater: str, active: bool) -> None:
        """Let a rater leave, which ends all logins and voids the link, or come back; raises Unknown.

        What the rater has rated stays. Who comes back needs a new link.
        """
        self._change_rater(rater, active=active)
        if not active:
            self.access.void(rater)

    def confirm_instructions(self, rater: str) -> None:
        """Note that a rater has read the instructions; raises Unknown."""
        self._change_rater(rater, read_ms=now_ms())

    def note_clock(self, rater: str, ahead_ms: int) -> None:
        """Note by how much the clock of a rater's machine is ahead of the server's; raises Unknown."""
        self._change_rater(rater, clock_ahead_ms=ahead_ms)

    # -- videos and assignments ------------------------------------------------------------------------------

    def add_video(self, video: Video) -> None:
        """Add a prepared film; raises StudyError if its session is there already."""
        with self._database.writing() as connection:
            row = {"id": video.id, "session": video.session, "practice": video.practice}
            row |= {"duration_s": video.duration_s, "sha256": video.sha256}
            try:
                connection.execute(
                    insert(t.videos).values(added_ms=_next_ms(connection, t.videos.c.added_ms), **row)
                )
            except IntegrityError:
                raise StudyError(f"wanted a new session, found {video.session!r}, which is there") from None

    def videos(self) -> tuple[Video, ...]:
        """Return all videos, the practice film first, then as they were added."""
        order = (t.videos.c.practice.desc(), t.videos.c.added_ms, t.videos.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(select(t.videos).order_by(*order))
            return tuple(Video(r.id, r.session, r.practice, r.duration_s, r.sha256) for r in rows)

    def remove_video(self, video: str) -> None:
        """Remove a video and its assignments.

        Raises
        ------
        Conflict
            A rater has begun it; what was rated is never deleted.
        Unknown
            There is no such video.
        """
        mine = t.assignments.c.video == video
        with self._database.writing() as connection:
            if connection.execute(select(t.videos.c.id).where(t.videos.c.id == video)).scalar() is None:
                raise Unknown("there is no such video")
            ids = (
                connection.execute(
                    select(t.assignments.c.id).where(mine).order_by(t.assignments.c.id).with_for_update()
                )
                .scalars()
                .all()
            )
            _require_unbegun(connection, ids, found="a video that a rater has begun")
            connection.execute(delete(t.assignments).where(mine))
            connection.execute(delete(t.videos).where(t.videos.c.id == video))

    def add_assignments(self, assignments: Iterable[Assignment]) -> None:
        """Add assignments, all or none.

        Raises
        ------
        StudyError
            One is there already, its place in the rater's order is taken, or its rater or video is unknown.
        """
        rows = [
            {
                "id": one.id,
                "rater": one.rater,
                "video": one.video,
                "dimension": one.dimension,
                "position": one.position,
            }
            for one in assignments
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            try:
                connection.execute(insert(t.assignments), rows)
            except IntegrityError:
                raise StudyError(
                    "wanted new assignments of known raters and videos, one at each place of a rater's "
                    "order, found others; none was added"
                ) from None

    def remove_assignments(self, assignments: Collection[str]) -> None:
        """Remove assignments by id, all or none; raises Conflict if one of them was ever begun."""
        ids = sorted(assignments)
        with self._database.writing() as connection:
            held = select(t.assignments.c.id).where(t.assignments.c.id.in_(ids)).order_by(t.assignments.c.id)
            connection.execute(held.with_for_update()).all()
            _require_unbegun(connection, ids, found="an assignment that was begun")
            connection.execute(delete(t.assignments).where(t.assignments.c.id.in_(ids)))

    def assignments(self, *, rater: str | None = None) -> tuple[Assignment, ...]:
        """Return the assignments of a rater, or of all, in each rater's order, with how far they are.

        Costs 4 µs an assignment; what needs one alone asks `assignment` or `assignment_of_take`.
        """
        return self._assignments(*(() if rater is None else (t.assignments.c.rater == rater,)))

    def assignment(self, assignment: str, *, rater: str | None = None) -> Assignment:
        """Return one assignment, with how far it is; raises Unknown, also where it is not of that rater."""
        for one in self._assignments(t.assignments.c.id == assignment):
            if rater in (None, one.rater):
                return one
        raise Unknown("there is no such assignment")

    def assignment_of_take(self, take: str, *, rater: str | None = None) -> Assignment:
        """Return the assignment of a take that counts; raises Unknown, also where it is not of that rater."""
        for one in self._assignments(t.takes.c.id == take):
            if rater in (None, one.rater):
                return one
        raise Unknown("there is no such take")

    # -- the database itself ---------------------------------------------------------------------------------

    def sizes(self) -> Sizes:
        """Return how much the database holds; reads every chunk's length."""
        return sizes_of(self._database)

    def undo(self) -> None:
        """Empty the database of a study that could not be made; raises Conflict if anything was rated."""
        with self._database.writing() as connection:
            if connection.execute(select(t.takes.c.id).limit(1)).scalar() is not None:
                raise Conflict("wanted a database in which nothing was rated, found takes; it stays")
            for table in (t.assignments, t.links, t.logins, t.videos, t.raters, t.study):
                connection.execute(delete(table))

    def complaints(self) -> tuple[str, ...]:
        """Return what SQLite finds wrong with its file; of PostgreSQL, which checks itself, nothing."""
        return complaints_of(self._database)

    def _assignments(self, *where: ColumnElement[bool]) -> tuple[Assignment, ...]:
        current, state = t.takes.c.state != "discarded", func.coalesce(t.takes.c.state, "waiting")
        query = (
            select(*t.assignments.c, state, t.takes.c.id, t.takes.c.finished_ms)
            .outerjoin(t.takes, (t.takes.c.assignment == t.assignments.c.id) & current)
            .where(*where)
            .order_by(t.assignments.c.rater, t.assignments.c.position)
        )
        with self._database.reading() as connection:
            return tuple(Assignment(*row) for row in connection.execute(query))

    def _change_rater(self, rater: str, **values: Any) -> None:
        with self._database.writing() as connection:
            if (
                connection.execute(update(t.raters).where(t.raters.c.id == rater).values(**values)).rowcount
                != 1
            ):
                raise Unknown("there is no such rater")


def now_ms() -> int:
    """Return the server's time, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _rater(row: Row[Any]) -> Rater:
    return Rater(row.id, row.name, row.team, row.active, row.created_ms, row.read_ms, row.clock_ahead_ms)


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise StudyError(
            f"wanted a rater's name of 1 to 40 letters (a to z), digits, - and _, found {name[:60]!r}; "
            "choose a pseudonym"
        )


def _taken(name: str) -> StudyError:
    return StudyError(
        f"wanted a rater's name that is free, found {name!r}, which the study has in these or other letters; "
        "choose another"
    )


def _next_ms(connection: Connection, column: Column[int]) -> int:
    """Return the time, later than all in a column: rows of one millisecond keep their order."""
    last = connection.execute(select(func.max(column))).scalar()
    return now_ms() if last is None else max(now_ms(), last + 1)


def _require_unbegun(connection: Connection, assignments: Iterable[str], *, found: str) -> None:
    begun = select(t.takes.c.id).where(t.takes.c.assignment.in_(list(assignments))).limit(1)
    if connection.execute(begun).scalar() is not None:
        raise Conflict(f"wanted what nobody has begun, found {found}; it stays")

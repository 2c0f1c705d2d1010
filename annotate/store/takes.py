"""Takes, their runs and their chunks: what a rater has given, kept as it came."""

from __future__ import annotations

from sqlalchemy import Connection, Select, func, insert, select, update

from ..study.study import new_id
from . import tables as t
from .database import Database
from .records import Conflict, StoredChunk, StoredRun, Unknown

MAX_BROWSER = 300


class Takes:
    """The takes of one study; every method may be called from any thread.

    On PostgreSQL, what opens a take locks its assignment's row, and what changes a take its row; on SQLite
    nothing else writes meanwhile. So a chunk is never added to a take that is over, and two windows that
    open a take at once get runs of their own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_run(self, assignment: str, *, now_ms: int, clock_ahead_ms: int, browser: str) -> tuple[str, int]:
        """Return the take of an assignment, made if there is none, and the number of a new run of it.

        Raises
        ------
        Conflict
            The take is complete.
        Unknown
            There is no such assignment.
        """
        with self._database.writing() as connection:
            current = _current(connection, assignment)
            take, state = current or (new_id(), None)
            if state == "complete":
                raise Conflict("this video has been rated completely")
            if state is None:
                connection.execute(
                    insert(t.takes).values(id=take, assignment=assignment, state="open", started_ms=now_ms)
                )
            last = connection.execute(select(func.max(t.runs.c.number)).where(t.runs.c.take == take)).scalar()
            number = 0 if last is None else last + 1
            connection.execute(
                insert(t.runs).values(
                    take=take,
                    number=number,
                    opened_ms=now_ms,
                    clock_ahead_ms=clock_ahead_ms,
                    browser=browser[:MAX_BROWSER],
                )
            )
        return take, number

    def append(self, take: str, run: int, number: int, body: bytes, *, now_ms: int) -> int:
        """Store a chunk and return the take's newest run; storing the same one again changes nothing.

        Costs one transaction, whose wait for the disk is nearly all of it.

        Raises
        ------
        Conflict
            The chunk is there with other content, or the take is over.
        Unknown
            There is no such run.
        """
        newest_run = select(func.max(t.runs.c.number)).where(t.runs.c.take == take).scalar_subquery()
        same = (t.chunks.c.take == take, t.chunks.c.run == run, t.chunks.c.number == number)
        with self._database.writing() as connection:
            row = connection.execute(_locked(select(t.takes.c.state, newest_run), take)).first()
            if row is None or row[1] is None or run > row[1]:
                raise Unknown(f"there is no run {run} of take {take}")
            stored = connection.execute(select(t.chunks.c.body).where(*same)).scalar()
            if stored is None:
                if row.state != "open":
                    raise Conflict("this take is over; no rating can be added to it")
                connection.execute(
                    insert(t.chunks).values(take=take, run=run, number=number, received_ms=now_ms, body=body)
                )
            elif stored != body:
                raise Conflict(f"chunk {number} of run {run} is stored with other content")
        return int(row[1])

    def chunks(self, take: str) -> tuple[StoredChunk, ...]:
        """Return a take's chunks in the order of runs and numbers."""
        query = select(t.chunks).where(t.chunks.c.take == take).order_by(t.chunks.c.run, t.chunks.c.number)
        with self._database.reading() as connection:
            return tuple(
                StoredChunk(r.run, r.number, r.received_ms, r.body) for r in connection.execute(query)
            )

    def n_chunks(self, take: str) -> int:
        """Return how many chunks a take has, without reading them."""
        query = select(func.count()).select_from(t.chunks).where(t.chunks.c.take == take)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def runs(self, take: str) -> tuple[StoredRun, ...]:
        """Return a take's runs, the first one first."""
        query = select(t.runs).where(t.runs.c.take == take).order_by(t.runs.c.number)
        with self._database.reading() as connection:
            return tuple(
                StoredRun(r.number, r.opened_ms, r.clock_ahead_ms, r.browser)
                for r in connection.execute(query)
            )

    def last_seen_ms(self) -> dict[str, int]:
        """Return by rater id when the rater last came in, opened a take, or sent a chunk of an open one."""
        opened = (
            select(t.assignments.c.rater, t.takes.c.id, t.takes.c.state, func.max(t.runs.c.opened_ms))
            .join(t.takes, t.takes.c.assignment == t.assignments.c.id)
            .join(t.runs, t.runs.c.take == t.takes.c.id)
            .group_by(t.assignments.c.rater, t.takes.c.id, t.takes.c.state)
        )
        newest = (t.chunks.c.run.desc(), t.chunks.c.number.desc())
        came_in = (
            select(t.links.c.rater, func.max(t.links.c.used_ms))
            .where(t.links.c.rater.is_not(None), t.links.c.used_ms.is_not(None))
            .group_by(t.links.c.rater)
        )
        with self._database.reading() as connection:
            found = {row[0]: row[1] for row in connection.execute(came_in)}
            for rater, take, state, seen_ms in connection.execute(opened).all():
                if state == "open":  # one look into the primary key, not a scan of all chunks
                    last = select(t.chunks.c.received_ms).where(t.chunks.c.take == take).order_by(*newest)
                    seen_ms = max(seen_ms, connection.execute(last.limit(1)).scalar() or 0)
                found[rater] = max(seen_ms, found.get(rater, 0))
        return found

    def finish(self, take: str, *, now_ms: int) -> None:
        """Mark a take as complete; harmless when it is.

        Raises
        ------
        Conflict
            It has been discarded.
        Unknown
            There is no such take.
        """
        with self._database.writing() as connection:
            state = _state(connection, take)
            if state == "discarded":
                raise Conflict("this take has been discarded; open the video again")
            if state == "open":
                connection.execute(
                    update(t.takes).where(t.takes.c.id == take).values(state="complete", finished_ms=now_ms)
                )

    def discard(self, take: str) -> None:
        """Let a take that is not complete count no more; its chunks stay in the database.

        Raises
        ------
        Conflict
            It is complete; the study's owner can have it rated again, see `reopen`.
        Unknown
            There is no such take.
        """
        with self._database.writing() as connection:
            if _state(connection, take) == "complete":
                raise Conflict("this video has been rated completely")
            _discard(connection, take)

    def reopen(self, assignment: str) -> None:
        """Let an assignment be rated anew; the take that it had, complete or not, stays in the database.

        Raises
        ------
        Unknown
            There is no such assignment.
        """
        with self._database.writing() as connection:
            current = _current(connection, assignment)
            if current is not None:
                _discard(connection, current[0])

    def discarded(self, assignment: str) -> tuple[str, ...]:
        """Return the ids of an assignment's takes that count no more, the oldest first."""
        query = (
            select(t.takes.c.id)
            .where(t.takes.c.assignment == assignment, t.takes.c.state == "discarded")
            .order_by(t.takes.c.started_ms)
        )
        with self._database.reading() as connection:
            return tuple(connection.execute(query).scalars())


def _current(connection: Connection, assignment: str) -> tuple[str, str] | None:
    """Return id and state of the take of an assignment that counts; hold both until the transaction ends."""
    mine = select(t.assignments.c.id).where(t.assignments.c.id == assignment)
    if connection.execute(mine.with_for_update(key_share=True)).scalar() is None:
        raise Unknown("there is no such assignment")
    row = connection.execute(
        select(t.takes.c.id, t.takes.c.state)
        .where(t.takes.c.assignment == assignment, t.takes.c.state != "discarded")
        .with_for_update(key_share=True)
    ).first()
    return None if row is None else (row.id, row.state)


def _state(connection: Connection, take: str) -> str:
    """Return the state of a take, and hold the take until the end of the transaction."""
    state = connection.execute(_locked(select(t.takes.c.state), take)).scalar()
    if state is None:
        raise Unknown("there is no such take")
    return str(state)


def _locked(query: Select, take: str) -> Select:
    return query.where(t.takes.c.id == take).with_for_update(key_share=True, of=t.takes)


def _discard(connection: Connection, take: str) -> None:
    connection.execute(update(t.takes).where(t.takes.c.id == take).values(state="discarded"))

"""Which sessions a build is asked for: folders become sessions, and those that cannot be built say why.

Only `session.toml` is read here, so that hundreds of sessions are looked through in a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...calibrate.calibration import Calibration
from ...capture.session import RECORD_NAME, read_record
from ...capture.session import SessionRecord as RecordedSession
from ...capture.streams import Stream
from ...errors import DatasetError, MavferError, SessionError

PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class GivenSession:
    """One session that was asked for.

    Attributes
    ----------
    path : its folder
    id : its id, or the folder's name where its record does not read
    record : what its session.toml says; None where it does not read
    error : why it cannot be built, as far as its record tells
    named : whether it was asked for by itself, not found in a folder of sessions
    """

    path: Path
    id: str
    record: RecordedSession | None
    error: MavferError | None = None
    named: bool = True

    @property
    def subject(self) -> str:
        """Who is filmed; "" where the record does not read."""
        return self.record.subject if self.record else ""


def sessions_given(paths: Sequence[Path]) -> list[GivenSession]:
    """Return every session at `paths`, each a session or a folder of sessions, in the order given.

    One that is named twice counts once; of two that have one id, neither can be built.

    Raises
    ------
    DatasetError
        There is no session at all.
    """
    folders: dict[Path, Path] = {}
    named: set[Path] = set()
    for path in paths:
        for folder in _sessions_in(path):
            folders.setdefault(folder.resolve(), folder)
            if folder == path:
                named.add(folder.resolve())
    if not folders:
        where = f": {paths[0]}" if paths else ""
        raise DatasetError(f"wanted at least one session to build, found none{where}")
    found = [replace(_look(folder), named=at in named) for at, folder in folders.items()]
    return [_alone(one, found) for one in found]


def without_boards(
    found: Sequence[GivenSession], calibrations: Iterable[Calibration]
) -> tuple[list[GivenSession], list[GivenSession]]:
    """Return the sessions to build, and those found in a folder that a calibration was solved from.

    A board session that is named by itself is not left out: it is what was asked for.

    Raises
    ------
    DatasetError
        No session remains.
    """
    solved = list(calibrations)
    boards = [one for one in found if not one.named and any(_is_source(one, other) for other in solved)]
    left = [one for one in found if one not in boards]
    if not left:
        raise DatasetError(
            f"wanted at least one session to build, found none but boards that the calibration was solved "
            f"from: {boards[0].path}"
        )
    return left, boards


def _is_source(one: GivenSession, solved: Calibration) -> bool:
    """Return whether a calibration was solved from this take, by its rig, its id and, where known, its date.

    An imported calibration has no board and may name a subject's session.
    """
    if one.record is None or not solved.board or solved.rig != one.record.rig:
        return False
    if one.id not in solved.sources:
        return False
    dated = solved.created_utc and one.id == solved.sources[0]  # the date is the first source's
    return not dated or one.record.started_utc == solved.created_utc


def expected_frames(record: RecordedSession, fps: float) -> int:
    """Return how many rows a session will have if its plan was carried out; `fps` 0 keeps every tick."""
    n_ticks = record.plan.n_ticks
    rates = [one.fps for one in record.recorders.values() if one.fps]
    recorded_fps = record.plan.fps or (rates[0] if rates else fps)  # an imported video has no plan's rate
    if fps == 0 or n_ticks < 2:
        return n_ticks
    return math.floor((n_ticks - 1) / recorded_fps * fps + 1e-6) + 1


def _sessions_in(path: Path) -> list[Path]:
    """Return the session at `path`, or the sessions in it; what is neither stays, and fails as a session."""
    if (path / RECORD_NAME).exists() or not path.is_dir():
        return [path]
    inside = [one for one in sorted(path.iterdir()) if not one.name.startswith(".")]
    return [one for one in inside if (one / RECORD_NAME).exists() or _has_recordings(one)] or [path]


def _has_recordings(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.mcap"))


def _look(path: Path) -> GivenSession:
    name = path.resolve().name
    try:
        record = read_record(path)
    except MavferError as error:
        return GivenSession(path, name, None, error)
    except OSError as error:
        reason = f"wanted a readable session, found {error.strerror}: {path}"
        return GivenSession(path, name, None, SessionError(reason))
    if Path(record.id).name != record.id or record.id in (".", "..") or PARTIAL in record.id:
        error = SessionError(
            f"wanted a session whose id can name a file, found {record.id!r}; mend session.toml: {path}"
        )
        return GivenSession(path, record.id, record, error)
    streams = {stream for recorder in record.recorders.values() for stream in recorder.streams}
    if Stream.COLOR not in streams:
        error = SessionError(
            f"wanted a color stream to find the face in, found {', '.join(sorted(streams))}: {path}"
        )
        return GivenSession(path, record.id, record, error)
    return GivenSession(path, record.id, record)


def _alone(one: GivenSession, found: Sequence[GivenSession]) -> GivenSession:
    """Return a session as it is, or failed where another has its id."""
    twins = [other for other in found if other is not one and other.record and other.id == one.id]
    if not twins or one.record is None:
        return one
    error = DatasetError(
        f"wanted sessions with different names, found {one.id!r} twice; the other is {twins[0].path}; leave "
        f"one out, or give one another id in its session.toml: {one.path}"
    )
    return replace(one, error=error)

"""What a new master finds of a take that another left behind: its files, and those of recorders that left."""

from pathlib import Path

from ..errors import RecordError, SessionError
from .file_mending import mend
from .locking import is_locked
from .mcap_reader import McapReader
from .messages import Beat
from .payload import COUNTERS, MARKERS, decode_json
from .recovery import recount_recorder
from .session import MASTER, SessionRecord
from .session_writer import recorder_files
from .status import Marker


def take_in_log(path: Path, record: SessionRecord) -> tuple[SessionRecord, tuple[Marker, ...]]:
    """Return the record with the files of the masters before, mended, and the markers that stand in them.

    A torn file's original is kept in the folder `torn`.

    Raises
    ------
    RecordError
        A master still writes there, or the record names none.
    OutputError
        The disk is full.
    """
    if record.master is None:
        raise RecordError(f"wanted a take that had a master, found none in its record: {path}")
    require_no_master(path)
    names = recorder_files(path, MASTER)
    markers = []
    for name in names:
        mend(path / name)
        reader = McapReader(path / name)
        rows = reader.rows[reader.rows["channel"] == MARKERS.id]
        markers += [Marker(**decode_json(reader.payload(row))) for row in rows]
        reader.close()
    master = record.master.model_copy(update={"files": names})
    return record.model_copy(update={"master": master}), tuple(sorted(markers, key=lambda one: one.t_ns))


def require_no_master(path: Path) -> None:
    """Raise RecordError if a master still writes into the session at `path`."""
    for name in recorder_files(path, MASTER):
        if is_locked(path / name):
            raise RecordError(f"the take's master still runs; stop the take there: {path}")


def last_words(path: Path, name: str, record: SessionRecord) -> Beat | str:
    """Return the status with which a recorder of this machine has ended, as its files tell it.

    If they do not, return why; "" where they are still being written.
    """
    files = recorder_files(path, name)
    if not files:
        return "left no file"
    if any(is_locked(path / file) for file in files):
        return ""
    try:
        known = recount_recorder(path, name, record.recorders[name])
        tick = max((int(one.get("tick", -1)) for one in _counters(path, files)), default=-1)
    except SessionError:
        return "was gone when the take was taken over, and left a torn file"
    return Beat(
        state="finished",
        session=record.id,
        tick=tick,
        kept=known.frames_kept,
        lost=known.frames_lost,
        files=files,
    )


def _counters(path: Path, files: tuple[str, ...]) -> list[dict]:
    found = []
    for file in files:
        reader = McapReader(path / file)
        rows = reader.rows[reader.rows["channel"] == COUNTERS.id]
        found += [decode_json(reader.payload(row)) for row in rows]
        reader.close()
    return found

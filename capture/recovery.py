"""Mending a session after a crash: every complete message is kept, the index rebuilt, the loss named.

file_mending.py mends one file; here the session's record is made to tell what its files hold.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..config import parse
from ..errors import ConfigError, SessionError
from .file_check import missing_files
from .file_mending import FileRecovery, keep_torn, mend, remove_leftovers, torn_files
from .mcap_reader import McapReader
from .payload import COUNTERS, HEADER, decode_json, utc_now
from .session import (
    MASTER,
    RECORD_NAME,
    MasterRecord,
    RecorderRecord,
    SessionRecord,
    read_record,
    write_record,
)
from .session_writer import being_written, recorder_files
from .streams import Stream
from .trigger import Plan

SEGMENTS = "*.[0-9][0-9][0-9][0-9].mcap"


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What `recover` found and did.

    Attributes
    ----------
    path : Path
    state : of the record as it is now
    files : what became of each file
    notes : what else the operator must know, one line each
    """

    path: Path
    state: str
    files: tuple[FileRecovery, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_messages(self) -> int:
        """Complete messages in the whole session."""
        return sum(file.n_messages for file in self.files)

    @property
    def n_damaged(self) -> int:
        """Damaged places in the whole session."""
        return sum(file.n_damaged for file in self.files)


def recover(path: Path, *, on_progress: Callable[[int, int], None] | None = None) -> RecoveryReport:
    """Mend the session folder at `path`, so that `open_session` takes it; harmless on one that is whole.

    A torn file is written anew from its intact messages; the original is kept in the folder `torn`. It may be
    killed at any moment and run again: a file is replaced when the new one is whole, the record last.

    Raises
    ------
    SessionError
        `path` is no session folder, or a recorder still writes into it.
    OutputError
        The disk is full; the file at hand is left as it was.
    """
    files = sorted(path.glob(SEGMENTS)) if path.is_dir() else []
    if not files:
        read_record(path)
    written = being_written(path)
    if written is not None:
        raise SessionError(f"a recorder still writes into the session; stop it first: {written}")
    remove_leftovers(path)
    fates = []
    for done, file in enumerate(files):
        if on_progress is not None:
            on_progress(done, len(files))
        fates.append(mend(file))
    if on_progress is not None:
        on_progress(len(files), len(files))
    record, notes = _record(path, files)
    torn = [
        file for file in torn_files(path) if not file.name.startswith(f"{MASTER}.")
    ]  # that one is rejoin's
    if record.state in ("recording", "recovered") or torn or notes:
        record = _recount(path, record)
        if record != _readable(path):
            write_record(path, record)
    notes += [line for line in missing_files(path, record) if line.endswith("it is gone")]
    notes += [f"{file.name}: its header is lost" for file in files if _header(file) is None]
    notes += [
        f"{name}: its files lie on {recorder.host} in {recorder.folder}; run `mavfer collect` and "
        "recover it again"
        for name, recorder in record.recorders.items()
        if recorder.folder and not recorder_files(path, name)
    ]
    return RecoveryReport(path, record.state, tuple(fates), tuple(notes))


def _readable(path: Path) -> SessionRecord | None:
    with suppress(SessionError):
        return read_record(path)
    return None


def _record(path: Path, files: list[Path]) -> tuple[SessionRecord, list[str]]:
    """Return the session's record, and what is to be said of it.

    It comes from the files' headers where it is gone, damaged, lacks a recorder, or was written before the
    plan was known.
    """
    if not files:
        return read_record(path), []
    record = _readable(path)
    if record is not None and _lists_all(record, files):
        if record.state == "recording" and record.plan.first_tick_ns == 0:
            return _record_of_headers(files) or record, []  # without a header the take never began
        return record, []
    note = f"{RECORD_NAME} was {'gone' if not (path / RECORD_NAME).is_file() else 'damaged'}"
    found = _record_of_headers(files)
    if found is None:
        found = _record_of_channels(path, files)
        note += ", and so are the files' headers: who was filmed, when, with what plan is not known any more"
    else:
        note += "; it was made anew from the files' headers, as it stood when the take began"
    if (path / RECORD_NAME).is_file():
        keep_torn(path / RECORD_NAME)
    return found, [note]


def _lists_all(record: SessionRecord, files: list[Path]) -> bool:
    """Whether the record knows every recorder of the files; one that was cut short may read and not."""
    known = {*record.recorders, *([MASTER] if record.master is not None else [])}
    closed = record.state != "recording"
    for file in files:
        name = _recorder_of(file)
        if name not in known:
            return False
        if name == MASTER and record.master is not None:
            listed = record.master.files
        elif record.recorders[name].folder:  # was copied here from the recorder's machine
            continue
        else:
            listed = record.recorders[name].files
        if closed and file.name not in listed:
            return False
    return True


def _recorder_of(file: Path) -> str:
    return file.name.rsplit(".", 2)[0]


def _record_of_headers(files: list[Path]) -> SessionRecord | None:
    """Return the session's record as it stood when the take began; None if no file tells it."""
    for file in files:
        header = _header(file)
        if header is not None:
            with suppress(ConfigError):
                return parse(header.get("session"), SessionRecord, where=f"the header of {file}")
    return None


def _header(file: Path) -> dict | None:
    """Return the header of a whole file, None if it has none."""
    reader = McapReader(file)
    try:
        rows = reader.rows[reader.rows["channel"] == HEADER.id]
        return decode_json(reader.payload(rows[0])) if len(rows) else None
    finally:
        reader.close()


def _record_of_channels(path: Path, files: list[Path]) -> SessionRecord:
    """Return a record that says no more than the files' channels do."""
    streams: dict[str, tuple[Stream, ...]] = {}
    for file in files:
        reader = McapReader(file)
        topics = {channel.topic for channel in reader.channels.values()} | {
            *streams.get(_recorder_of(file), ())
        }
        reader.close()
        streams[_recorder_of(file)] = tuple(stream for stream in Stream if stream.value in topics)
    return SessionRecord(
        id=path.resolve().name,
        subject="unknown",
        rig="unknown",
        simulated=False,
        state="recording",
        started_utc=utc_now(),
        notes="made by `mavfer recover`: the record and the files' headers are lost",
        plan=Plan(first_tick_ns=0, n_ticks=0),
        master=MasterRecord(address="", boot_id="") if MASTER in streams else None,
        recorders={
            name: RecorderRecord(camera="unknown", streams=found)
            for name, found in streams.items()
            if name != MASTER
        },
    )


def _recount(path: Path, record: SessionRecord) -> SessionRecord:
    """Return the record with files and counts as the mended files tell them."""
    recorders = {name: recount_recorder(path, name, recorder) for name, recorder in record.recorders.items()}
    master = record.master
    if master is not None:
        master = master.model_copy(update={"files": recorder_files(path, MASTER)})
    return record.model_copy(update={"state": "recovered", "recorders": recorders, "master": master})


def recount_recorder(path: Path, name: str, recorder: RecorderRecord) -> RecorderRecord:
    """Return a recorder's record as its files tell it; files on another machine stay listed."""
    files = recorder_files(path, name)
    if recorder.folder:
        files = tuple(sorted({*files, *recorder.files}))
    n_kept = {stream.value: 0 for stream in Stream}
    counters: list[dict] = []
    for file in recorder_files(path, name):
        reader = McapReader(path / file)
        for channel in reader.channels.values():
            rows = reader.rows[reader.rows["channel"] == channel.id]
            if channel.topic in n_kept:
                n_kept[channel.topic] += len(rows)
            elif channel.id == COUNTERS.id:
                counters += [decode_json(reader.payload(row)) for row in rows]
        reader.close()
    lost = recorder.frames_lost or _total_lost(counters)
    update = {"files": files, "frames_kept": max(n_kept.values()), "frames_lost": lost}
    return recorder.model_copy(update=update)


def _total_lost(counters: list[dict]) -> dict[str, int]:
    """Return the frames lost by reason; where the count of those kept falls, a new process counts anew."""
    total: dict[str, int] = {}
    for now, later in itertools.zip_longest(counters, counters[1:]):
        if later is None or later.get("kept", 0) < now.get("kept", 0):
            for reason, n in now.get("lost", {}).items():
                total[reason] = total.get(reason, 0) + n
    return total

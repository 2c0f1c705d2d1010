"""Mending a session after a crash: every complete message is kept, the index rebuilt, the loss named."""

import itertools
import mmap
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..config import parse
from ..errors import SessionError
from ..output import new_file
from .mcap_file import MESSAGE_INDEX, PREAMBLE, Channel, McapWriter
from .mcap_reader import McapReader, map_file, message_offset, salvage
from .payload import COUNTERS, HEADER, decode_json
from .session import (
    RECORD_NAME,
    RecorderRecord,
    SessionRecord,
    read_record,
    write_record,
)
from .session_writer import being_written, recorder_files
from .streams import Stream

TORN_FOLDER = "torn"


@dataclass(frozen=True, slots=True)
class FileRecovery:
    """What became of one file.

    Attributes
    ----------
    name : str
    n_messages : complete messages in the file as it is now
    n_damaged : damaged places between or after them
    n_bytes_lost : bytes in those places
    mended : whether the file was written anew; the old one is then in the session's folder `torn`
    """

    name: str
    n_messages: int
    n_damaged: int
    n_bytes_lost: int
    mended: bool


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What `recover` found and did."""

    path: Path
    state: str
    files: tuple[FileRecovery, ...]

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

    A torn file is written anew from its intact messages; the original is kept in the folder `torn`.

    Raises
    ------
    SessionError
        `path` is no session folder, or a recorder still writes into it.
    """
    files = sorted(path.glob("*.[0-9][0-9][0-9][0-9].mcap")) if path.is_dir() else []
    written = being_written(path)
    if written is not None:
        raise SessionError(f"a recorder still writes into the session; stop it first: {written}")
    record = _record(path, files)
    fates = []
    for done, file in enumerate(files):
        if on_progress is not None:
            on_progress(done, len(files))
        fates.append(_mend(file))
    if on_progress is not None:
        on_progress(len(files), len(files))
    mended = any(fate.mended for fate in fates)
    if mended or record.state == "recording":
        recorders = {name: _recount(path, name, recorder) for name, recorder in record.recorders.items()}
        record = record.model_copy(update={"state": "recovered", "recorders": recorders})
        write_record(path, record)
    return RecoveryReport(path, record.state, tuple(fates))


def _record(path: Path, files: list[Path]) -> SessionRecord:
    """Return the session's record; from the files' headers where it is gone, torn, or without the plan."""
    if not files:
        return read_record(path)
    if not (path / RECORD_NAME).is_file():
        return _record_of_headers(files)
    try:
        record = read_record(path)
    except SessionError:
        record = _record_of_headers(files)
        _keep_torn(path / RECORD_NAME)
        return record
    if record.state == "recording" and record.plan.first_tick_ns == 0:
        with suppress(SessionError):  # the take was armed and never began
            return _record_of_headers(files)
    return record


def _record_of_headers(files: list[Path]) -> SessionRecord:
    """Return the session's record as it stood when the take began, from the files' own headers."""
    for file in files:
        channels: dict[int, Channel] = {}
        view = map_file(file)
        for channel, _, _, _, payload, _, end in salvage(view, channels):
            if channel == HEADER.id:
                header = decode_json(bytes(view[payload:end]))
                return parse(header.get("session"), SessionRecord, where=f"the header of {file}")
    raise SessionError(f"no file tells which session this is: {files[0].parent}")


def _mend(file: Path) -> FileRecovery:
    """Leave a whole file alone; write a torn one anew from its intact messages."""
    n_intact = _count_if_intact(file)
    if n_intact is not None:
        return FileRecovery(file.name, n_intact, 0, 0, mended=False)
    _keep_torn(file)
    view = map_file(file)
    channels: dict[int, Channel] = {}
    n_messages, n_damaged, n_lost, at = 0, 0, 0, len(PREAMBLE)
    with new_file(file, overwrite=True) as temporary:
        writer = McapWriter(temporary)
        try:
            for row in salvage(view, channels):
                channel, _, log_ns, _, _, chunk, end = row
                n_damaged, n_lost = n_damaged + (chunk != at), n_lost + chunk - at
                chunk_bytes = bytes(view[chunk:end])
                writer.append_chunk(channels[channel], log_ns, (chunk_bytes,), offset=message_offset(row))
                at = end + MESSAGE_INDEX.size
                n_messages += 1
            tail = max(0, len(view) - at)
            n_damaged, n_lost = n_damaged + (tail > 0), n_lost + tail
            writer.finish()
        finally:
            writer.close()
            if isinstance(view, mmap.mmap):
                view.close()
    return FileRecovery(file.name, n_messages, n_damaged, n_lost, mended=True)


def _count_if_intact(file: Path) -> int | None:
    try:
        reader = McapReader(file)
    except SessionError:
        return None
    try:
        return len(reader.rows) if reader.intact() else None
    finally:
        reader.close()


def _keep_torn(file: Path) -> None:
    """Give the torn file a second name in the folder `torn`, so that mending it takes nothing away."""
    folder = file.parent / TORN_FOLDER
    folder.mkdir(exist_ok=True)
    kept = folder / file.name
    for number in itertools.count(1):
        if not kept.exists():
            break
        kept = folder / f"{file.name}.{number}"
    try:
        kept.hardlink_to(file)
    except OSError:  # a file system without hard links
        shutil.copy2(file, kept)


def _recount(path: Path, name: str, recorder: RecorderRecord) -> RecorderRecord:
    """Return the recorder's record with files and counts as its mended files tell them."""
    files = recorder_files(path, name)
    n_kept = {stream.value: 0 for stream in Stream}
    lost = recorder.frames_lost
    for file in files:
        reader = McapReader(path / file)
        for channel in reader.channels.values():
            rows = reader.rows[reader.rows["channel"] == channel.id]
            if channel.topic in n_kept:
                n_kept[channel.topic] += len(rows)
            if channel.id == COUNTERS.id and not recorder.frames_lost:
                lost = decode_json(reader.payload(rows[-1])).get("lost", lost)
        reader.close()
    return recorder.model_copy(
        update={"files": files, "frames_kept": max(n_kept.values()), "frames_lost": lost}
    )

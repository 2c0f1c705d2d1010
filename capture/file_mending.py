"""One torn MCAP file written anew from its intact messages; the original is kept beside it, in `torn`."""

import filecmp
import itertools
import mmap
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcap.opcode import Opcode

from ..errors import SessionError
from ..output import new_file
from .locking import lock
from .mcap_file import CHUNK, DATA_END, MESSAGE, MESSAGE_INDEX, PREAMBLE, Channel, McapWriter
from .mcap_reader import McapReader, Row, chunk_end, map_file, message_offset, salvage
from .payload import CLOCK, COUNTERS, EVENTS, HEADER, MARKERS

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
    lost : where those places are, one line each
    """

    name: str
    n_messages: int
    n_damaged: int
    n_bytes_lost: int
    mended: bool
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """One complete message in a torn file: its place, its channel, and its chunk as it was written."""

    start: int
    end: int
    row: Row
    channel: Channel
    chunk: bytes


def mend(file: Path) -> FileRecovery:
    """Leave a whole file alone; write a torn one anew from its intact messages.

    Raises
    ------
    OutputError
        The disk is full; the file is as it was.
    """
    n_intact = _count_if_intact(file)
    if n_intact is not None:
        return FileRecovery(file.name, n_intact, 0, 0, mended=False)
    view = map_file(file)
    lost: list[tuple[int, int, str]] = []  # where, how many bytes, after what
    n_messages, at, after = 0, len(PREAMBLE), "at the file's beginning"
    try:
        with new_file(file, overwrite=True) as temporary:
            writer = McapWriter(temporary)
            try:
                for found in _complete_messages(view):
                    if found.start > at:
                        lost.append((at, found.start - at, after))
                    _, sequence, log_ns, *_ = found.row
                    offset = message_offset(found.row)
                    writer.append_chunk(found.channel, log_ns, (found.chunk,), offset=offset)
                    n_messages += 1
                    at = found.end + MESSAGE_INDEX.size
                    after = f"after {found.channel.topic} message number {sequence}"
                if (
                    len(view) > at and view[at : at + len(DATA_END)] != DATA_END
                ):  # that is where the index begins
                    lost.append((at, len(view) - at, after))
                writer.finish()
            finally:
                writer.close()
            if isinstance(view, mmap.mmap):
                view.close()  # a file that is mapped cannot be replaced everywhere
            keep_torn(file)
    finally:
        if isinstance(view, mmap.mmap):
            view.close()
    places = tuple(f"byte {start}: {n_bytes} bytes {where}" for start, n_bytes, where in lost)
    n_lost = sum(n_bytes for _, n_bytes, _ in lost)
    return FileRecovery(file.name, n_messages, len(lost), n_lost, mended=True, lost=places)


def keep_torn(file: Path) -> None:
    """Give a file a second name in the folder `torn`, so that mending it takes nothing away."""
    folder = file.parent / TORN_FOLDER
    folder.mkdir(exist_ok=True)
    kept = folder / file.name
    for number in itertools.count(1):
        if not kept.exists():
            break
        if kept.samefile(file) or filecmp.cmp(kept, file, shallow=False):  # a run before this one was killed
            return
        kept = folder / f"{file.name}.{number}"
    try:
        kept.hardlink_to(file)
    except OSError:  # a file system without hard links
        temporary = folder / f".{kept.name}.partial-{os.getpid()}"
        try:
            shutil.copy2(file, temporary)
            temporary.replace(kept)
        finally:
            temporary.unlink(missing_ok=True)


def torn_files(path: Path) -> tuple[Path, ...]:
    """Return the torn originals that a session folder keeps."""
    return tuple(sorted((path / TORN_FOLDER).glob("*.mcap*")))


def remove_leftovers(path: Path) -> None:
    """Remove what a recovery that was killed left half-written in a session folder.

    Raises
    ------
    SessionError
        The other recovery still runs.
    """
    for leftover in (*path.glob(".*.partial-*"), *(path / TORN_FOLDER).glob(".*.partial-*")):
        with leftover.open("rb") as handle:
            if not lock(handle.fileno()):
                raise SessionError(f"another `mavfer recover` is at work in the session: {leftover}")
        leftover.unlink()


def _count_if_intact(file: Path) -> int | None:
    try:
        reader = McapReader(file)
    except SessionError:
        return None
    try:
        return len(reader.rows) if reader.intact() else None
    finally:
        reader.close()


def _complete_messages(view: mmap.mmap | bytes) -> Iterator[_Found]:
    """Yield every message that is complete, in the order of storage.

    Each chunk repeats its channel's definition. Where only that is damaged, the checksum holds with the
    definition that another chunk has, or that every file of mavfer has.
    """
    channels: dict[int, Channel] = {}
    rows = list(salvage(view, channels))
    known = {channel.id: channel for channel in (CLOCK, HEADER, COUNTERS, EVENTS, MARKERS)} | channels
    definitions = {number: channel.definition() for number, channel in known.items()}
    for channel, _, _, _, payload, chunk, _ in rows:
        if channel in channels:  # as it was written, by whatever version
            definitions[channel] = bytes(view[chunk + CHUNK.size : payload - MESSAGE.size])
            del channels[channel]
    at = len(PREAMBLE)
    for row in (*rows, None):
        chunk = len(view) if row is None else row[-2]
        while at < chunk:
            repaired = _with_definition(view, at, known, definitions)
            if repaired is None or repaired.end > chunk:
                break
            yield repaired
            at = repaired.end + MESSAGE_INDEX.size
        if row is not None:
            yield _Found(chunk, row[-1], row, known[row[0]], bytes(view[chunk : row[-1]]))
            at = row[-1] + MESSAGE_INDEX.size


def _with_definition(
    view: mmap.mmap | bytes, chunk: int, channels: dict[int, Channel], definitions: dict[int, bytes]
) -> _Found | None:
    """Return the message of a chunk whose checksum holds if its channel's definition is put right."""
    end = chunk_end(view, chunk)
    if end is None:
        return None
    start, crc = chunk + CHUNK.size, CHUNK.unpack_from(view, chunk)[5]
    for number, definition in definitions.items():
        at = start + len(definition)
        if at + MESSAGE.size > end:
            continue
        opcode, length, channel, sequence, log_ns, publish_ns = MESSAGE.unpack_from(view, at)
        if (opcode, length, channel) != (Opcode.MESSAGE, end - at - 9, number):
            continue
        if zlib.crc32(memoryview(view)[at:end], zlib.crc32(definition)) == crc:
            row = (channel, sequence, log_ns, publish_ns, at + MESSAGE.size, chunk, end)
            whole = bytes(view[chunk:start]) + definition + bytes(view[at:end])
            return _Found(chunk, end, row, channels[number], whole)
    return None

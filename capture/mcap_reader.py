"""Reading the files of mcap_file.py: index, random access, and what is left of a torn one."""

import mmap
import struct
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from mcap import records
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode
from numpy.typing import NDArray

from ..errors import SessionError
from .mcap_file import (
    CHUNK,
    CHUNK_INDEX,
    DATA_END,
    FOOTER,
    HEAD,
    MAGIC,
    MAX_I64,
    MESSAGE,
    PREAMBLE,
    Channel,
    message_index,
)

ROW = np.dtype(
    [
        ("channel", "u2"),
        ("sequence", "i8"),
        ("log_ns", "i8"),
        ("publish_ns", "i8"),
        ("payload", "i8"),  # where the payload begins in the file
        ("chunk", "i8"),  # where the message's chunk begins in the file
        ("end", "i8"),  # where payload and chunk end
    ]
)
ROW_NAMES = ROW.names or ()
MOST_MAPPED_BYTES = 1 << 26
"""Read so much, a reader gives the pages back; they stay in the system's cache, and are no longer its own."""
HEADERS_MAPPED = 100
"""After so many headers the pages around them are given back: the system maps 16 pages for each."""
Row = tuple[int, int, int, int, int, int, int]
"""One message: the values of a `ROW`."""


class McapReader:
    """Random access to a finished file of `McapWriter`; the payloads stay on disk until asked for.

    Memory does not grow with what is read of the file.

    Raises
    ------
    SessionError
        The file has no index at its end: it was torn, or is being written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map = map_file(path)
        self._data_end = 0
        self.channels: dict[int, Channel] = {}
        self.rows: NDArray[np.void] = self._read_index()
        self._n_read = 0
        give_back(self._map)

    def payload(self, row: np.void) -> bytes:
        """Return the payload of a row of `rows`; raises SessionError if its checksum does not hold."""
        chunk, start, end = int(row["chunk"]), int(row["payload"]), int(row["end"])
        if not chunk_intact(self._map, chunk, end):
            raise SessionError(
                f"a frame at byte {chunk} is damaged (its checksum does not hold); "
                f"run `mavfer recover` on the session: {self.path}"
            )
        payload = self._map[start:end]
        self._n_read += end - chunk
        if self._n_read > MOST_MAPPED_BYTES:
            self._n_read = 0
            give_back(self._map)
        return payload

    def _read_index(self) -> NDArray[np.void]:
        view = self._map
        start = summary_start(view)
        if start is None:
            raise self._torn()
        self._data_end = start
        at = len(view) - len(MAGIC) - FOOTER.size
        rows = []
        for opcode, body, _ in walk(view, start, at):
            if opcode == Opcode.CHUNK_INDEX:
                _, _, chunk, length = CHUNK_INDEX.unpack_from(view, body)
                row = None
                if chunk_end(view, chunk) == chunk + length:
                    row = chunk_row(view, chunk, chunk + length, self.channels)
                if row is None:
                    raise self._torn()
                rows.append(row)
                if len(rows) % HEADERS_MAPPED == 0:
                    give_back(view)
        return np.array(rows, dtype=ROW)

    def intact(self) -> bool:
        """Whether every byte is what was written: checksums hold, and nothing stands between the messages."""
        at = len(PREAMBLE)
        if self._map[:at] != PREAMBLE:
            return False
        for row in self.rows:
            chunk, end = int(row["chunk"]), int(row["end"])
            index = message_index(int(row["channel"]), int(row["log_ns"]), message_offset(row))
            if chunk != at or not chunk_intact(self._map, chunk, end):
                return False
            at = end + len(index)
            if self._map[end:at] != index:
                return False
        return self._map[at : self._data_end] == DATA_END

    def close(self) -> None:
        """Let the file go; the rows stay."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()

    def _torn(self) -> SessionError:
        return SessionError(
            f"wanted a finished MCAP file, found one that is torn or still being written "
            f"({len(self._map)} bytes); run `mavfer recover` on the session: {self.path}"
        )


def message_offset(row: np.void | Row) -> int:
    """Return how far into its chunk's records a message begins."""
    payload, chunk = (int(row[ROW_NAMES.index(name)]) for name in ("payload", "chunk"))
    return payload - MESSAGE.size - chunk - CHUNK.size


def map_file(path: Path) -> mmap.mmap | bytes:
    """Return the file's bytes without reading them."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise SessionError(f"wanted an MCAP file, could not read it ({error.strerror}): {path}") from error


def give_back(view: mmap.mmap | bytes) -> None:
    """Take the pages of a mapped file out of this process's memory; reading them again maps them again."""
    if sys.platform != "win32" and isinstance(view, mmap.mmap):  # Windows trims by itself
        view.madvise(mmap.MADV_DONTNEED)


def summary_start(view: mmap.mmap | bytes) -> int | None:
    """Return where the index at a file's end begins, or None if there is none whose checksum holds."""
    end = len(view) - len(MAGIC)
    at = end - FOOTER.size
    if at < len(MAGIC) or view[: len(MAGIC)] != MAGIC or view[end:] != MAGIC:
        return None
    opcode, length, start, _, crc = FOOTER.unpack_from(view, at)
    if (opcode, length) != (Opcode.FOOTER, 20) or not len(MAGIC) <= start <= at:
        return None
    return start if zlib.crc32(memoryview(view)[start : end - 4]) == crc else None


def walk(view: mmap.mmap | bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (opcode, where its body begins, where it ends) of the records between two offsets."""
    while start + HEAD.size <= end:
        opcode, length = HEAD.unpack_from(view, start)
        body, start = start + HEAD.size, start + HEAD.size + length
        if start > end:
            return
        yield opcode, body, start


def chunk_end(view: mmap.mmap | bytes, chunk: int) -> int | None:
    """Return where the chunk at offset `chunk` ends, or None if no chunk of this module can stand there."""
    if chunk < 0 or chunk + CHUNK.size > len(view):
        return None
    opcode, length, start, stop, size, _, compression, stored = CHUNK.unpack_from(view, chunk)
    end = chunk + HEAD.size + length
    if opcode != Opcode.CHUNK or compression != 0 or start != stop or end > len(view):
        return None
    return end if size == stored == end - chunk - CHUNK.size else None


def chunk_intact(view: mmap.mmap | bytes, chunk: int, end: int) -> bool:
    """Whether the checksum of the chunk between two offsets holds."""
    return zlib.crc32(memoryview(view)[chunk + CHUNK.size : end]) == CHUNK.unpack_from(view, chunk)[5]


def chunk_row(view: mmap.mmap | bytes, chunk: int, end: int, channels: dict[int, Channel]) -> Row | None:
    """Return the `ROW` of the chunk between two offsets, or None if it holds not exactly one message.

    A channel seen for the first time is added to `channels`. The checksum is not looked at.
    """
    definition: dict[int, int] = {}
    for opcode, body, body_end in walk(view, chunk + CHUNK.size, end):
        if opcode != Opcode.MESSAGE:
            definition[opcode] = body
            continue
        if body_end != end or end - body < 22:
            return None
        _, _, channel, sequence, log_ns, publish_ns = MESSAGE.unpack_from(view, body - HEAD.size)
        if log_ns != CHUNK.unpack_from(view, chunk)[2] or publish_ns > MAX_I64:
            return None
        if channel not in channels:
            found = _channel(view, definition)
            if found is None or found.id != channel:
                return None
            channels[channel] = found
        return channel, sequence, log_ns, publish_ns, body + 22, chunk, end
    return None


def _channel(view: mmap.mmap | bytes, definition: dict[int, int]) -> Channel | None:
    """Return the channel whose records begin at the offsets in `definition`."""

    def stream(opcode: Opcode) -> ReadDataStream:
        at = definition[opcode]
        length = HEAD.unpack_from(view, at - HEAD.size)[1]
        return ReadDataStream(BytesIO(view[at : at + length]))

    if Opcode.CHANNEL not in definition:
        return None
    try:
        channel = records.Channel.read(stream(Opcode.CHANNEL))
        names = ("", "", b"")
        if Opcode.SCHEMA in definition:
            schema = records.Schema.read(stream(Opcode.SCHEMA))
            names = (schema.name, schema.encoding, schema.data)
    except (EndOfFile, struct.error, UnicodeDecodeError):
        return None
    return Channel(channel.id, channel.topic, channel.message_encoding, channel.metadata, *names)


def salvage(view: mmap.mmap | bytes, channels: dict[int, Channel]) -> Iterator[Row]:
    """Yield the `ROW` of every chunk whose checksum holds, wherever it stands between damaged bytes.

    Lengths are believed only when a checksum vouches for them; after damage the next chunk is searched for
    byte by byte.
    """
    at = 0
    while at + CHUNK.size <= len(view):
        end = chunk_end(view, at)
        if end is not None and chunk_intact(view, at, end):
            row = chunk_row(view, at, end, channels)
            if row is not None:
                yield row
                at = end
                continue
        found = view.find(bytes([Opcode.CHUNK]), at + 1)
        at = len(view) if found < 0 else found

"""MCAP files with one chunk per message, written; mcap_reader.py reads them. Nothing of sessions.

Every chunk repeats the schema and the channel of its one message (a few hundred bytes), so that any chunk
whose checksum holds can be read without the rest of the file. Format: https://mcap.dev/spec (version 0).
"""

import errno
import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from mcap import records
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode

from ..errors import SessionError
from .locking import lock

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # opcode, length
CHUNK = struct.Struct("<BQQQQIIQ")  # opcode, length, start, end, size, crc, 0 = no compression, records size
MESSAGE = struct.Struct("<BQHIQQ")  # opcode, length, channel, sequence, log time, publish time
MESSAGE_INDEX = struct.Struct("<BQHIQQ")  # opcode, length, channel, 16, log time, offset
CHUNK_INDEX = struct.Struct("<QQQQ")  # start, end, chunk offset, chunk length
FOOTER = struct.Struct("<BQQQI")  # opcode, length, summary start, summary offset start, summary crc
MAX_U32 = 2**32 - 1
MAX_I64 = 2**63 - 1


def _preamble() -> bytes:
    builder = RecordBuilder()
    records.Header(profile="mavfer", library="mavfer").write(builder)
    return MAGIC + builder.end()


PREAMBLE = _preamble()
"""The first bytes of every file."""
DATA_END = HEAD.pack(Opcode.DATA_END, 4) + bytes(4)
"""The record between the last message and the index; it carries no checksum, each chunk has its own."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a file, and the schema of its messages ("" for none)."""

    id: int
    topic: str
    message_encoding: str
    metadata: dict[str, str] = field(default_factory=dict)
    schema_name: str = ""
    schema_encoding: str = ""
    schema_data: bytes = b""

    @property
    def schema_id(self) -> int:
        """The schema has the channel's number; 0 means that there is none."""
        return self.id if self.schema_name else 0

    def definition(self) -> bytes:
        """Return the schema and channel records that stand before each message."""
        builder = RecordBuilder()
        self.write_schema(builder)
        self.write_channel(builder)
        return builder.end()

    def write_schema(self, builder: RecordBuilder) -> None:
        """Add the schema record, if there is a schema."""
        if self.schema_id:
            schema = records.Schema(self.schema_id, self.schema_data, self.schema_encoding, self.schema_name)
            schema.write(builder)

    def write_channel(self, builder: RecordBuilder) -> None:
        """Add the channel record."""
        channel = records.Channel(self.id, self.topic, self.message_encoding, self.metadata, self.schema_id)
        channel.write(builder)


class McapWriter:
    """Append messages to a new file; each is complete on its own as soon as `append` returns.

    Not thread-safe. After an OSError the file ends with the last complete message; where the disk does not
    even take back what it took of the next, the file is `torn`, and no more is written to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = False
        # Unbuffered: a message that was appended is the kernel's, and outlives this process.
        self._file = path.open("xb", buffering=0)
        lock(self._file.fileno())
        self._size = 0
        self._definitions: dict[int, bytes] = {}
        self._channels: dict[int, Channel] = {}
        self._chunks: list[bytes] = []
        self._counts: dict[int, int] = {}
        self._first_ns, self._last_ns = MAX_I64, 0
        self._has_index = False
        try:
            self._write(PREAMBLE)
        except OSError:
            self._file.close()
            path.unlink()
            raise

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def fileno(self) -> int:
        """Return the file descriptor, for fsync and locks."""
        return self._file.fileno()

    def append(
        self, channel: Channel, payload: bytes, *, log_ns: int, publish_ns: int, sequence: int
    ) -> None:
        """Write one message as a chunk of its own.

        Raises
        ------
        SessionError
            A time is negative or the sequence number does not fit 32 bits.
        OSError
            The disk refused; the file ends with the message before.
        """
        if log_ns < 0 or publish_ns < 0 or not 0 <= sequence <= MAX_U32:
            raise SessionError(
                f"wanted times >= 0 and a frame id of 32 bits, found {log_ns}, {publish_ns}, {sequence} "
                f"on {channel.topic!r}: {self.path}"
            )
        definition = self._definitions.get(channel.id)
        if definition is None:
            definition = self._definitions[channel.id] = channel.definition()
        message = MESSAGE.pack(Opcode.MESSAGE, 22 + len(payload), channel.id, sequence, log_ns, publish_ns)
        size = len(definition) + len(message) + len(payload)
        crc = zlib.crc32(payload, zlib.crc32(message, zlib.crc32(definition)))
        head = CHUNK.pack(Opcode.CHUNK, CHUNK.size - 9 + size, log_ns, log_ns, size, crc, 0, size)
        self.append_chunk(channel, log_ns, (head, definition, message, payload), offset=len(definition))

    def append_chunk(self, channel: Channel, log_ns: int, parts: tuple[bytes, ...], *, offset: int) -> None:
        """Write a chunk that holds one message of `channel`, `offset` bytes into its records."""
        start = self._size
        length = sum(map(len, parts))
        index = message_index(channel.id, log_ns, offset)
        self._write(b"".join((*parts, index)))
        self._channels.setdefault(channel.id, channel)
        size = length - CHUNK.size
        body = CHUNK_INDEX.pack(log_ns, log_ns, start, length) + struct.pack(
            "<IHQQIQQ", 10, channel.id, start + length, len(index), 0, size, size
        )
        self._chunks.append(HEAD.pack(Opcode.CHUNK_INDEX, len(body)) + body)
        self._counts[channel.id] = self._counts.get(channel.id, 0) + 1
        self._first_ns, self._last_ns = min(self._first_ns, log_ns), max(self._last_ns, log_ns)

    def finish(self) -> None:
        """Write the index, once, and bring the file to the disk; nothing can be appended after it.

        Raises
        ------
        OSError
            The disk refused; the file ends with the last message, and `mavfer recover` adds the index.
        """
        if not self._has_index:
            self._write(DATA_END + self._summary(self._size + len(DATA_END)))
            self._has_index = True
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go; without `finish` it has no index."""
        self._file.close()

    def _summary(self, start: int) -> bytes:
        """Return all that stands behind the messages of a file that is `start` bytes long."""
        groups: list[tuple[Opcode, bytes]] = []
        builder = RecordBuilder()
        for channel in self._channels.values():
            channel.write_schema(builder)
        groups.append((Opcode.SCHEMA, builder.end()))
        for channel in self._channels.values():
            channel.write_channel(builder)
        groups.append((Opcode.CHANNEL, builder.end()))
        records.Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=self._counts,
            chunk_count=len(self._chunks),
            message_count=len(self._chunks),
            message_end_time=self._last_ns,
            message_start_time=self._first_ns if self._chunks else 0,
            metadata_count=0,
            schema_count=sum(bool(channel.schema_id) for channel in self._channels.values()),
        ).write(builder)
        groups.append((Opcode.STATISTICS, builder.end()))
        groups.append((Opcode.CHUNK_INDEX, b"".join(self._chunks)))
        summary = b""
        for opcode, group in groups:
            if group:
                records.SummaryOffset(opcode, start + len(summary), len(group)).write(builder)
            summary += group
        offsets_start = start + len(summary)
        summary += builder.end() + FOOTER.pack(Opcode.FOOTER, 20, start, offsets_start, 0)[:-4]
        return summary + struct.pack("<I", zlib.crc32(summary)) + MAGIC

    def _write(self, block: bytes) -> None:
        if self.torn:
            raise OSError(errno.EIO, "the file ends in part of a message and was given up", str(self.path))
        view = memoryview(block)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            try:
                self._file.truncate(self._size)
                self._file.seek(self._size)
            except OSError:
                self.torn = True
            raise
        self._size += len(block)


def message_index(channel: int, log_ns: int, offset: int) -> bytes:
    """Return the record that follows a chunk and tells where its one message stands."""
    return MESSAGE_INDEX.pack(
        Opcode.MESSAGE_INDEX, MESSAGE_INDEX.size - HEAD.size, channel, 16, log_ns, offset
    )

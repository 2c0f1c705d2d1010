"""The recorded session on disk, as its readers see it: `session.toml` and the recorders' MCAP files.

session_writer.py appends the files, recovery.py mends them; nothing else knows how they are laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..config import StrictModel, read_toml
from ..errors import ConfigError, SessionError, UsageError
from ..output import new_file
from .mcap_file import Channel
from .mcap_reader import McapReader
from .payload import (
    CLOCK,
    CLOCK_READINGS,
    COUNTERS,
    DOCUMENTS,
    EVENTS,
    FLAGS,
    HEADER,
    MARKERS,
    codec_of_channel,
    decode,
    decode_json,
    spec_of_channel,
)
from .protocol import Consent, Protocol
from .rig import Rig
from .status import Marker
from .streams import Frame, Stream, StreamSpec
from .trigger import Plan

SCHEMA_VERSION = 2
RECORD_NAME = "session.toml"
MASTER = "master"
"""Under this name the master writes its own file; no recorder may have it."""
PSEUDONYM = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class RecorderRecord(StrictModel):
    """What `session.toml` says about one recorder.

    Attributes
    ----------
    camera, host : as in the rig file
    boot_id : the epoch of the recorder's monotonic clock as the take began; times of two epochs cannot be
        compared, and each file's header says of which it is
    folder : where the files lie on a recorder's own machine; "" where they were written into the session
    software : versions on the recorder's machine
    fps : frames per second that the sensor makes by itself
    streams : what the camera delivers
    nodes : the camera's settings as read back
    files : names of the MCAP files, in order; empty while recording
    frames_kept : moments stored; a Kinect's three pictures of one moment count once
    frames_lost : moments that the sensor made and nobody stored though they may have been wanted, by reason:
        "sensor" (its counter has a gap, or it was gone at the plan's end), "queue" (the disk was too slow),
        "camera" (the pixels could not be read), "disk" (the write failed), "order" (a video's picture is not
        later than the one before)
    """

    camera: str
    host: str = "127.0.0.1"
    boot_id: str = ""
    folder: str = ""
    software: dict[str, str] = Field(default_factory=dict)
    fps: float | None = None
    streams: tuple[Stream, ...]
    nodes: dict[str, bool | int | float | str] = Field(default_factory=dict)
    files: tuple[str, ...] = ()
    frames_kept: int = 0
    frames_lost: dict[str, int] = Field(default_factory=dict)

    @property
    def n_lost(self) -> int:
        """Frames lost, for whatever reason."""
        return sum(self.frames_lost.values())


class MasterRecord(StrictModel):
    """The master of a take: where it listened, on which machine, and the epoch of the plan's clock.

    Attributes
    ----------
    address : where recorders find it; a new master that rejoins them listens there again
    boot_id : the epoch of its monotonic clock, which the plan and the markers are on
    host : the machine's name
    files : names of its own MCAP files, in order: markers, events
    """

    address: str
    boot_id: str
    host: str = ""
    files: tuple[str, ...] = ()


class SessionRecord(StrictModel):
    """The content of `session.toml`.

    Attributes
    ----------
    id : the folder's name when it was recorded
    subject : a pseudonym, never a real name
    rig : the rig's name
    simulated : whether any stream was rendered and not filmed
    state : "recording" until the take ends; "stopped" by the operator before the plan's end; "failed" when a
        recorder was lost; "recovered" when `mavfer recover` closed it
    consent : where the signed form lies, and what it allows
    protocol : what the subject was asked to do
    operator : a pseudonym or initials
    notes : free words
    plan : what was carried out, on the master's clock; shorter than planned if the take ended early
    n_ticks_planned : ticks that the take was to have
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    id: str = Field(min_length=1)
    subject: str = Field(pattern=PSEUDONYM)
    rig: str
    simulated: bool
    state: Literal["recording", "complete", "stopped", "failed", "recovered"]
    started_utc: str
    consent: Consent | None = None
    protocol: Protocol | None = None
    operator: str = Field(default="", max_length=200)
    notes: str = Field(default="", max_length=20_000)
    plan: Plan
    n_ticks_planned: int | None = None
    software: dict[str, str] = Field(default_factory=dict)
    master: MasterRecord | None = None
    recorders: dict[str, RecorderRecord]
    settings: Rig | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_schema_1(cls, table: object) -> object:
        """Take a record of schema 1, in which consent and protocol were bare words."""
        if not isinstance(table, dict) or table.get("schema_version") != 1:
            return table
        words = {"consent": "reference", "protocol": "name"}
        named = {key: {words[key]: table[key]} for key in words if table.get(key)}
        return (
            {key: value for key, value in table.items() if key not in words} | {"schema_version": 2} | named
        )


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The times of a stream's stored frames, in the order of storage; nothing is decoded for it.

    Attributes
    ----------
    frame_id, device_time_ns, host_time_ns : (N,) int64
    """

    frame_id: NDArray[np.int64]
    device_time_ns: NDArray[np.int64]
    host_time_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frame_id)


class Session:
    """A recorded session, open for reading; made by `open_session`.

    Cheap to open in every process: it pickles as its path, and files are opened when first used.
    """

    def __init__(self, path: Path, record: SessionRecord) -> None:
        self.path = path
        self.record = record
        self._files: dict[str, tuple[McapReader, ...]] = {}
        self._rows: dict[str, list[tuple[McapReader, NDArray[np.void]]]] = {}

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return open_session, (self.path,)

    @property
    def id(self) -> str:
        """The session's name."""
        return self.record.id

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that were recorded, in the order of `Stream`."""
        recorded = {stream for recorder in self.record.recorders.values() for stream in recorder.streams}
        return tuple(stream for stream in Stream if stream in recorded)

    def recorder_of(self, stream: Stream) -> str:
        """Return the name of the recorder that stored `stream`; raises SessionError if none did."""
        for name, recorder in self.record.recorders.items():
            if stream in recorder.streams:
                return name
        has = ", ".join(self.streams) or "no stream"
        raise SessionError(f"wanted stream {stream.value!r}, the session has {has}: {self.path}")

    def spec(self, stream: Stream) -> StreamSpec:
        """Return shape, dtype and unit of a stream; raises SessionError if it holds no frame."""
        for reader in self._readers(self.recorder_of(stream)):
            for channel in reader.channels.values():
                if channel.topic == stream:
                    return spec_of_channel(channel, where=reader.path)
        raise SessionError(f"stream {stream.value!r} holds no frame: {self.path}")

    def index(self, stream: Stream) -> FrameIndex:
        """Return ids and times of all frames of a stream."""
        parts = [rows for _, rows in self._messages(self.recorder_of(stream), stream.value)]
        empty = np.empty(0, np.int64)

        def column(name: str) -> NDArray[np.int64]:
            return np.concatenate([empty, *(rows[name] for rows in parts)])

        return FrameIndex(column("sequence"), column("publish_ns"), column("log_ns"))

    def frame(self, stream: Stream, i: int) -> Frame:
        """Return frame `i` (0 .. N - 1) of a stream; about 8 ms for 1080p color, 1 ms for the others.

        Raises
        ------
        SessionError
            There is no such frame, or its bytes are damaged.
        """
        reader, row = self._row(stream, i)
        codec = codec_of_channel(reader.channels[int(row["channel"])])
        pixels = decode(reader.payload(row), self.spec(stream), codec)
        return Frame(stream, pixels, int(row["publish_ns"]), int(row["log_ns"]), int(row["sequence"]))

    def payload(self, stream: Stream, i: int) -> tuple[bytes, str]:
        """Return frame `i` of a stream as it is stored, and its codec, as `payload.decode` takes it.

        Raises
        ------
        SessionError
            There is no such frame, or its checksum does not hold.
        """
        reader, row = self._row(stream, i)
        return reader.payload(row), codec_of_channel(reader.channels[int(row["channel"])])

    def frames(self, stream: Stream) -> Iterator[Frame]:
        """Yield every frame of a stream in the order of storage."""
        for i in range(len(self.index(stream))):
            yield self.frame(stream, i)

    def pings(self, recorder: str) -> NDArray[np.int64]:
        """Return a recorder's ping exchanges, (N, 4) int64 ns: sent by the recorder, received by the master,
        sent by the master (both on its clock), received by the recorder.
        """
        stamps = [
            [table[key] for key in ("t0_ns", "t1_ns", "t2_ns", "t3_ns")]
            for table in self._tables(recorder, CLOCK)
        ]
        return np.array(stamps, np.int64).reshape(-1, 4)

    def flags(self, stream: Stream) -> dict[int, tuple[str, ...]]:
        """Return what the camera said of single frames of a stream, by frame id (see camera.Capture)."""
        tables = self._tables(self.recorder_of(stream), FLAGS)
        return {int(one["frame_id"]): tuple(one["flags"]) for one in tables if one["stream"] == stream}

    def documents(self, recorder: str) -> dict[str, str]:
        """Return the texts that a recorder's camera left with the recording, by file name."""
        return {str(one["name"]): str(one["text"]) for one in self._tables(recorder, DOCUMENTS)}

    def clock_readings(self, recorder: str) -> NDArray[np.int64]:
        """Return the camera's clock beside the recorder's, (N, 3) int64 ns: the camera's, and the recorder's
        before it was asked and after it had answered.
        """
        stamps = [
            [table[key] for key in ("device_ns", "before_ns", "after_ns")]
            for table in self._tables(recorder, CLOCK_READINGS)
        ]
        return np.array(stamps, np.int64).reshape(-1, 3)

    def counters(self, recorder: str) -> list[dict]:
        """Return the counters that a recorder stored once a second, oldest first."""
        return list(self._tables(recorder, COUNTERS))

    def events(self, recorder: str) -> list[dict]:
        """Return what a recorder, or "master", told of things that went wrong or changed, oldest first."""
        return list(self._tables(recorder, EVENTS))

    def markers(self) -> tuple[Marker, ...]:
        """Return the moments that were named during the take, oldest first; times are the master's."""
        if self.record.master is None or not self.record.master.files:
            return ()
        markers = [Marker(**table) for table in self._tables(MASTER, MARKERS)]
        return tuple(sorted(markers, key=lambda marker: marker.t_ns))  # one may be told late

    def boot_ids(self, recorder: str) -> tuple[str, ...]:
        """Return the epoch of the recorder's clock in each of its files; they are those of the record where
        a file does not say.
        """
        found = []
        for reader, rows in self._messages(recorder, HEADER.topic):
            header = decode_json(reader.payload(rows[0])) if len(rows) else {}
            found.append(str(header.get("boot_id", self.record.recorders[recorder].boot_id)))
        return tuple(found)

    def _row(self, stream: Stream, i: int) -> tuple[McapReader, np.void]:
        """Return where frame `i` of a stream is stored; raises SessionError if there is no such frame."""
        messages = self._messages(self.recorder_of(stream), stream.value)
        left = i
        for reader, rows in messages:
            if 0 <= left < len(rows):
                return reader, rows[left]
            left -= len(rows)
        n_frames = sum(len(rows) for _, rows in messages)
        raise SessionError(f"wanted {stream.value} frame {i}, found {n_frames} frames: {self.path}")

    def _tables(self, recorder: str, channel: Channel) -> Iterator[dict]:
        for reader, rows in self._messages(recorder, channel.topic):
            for row in rows:
                yield decode_json(reader.payload(row))

    def _messages(self, recorder: str, topic: str) -> list[tuple[McapReader, NDArray[np.void]]]:
        """Return, per file of a recorder, the rows of one topic in the order of storage."""
        key = f"{recorder}/{topic}"
        if key not in self._rows:
            found = []
            for reader in self._readers(recorder):
                ids = [channel.id for channel in reader.channels.values() if channel.topic == topic]
                found.append((reader, reader.rows[np.isin(reader.rows["channel"], ids)]))
            self._rows[key] = found
        return self._rows[key]

    def _readers(self, recorder: str) -> tuple[McapReader, ...]:
        if recorder not in self._files:
            try:
                master = self.record.master
                own = master.files if master is not None and recorder == MASTER else None
                names = self.record.recorders[recorder].files if own is None else own
            except KeyError:
                known = ", ".join(self.record.recorders)
                raise SessionError(
                    f"wanted recorder {recorder!r}, the session has {known}: {self.path}"
                ) from None
            self._files[recorder] = tuple(McapReader(self.path / name) for name in names)
        return self._files[recorder]


def require_pseudonym(subject: str) -> None:
    """Raise UsageError unless `subject` can stand in file names and says nothing but who is who."""
    if re.fullmatch(PSEUDONYM, subject) is None:
        raise UsageError(
            f"wanted a subject pseudonym of letters, digits, '_', '-' and '.', found {subject!r}"
        )


def require_text(record: SessionRecord) -> None:
    """Raise UsageError if a word of the record holds bytes that are no text, and that no file could hold."""
    for key, words in _words(record.model_dump(mode="python", exclude={"settings"})):
        if words != words.encode(errors="replace").decode():
            raise UsageError(f"{key} wants text in UTF-8, found {words!r}")


def _words(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (key, word) of every word in a nested table."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _words(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner, key)


def read_record(path: Path) -> SessionRecord:
    """Return the record of the session folder at `path`, whatever the state of its files.

    Raises
    ------
    SessionError
        `path` is no session folder, or its record is damaged.
    """
    if not path.exists():
        raise SessionError(f"wanted a session folder, found nothing: {path}")
    if not (path / RECORD_NAME).is_file():
        raise SessionError(
            f"wanted a session folder, found {'a folder' if path.is_dir() else 'a file'} without "
            f"{RECORD_NAME}; record one with `mavfer record` or `mavfer import-video`: {path}"
        )
    try:
        return read_toml(path / RECORD_NAME, SessionRecord)
    except ConfigError as error:
        raise SessionError(f"the session's record does not read: {error}") from error


def open_session(path: Path | str) -> Session:
    """Return the session at `path`, its files checked to be whole.

    Raises
    ------
    SessionError
        `path` is no session, its take was never finished, or a file of it is missing or torn.
    """
    path = Path(path)
    record = read_record(path)
    if record.state == "recording":
        raise SessionError(
            f"the take was never finished; run `mavfer recover {path}` first, or, while its recorders may "
            f"still be at work, `mavfer record --rejoin {path}`: {path}"
        )
    session = Session(path, record)
    for name in (*record.recorders, *((MASTER,) if record.master is not None else ())):
        session._readers(name)
    return session


def write_record(path: Path, record: SessionRecord) -> None:
    """Write the record into the session folder at `path`, in place of the one that stands there."""
    import tomlkit

    text = tomlkit.dumps(record.model_dump(mode="json", exclude_none=True))
    with new_file(path / RECORD_NAME, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")

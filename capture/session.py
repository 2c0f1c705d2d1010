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
from pydantic import Field

from ..config import StrictModel, read_toml
from ..errors import ConfigError, SessionError
from ..output import new_file
from .mcap_file import Channel
from .mcap_reader import McapReader
from .payload import CLOCK, COUNTERS, decode, decode_json, spec_of_channel
from .rig import Rig
from .streams import Frame, Stream, StreamSpec
from .trigger import Plan

SCHEMA_VERSION = 1
RECORD_NAME = "session.toml"
PSEUDONYM = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


class RecorderRecord(StrictModel):
    """What `session.toml` says about one recorder.

    Attributes
    ----------
    camera, host : as in the rig file
    boot_id : the epoch of the recorder's monotonic clock; times of two epochs cannot be compared
    fps : frames per second that the sensor makes by itself
    streams : what the camera delivers
    nodes : the camera's settings as read back
    files : names of the MCAP files, in order; empty while recording
    frames_kept : moments stored; a Kinect's three pictures of one moment count once
    frames_lost : moments that the sensor made and nobody stored though they may have been wanted, by reason:
        "sensor" (its counter has a gap), "queue" (the disk was too slow), "camera" (the pixels could not be
        read), "disk" (the write failed), "order" (a video's picture is not later than the one before)
    """

    camera: str
    host: str = "127.0.0.1"
    boot_id: str = ""
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
    plan : what was carried out, on the master's clock; shorter than planned if the take ended early
    n_ticks_planned : ticks that the take was to have
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str = Field(min_length=1)
    subject: str = Field(pattern=PSEUDONYM)
    rig: str
    simulated: bool
    state: Literal["recording", "complete", "stopped", "failed", "recovered"]
    started_utc: str
    consent: str | None = None
    protocol: str | None = None
    plan: Plan
    n_ticks_planned: int | None = None
    software: dict[str, str] = Field(default_factory=dict)
    recorders: dict[str, RecorderRecord]
    settings: Rig | None = None


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
        messages = self._messages(self.recorder_of(stream), stream.value)
        left = i
        for reader, rows in messages:
            if 0 <= left < len(rows):
                row = rows[left]
                pixels = decode(reader.payload(row), self.spec(stream))
                return Frame(stream, pixels, int(row["publish_ns"]), int(row["log_ns"]), int(row["sequence"]))
            left -= len(rows)
        n_frames = sum(len(rows) for _, rows in messages)
        raise SessionError(f"wanted {stream.value} frame {i}, found {n_frames} frames: {self.path}")

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

    def counters(self, recorder: str) -> list[dict]:
        """Return the counters that a recorder stored once a second, oldest first."""
        return list(self._tables(recorder, COUNTERS))

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
                names = self.record.recorders[recorder].files
            except KeyError:
                known = ", ".join(self.record.recorders)
                raise SessionError(
                    f"wanted recorder {recorder!r}, the session has {known}: {self.path}"
                ) from None
            self._files[recorder] = tuple(McapReader(self.path / name) for name in names)
        return self._files[recorder]


def require_pseudonym(subject: str) -> None:
    """Raise ConfigError unless `subject` can stand in file names and says nothing but who is who."""
    if re.fullmatch(PSEUDONYM, subject) is None:
        raise ConfigError(
            f"wanted a subject pseudonym of letters, digits, '_', '-' and '.', found {subject!r}"
        )


def require_text(record: SessionRecord) -> None:
    """Raise ConfigError if a word of the record holds bytes that are no text, and that no file could hold."""
    for key, words in record.model_dump(include={"consent", "protocol", "rig"}).items():
        if words is not None and words != words.encode(errors="replace").decode():
            raise ConfigError(f"{key} wants text in UTF-8, found {words!r}")


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
        raise SessionError(f"the take was never finished; run `mavfer recover {path}` first: {path}")
    session = Session(path, record)
    for name in record.recorders:
        session._readers(name)
    return session


def write_record(path: Path, record: SessionRecord) -> None:
    """Write the record into the session folder at `path`, in place of the one that stands there."""
    import tomlkit

    text = tomlkit.dumps(record.model_dump(mode="json", exclude_none=True))
    with new_file(path / RECORD_NAME, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")

"""Which frames an export takes and when they were; the formats are in the other export files.

Times are nanoseconds since the session's first tick, on the master's clock, whatever the stream.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import SessionError
from ..epochs import RecorderTimes, recorder_times
from ..mcap_reader import McapReader
from ..payload import COUNTERS, codec_of_channel, decode, decode_json
from ..session import Session
from ..streams import Stream, StreamSpec
from ..synchronize import NONE, synchronize

FILE_STRIDE = 2**48
"""More bytes than any file holds."""


@dataclass(frozen=True, slots=True)
class StreamFrames:
    """The frames of one stream that are exported, in order of time.

    Attributes
    ----------
    stream, spec : as recorded;  codec : of the stored payloads
    number : (N,) int64, which of the stream's stored frames
    frame_id, device_time_ns, host_time_ns : (N,) int64, as stored
    time_ns : (N,) int64, since the session's first tick
    tick : (N,) int64, the tick that the frame belongs to, -1 for none
    n_bytes : (N,) int64, of the stored payloads
    flags : (N,) str, what the camera said of each, words apart by a blank (see camera.Capture)
    """

    stream: Stream
    spec: StreamSpec
    codec: str
    number: NDArray[np.int64]
    frame_id: NDArray[np.int64]
    device_time_ns: NDArray[np.int64]
    host_time_ns: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    tick: NDArray[np.int64]
    n_bytes: NDArray[np.int64]
    flags: NDArray[np.str_]
    _stored: "StoredStream"

    def __len__(self) -> int:
        return len(self.number)

    @property
    def raw_bytes(self) -> int:
        """Size of one frame's pixels."""
        return int(np.prod(self.spec.shape)) * np.dtype(self.spec.dtype).itemsize

    def payload(self, i: int) -> bytes:
        """Return frame `i` as it is stored; raises SessionError where it is damaged."""
        return self._stored.payload(int(self.number[i]))

    def pixels(self, i: int) -> NDArray:
        """Return the pixels of frame `i`; raises SessionError where they are damaged."""
        return decode(self.payload(i), self.spec, self.codec)

    def sample(self, n: int) -> Iterator[NDArray]:
        """Yield the pixels of about `n` readable frames, evenly from the whole stream, chosen or not."""
        n_stored = len(self._stored)
        for number in np.unique(np.linspace(0, n_stored - 1, min(n, n_stored)).round().astype(int)):
            try:
                yield decode(self._stored.payload(int(number)), self.spec, self.codec)
            except SessionError:
                continue


class StoredStream:
    """The payloads of one topic of a recorder's files, as they are stored."""

    def __init__(self, session: Session, recorder: str, topic: str) -> None:
        self._rows: list[tuple[McapReader, np.void]] = []
        self.codec = ""
        places = []
        for number, name in enumerate(session.record.recorders[recorder].files):
            reader = McapReader(session.path / name)
            ids = [channel.id for channel in reader.channels.values() if channel.topic == topic]
            for id_ in ids:
                self.codec = self.codec or codec_of_channel(reader.channels[id_])
            rows = reader.rows[np.isin(reader.rows["channel"], ids)]
            self._rows += [(reader, row) for row in rows]
            places.append(rows["chunk"] + number * FILE_STRIDE)
        self.place = np.concatenate([np.empty(0, np.int64), *places])
        """Where each message stands, (N,) int64: rises in the order of storage, whatever the topic."""

    def __len__(self) -> int:
        return len(self._rows)

    def payload(self, number: int) -> bytes:
        """Return a payload; raises SessionError where its checksum does not hold."""
        reader, row = self._rows[number]
        return reader.payload(row)

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one value of every message, (N,) int64."""
        return np.array([row[name] for _, row in self._rows], np.int64)


@dataclass(frozen=True, slots=True)
class Moment:
    """A marker: nanoseconds since the first tick, what, and who said so."""

    time_ns: int
    label: str
    source: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What an export takes from a session.

    Attributes
    ----------
    session : Session
    streams : the streams, each with its chosen frames
    markers : those of the chosen stretch
    start_ns : where the chosen stretch begins, since the first tick; 0 where it was not asked for
    first_tick_ns : on the master's clock; times count from there
    times : of all frames, by recorder
    unplaced : frames that nothing ties to the master's clock and that are not chosen, by stream
    """

    session: Session
    streams: tuple[StreamFrames, ...]
    markers: tuple[Moment, ...]
    start_ns: int
    first_tick_ns: int
    times: dict[str, RecorderTimes]
    unplaced: dict[Stream, int]

    @property
    def n_frames(self) -> int:
        """Frames of all streams."""
        return sum(map(len, self.streams))

    def counters(self, recorder: str) -> tuple[NDArray[np.int64], list[dict]]:
        """Return the times (N,) ns since the first tick and the counters that a recorder stored.

        A message is placed by the frame that was stored before it, which is on the same clock; to about the
        delay of that frame, some milliseconds. One before all frames is left out.
        """
        times = self.times[recorder]
        stream = next((s for s in times.master_ns if len(times.master_ns[s])), None)
        if stream is None:
            return np.empty(0, np.int64), []
        stored = StoredStream(self.session, recorder, COUNTERS.topic)
        frames = StoredStream(self.session, recorder, stream.value)
        before = np.searchsorted(frames.place, stored.place) - 1
        wanted = np.flatnonzero(before >= 0)
        before = before[wanted]
        wanted, before = wanted[times.placed[stream][before]], before[times.placed[stream][before]]
        offset_ns = (times.master_ns[stream] - frames.column("log_ns"))[before]
        time_ns = stored.column("log_ns")[wanted] + offset_ns - self.first_tick_ns
        return time_ns, [decode_json(stored.payload(int(i))) for i in wanted]


@dataclass(slots=True)
class Walk:
    """One walk through the chosen frames: tells of progress, passes over damaged frames and names them."""

    selection: Selection
    on_progress: Callable[[int, int], None] | None = None
    left_out: list[str] = field(default_factory=list)
    _absent: set[tuple[Stream, int]] = field(default_factory=set)
    _n_done: int = 0

    def pixels(self, frames: StreamFrames) -> Iterator[tuple[int, NDArray]]:
        """Yield (i, pixels) of the readable frames of a stream."""
        return self._each(frames, frames.pixels)

    def payloads(self, frames: StreamFrames) -> Iterator[tuple[int, bytes]]:
        """Yield (i, payload) of the undamaged frames of a stream, not decoded."""
        return self._each(frames, frames.payload)

    def leave_out(self, frames: StreamFrames, i: int, reason: object) -> None:
        """Note that a frame is not in the result."""
        self.left_out.append(f"{frames.stream.value} frame {frames.number[i]}: {reason}")
        self._absent.add((frames.stream, i))

    def wrote(self, frames: StreamFrames, i: int) -> bool:
        """Say whether frame `i` is in the result, once it was walked by."""
        return (frames.stream, i) not in self._absent

    def n_left_out(self, frames: StreamFrames) -> int:
        """Return how many frames of a stream are not in the result."""
        return sum(stream == frames.stream for stream, _ in self._absent)

    def _each(self, frames: StreamFrames, read: Callable[[int], object]) -> Iterator:
        for i in range(len(frames)):
            try:
                found = read(i)
            except SessionError as error:
                self.leave_out(frames, i, error)
            else:
                yield i, found
            self._n_done += 1
            if self.on_progress is not None:
                self.on_progress(self._n_done, self.selection.n_frames)


def select(
    session: Session,
    *,
    streams: Sequence[Stream] = (),
    start_s: float | None = None,
    end_s: float | None = None,
) -> Selection:
    """Return the frames of `streams` (all for none named) at times start_s <= t < end_s since the first tick.

    Raises
    ------
    SessionError
        A named stream was not recorded or holds no frame, or no frame lies in the stretch.
    """
    synchronized = synchronize(session)
    times = {name: recorder_times(session, name) for name in session.record.recorders}
    first_ns = _first_tick_ns(session, times)
    low_ns = -np.inf if start_s is None else start_s * 1e9
    high_ns = np.inf if end_s is None else end_s * 1e9
    chosen, all_ns, unplaced = [], [], {}
    for stream in dict.fromkeys(streams) or [s for s in session.streams if len(session.index(s))]:
        spec = session.spec(stream)
        stored = StoredStream(session, session.recorder_of(stream), stream.value)
        found = times[session.recorder_of(stream)]
        time_ns, placed = found.master_ns[stream] - first_ns, found.placed[stream]
        tick = np.full(len(time_ns), NONE, np.int64)
        frame_at = synchronized.index.get(stream, np.empty(0, np.int64))
        tick[frame_at[frame_at != NONE]] = np.flatnonzero(frame_at != NONE)
        number = np.argsort(time_ns, kind="stable")
        number = number[(time_ns[number] >= low_ns) & (time_ns[number] < high_ns) & placed[number]]
        index = session.index(stream)
        said = session.flags(stream)
        all_ns.append(time_ns[placed])
        unplaced[stream] = int(np.sum(~placed))
        chosen.append(
            StreamFrames(
                stream,
                spec,
                stored.codec,
                number,
                index.frame_id[number],
                index.device_time_ns[number],
                index.host_time_ns[number],
                time_ns[number],
                tick[number],
                (stored.column("end") - stored.column("payload"))[number],
                np.array([" ".join(said.get(int(one), ())) for one in index.frame_id[number]], np.str_),
                stored,
            )
        )
    if not any(map(len, chosen)):
        times_ns = np.concatenate([np.empty(0, np.int64), *all_ns])
        extent = (
            f"{times_ns.min() / 1e9:.3f} to {times_ns.max() / 1e9:.3f} s" if len(times_ns) else "no frame"
        )
        raise SessionError(
            f"wanted frames from {start_s or 0:g} s to {'the end' if end_s is None else f'{end_s:g} s'}, "
            f"found {extent}: {session.path}"
        )
    markers = tuple(
        Moment(marker.t_ns - first_ns, marker.label, marker.source)
        for marker in session.markers()
        if low_ns <= marker.t_ns - first_ns < high_ns
    )
    start_ns = 0 if start_s is None else round(start_s * 1e9)
    return Selection(session, tuple(chosen), markers, start_ns, first_ns, times, unplaced)


def _first_tick_ns(session: Session, times: dict[str, RecorderTimes]) -> int:
    """Return when time 0 is, on the master's clock: the first tick, or an imported video's first frame."""
    if session.record.plan.fps is not None:
        return session.record.plan.first_tick_ns
    stream = session.streams[0]
    times_ns = times[session.recorder_of(stream)].master_ns[stream]
    return int(times_ns[0]) if len(times_ns) else 0

"""A session as it is looked at: the frames of each tick, their colors, what is known of the tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..annotate.trace import Trace, read_traces
from ..capture.export.colors import Coloring, coloring_of
from ..capture.payload import jpeg_of
from ..capture.session import RECORD_NAME, Session, open_session
from ..capture.streams import Stream
from ..capture.synchronize import NONE, Synchronized, synchronize
from ..capture.temperature import kelvin_table
from ..errors import SessionError, TraceError
from .moments import Happening, Stretch, happenings
from .timebase import timebase_of

LATE_SHARE = 0.25
"""Of the period: a frame farther than this from its tick is told as early or late."""
N_SAMPLES = 12
JPEG_QUALITY = 90
TRACES = "traces"
ZERO_CELSIUS_K = 273.15


@dataclass(frozen=True)
class SessionView:
    """A session open for looking; frames are read when they are asked for, from any thread.

    Attributes
    ----------
    session, synchronized : the session, and which of its frames belong to which tick
    moments, steps : what happened when
    traces : raters' traces of the session
    remarks : what whoever looks must know, one line each
    """

    session: Session
    synchronized: Synchronized
    moments: tuple[Happening, ...]
    steps: tuple[Stretch, ...]
    traces: tuple[Trace, ...]
    remarks: tuple[str, ...]
    _colorings: dict[Stream, Coloring] = field(default_factory=dict)

    @property
    def n_ticks(self) -> int:
        """Ticks of the session's plan."""
        return len(self.synchronized.time_s)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that hold frames, in the order of `Stream`."""
        placed = self.synchronized.index  # without a rate, of the first stream alone
        return tuple(
            stream for stream in self.session.streams if stream in placed and len(self.session.index(stream))
        )

    @cached_property
    def version(self) -> str:
        """What changes with the session's files; it is part of the addresses of its pictures."""
        status = (self.session.path / RECORD_NAME).stat()
        return f"{status.st_mtime_ns:x}-{status.st_size:x}"

    def frame_of(self, stream: Stream, tick: int) -> int:
        """Return which of a stream's frames belongs to a tick; raises SessionError where none does."""
        if not 0 <= tick < self.n_ticks:
            raise SessionError(f"wanted one of {self.n_ticks} ticks, found {tick}: {self.session.path}")
        index = self.synchronized.index.get(stream)
        if index is None or index[tick] == NONE:
            raise SessionError(f"tick {tick} has no {stream.value} frame: {self.session.path}")
        return int(index[tick])

    def pixels(self, stream: Stream, tick: int) -> NDArray:
        """Return a tick's pixels as recorded; raises SessionError where it has none, or damaged ones."""
        return self.session.frame(stream, self.frame_of(stream, tick)).pixels

    def color_jpeg(self, tick: int) -> bytes:
        """Return a tick's color picture as JPEG: the stored one where there is one."""
        payload, codec = self.session.payload(Stream.COLOR, self.frame_of(Stream.COLOR, tick))
        if codec.startswith("jpeg"):
            return jpeg_of(payload)
        pixels = np.ascontiguousarray(self.pixels(Stream.COLOR, tick))
        return simplejpeg.encode_jpeg(pixels, JPEG_QUALITY, "RGB", "444")

    def counts(self, stream: Stream, tick: int) -> bytes:
        """Return a tick's pixels as stored: uint16, little-endian, row by row."""
        return self.pixels(stream, tick).astype("<u2").tobytes()

    def coloring(self, stream: Stream) -> Coloring:
        """Return how a stream is colored, the same for the whole session, from a sample of its frames."""
        if stream not in self._colorings:
            self._colorings[stream] = coloring_of(self.session.spec(stream), self._sample(stream))
        return self._colorings[stream]

    def color_table(self, stream: Stream) -> bytes:
        """Return the color of every count, (65536, 3) uint8."""
        return self.coloring(stream).table.tobytes()

    def celsius_table(self, stream: Stream) -> bytes:
        """Return the temperature of every count, (65536,) float32 little-endian; NaN where there is none."""
        kelvin = kelvin_table(self.session.spec(stream).unit)
        if kelvin is None:
            raise SessionError(f"the counts of {stream.value} have no temperature: {self.session.path}")
        return (kelvin - ZERO_CELSIUS_K).astype("<f4").tobytes()

    def table(self) -> dict[str, Any]:
        """Return what the page shows besides pixels, as JSON can hold it."""
        record, report = self.session.record, self.synchronized.report
        return {
            "id": record.id,
            "path": str(self.session.path.resolve()),
            "version": self.version,
            "subject": record.subject,
            "rig": record.rig,
            "simulated": record.simulated,
            "state": record.state,
            "started_utc": record.started_utc,
            "notes": record.notes,
            "protocol": "" if record.protocol is None else record.protocol.name,
            "fps": record.plan.fps,
            "time_s": np.round(self.synchronized.time_s, 4).tolist(),
            "streams": [self._stream(stream) for stream in self.streams],
            "moments": [
                {"time_s": round(one.time_s, 4), "kind": one.kind, "text": one.text, "source": one.source}
                for one in self.moments
            ],
            "steps": [
                {"start_s": one.start_s, "stop_s": one.stop_s, "name": one.name, "text": one.text}
                for one in self.steps
            ],
            "traces": [
                {
                    "rater": trace.rater,
                    "dimension": trace.dimension,
                    "time_s": np.round(trace.time_s, 3).tolist(),
                    "value": _listed(trace.value, 3),
                }
                for trace in self.traces
            ],
            "problems": [*self.remarks, *report.problems],
            "late_share": LATE_SHARE,
        }

    def _stream(self, stream: Stream) -> dict[str, Any]:
        """Return what the page needs of one stream, with its place beside every tick in milliseconds."""
        spec = self.session.spec(stream)
        offset_ms = (self.synchronized.frame_s[stream] - self.synchronized.time_s) * 1e3
        index = self.session.index(stream)
        frame_at = self.synchronized.index[stream]
        flags = self.session.flags(stream)
        flagged = {
            tick: " ".join(flags[int(index.frame_id[at])])
            for tick, at in enumerate(frame_at.tolist())
            if at != NONE and int(index.frame_id[at]) in flags
        }
        return {
            "name": stream.value,
            "height": spec.shape[0],
            "width": spec.shape[1],
            "unit": "°C" if kelvin_table(spec.unit) is not None else "mm" if stream is Stream.DEPTH else "",
            "n_frames": len(index),
            "frame": frame_at.tolist(),
            "offset_ms": _listed(offset_ms, 2),
            "flags": flagged,
        }

    def _sample(self, stream: Stream) -> list[NDArray[np.uint16]]:
        n_frames = len(self.session.index(stream))
        found = []
        for i in np.unique(np.linspace(0, n_frames - 1, min(N_SAMPLES, n_frames)).round().astype(int)):
            try:
                found.append(self.session.frame(stream, int(i)).pixels)
            except SessionError:
                continue
        return found


def open_view(path: Path, *, traces: Path | None = None) -> SessionView:
    """Return the session at `path`, ready to be looked at.

    Parameters
    ----------
    traces : a folder of raters' traces; None takes those of a folder "traces" in the session or beside it,
        where there are any

    Raises
    ------
    SessionError
        There is no session, it is still being written or torn, or it holds no frame.
    TraceError
        The folder of traces is missing, has none of this session, or one is damaged.
    """
    session = open_session(path)
    if not any(len(session.index(stream)) for stream in session.streams):
        raise SessionError(
            f"wanted a session with frames, found none; see `mavfer check-session {path}`: {path}"
        )
    synchronized = synchronize(session)
    if len(synchronized.time_s) == 0:
        raise SessionError(
            f"wanted a session with ticks, its plan has none; see `mavfer check-session {path}`: {path}"
        )
    moments, steps = happenings(session, synchronized, timebase_of(session))
    rated, remark = (read_traces(traces, session.id), "") if traces is not None else _traces_beside(session)
    return SessionView(session, synchronized, moments, steps, rated, (remark,) if remark else ())


def _traces_beside(session: Session) -> tuple[tuple[Trace, ...], str]:
    """Return traces of the session that lie where one would look, and what is wrong with them."""
    for folder in (session.path / TRACES, session.path.resolve().parent / TRACES):
        if not any(folder.glob(f"{session.id}.*.csv")):
            continue
        try:
            return read_traces(folder, session.id), ""
        except TraceError as error:
            return (), f"the traces beside the session are not shown: {error}"
    return (), ""


def _listed(values: NDArray, digits: int) -> list[float | None]:
    """Return numbers rounded, None for what is not finite."""
    return [round(value, digits) if np.isfinite(value) else None for value in values.tolist()]

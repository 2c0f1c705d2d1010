"""What a recorder of a session stored, moment by moment: which pictures came together, and when.

Nothing is decoded; replay.py plays it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SessionError
from .epochs import recorder_times
from .session import RECORD_NAME, Session
from .streams import Stream

NONE = -1


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of one recorder in the order of storage, M of them, of S streams.

    Attributes
    ----------
    streams : those that hold frames, in the order in which the recorder stored them
    picture : (M, S) int64, which of the stream's frames it is; -1 where the moment has none of that stream
    frame_id, device_time_ns : (M, S) int64, as recorded
    after_ns : (M, S) int64, time on the plan's clock since the session's first tick
    number : (M,) int64, counts the moments that were wanted: a gap in it is a moment that was lost
    first_whole : the first moment with a frame of every stream; 0 where there is none
    fps : moments wanted per second
    end_ns : when the session ends, after its first tick
    n_unplaced : moments left out because nothing ties them to the plan's clock
    """

    streams: tuple[Stream, ...]
    picture: NDArray[np.int64]
    frame_id: NDArray[np.int64]
    device_time_ns: NDArray[np.int64]
    after_ns: NDArray[np.int64]
    number: NDArray[np.int64]
    first_whole: int
    fps: float
    end_ns: int
    n_unplaced: int

    def __len__(self) -> int:
        return len(self.picture)

    def first_of(self, table: NDArray[np.int64], moment: int) -> int:
        """Return the value of a (M, S) table at the first stream that a moment has."""
        return int(table[moment, np.argmax(self.picture[moment] != NONE)])


def recorder_to_replay(session: Session, wanted: str | None) -> str:
    """Return the name of the session's recorder that is wanted, or of the only one that has frames.

    Raises
    ------
    SessionError
        There is no such recorder, it stored no frame, or several could be meant.
    """
    recorders = session.record.recorders
    known = ", ".join(recorders) or "none"
    if wanted is not None and wanted not in recorders:
        raise SessionError(f"wanted recorder {wanted!r}, the session has {known}: {session.path}")
    filled = [
        name
        for name, recorder in recorders.items()
        if wanted in (None, name) and any(len(session.index(stream)) for stream in recorder.streams)
    ]
    if not filled:
        whose = "no recorder" if wanted is None else f"recorder {wanted!r} without one"
        raise SessionError(f"wanted frames to replay, found {whose} of {known} with frames: {session.path}")
    if len(filled) > 1:
        raise SessionError(
            f"wanted one recorder to replay, the session has {', '.join(filled)}; name one with "
            f"recorder = {filled[0]!r} and give each of the others a recorder of the rig: {session.path}"
        )
    return filled[0]


def read_moments(session: Session, recorder: str) -> Moments:
    """Return the moments of a recorder that has frames; about a second for 300,000.

    The times are those that `synchronize` goes by: free of jitter and of steps of the recorder's clock. A
    recorder that kept the frame nearest to each tick is numbered by ticks, for the ids of what it was not
    asked to keep are absent by intent; one that kept all is numbered by the sensor's own ids.
    """
    plan, settings = session.record.plan, session.record.settings
    times = recorder_times(session, recorder)
    streams = tuple(s for s in session.record.recorders[recorder].streams if len(session.index(s)))
    picture = _group(session, recorder, streams)
    present = picture != NONE
    frames = [session.index(stream) for stream in streams]

    def table(columns: list[NDArray]) -> NDArray:
        """Return, for each moment and stream, the value of its frame; 0 where there is none."""
        return np.stack([column[picture[:, s]] for s, column in enumerate(columns)], axis=1) * present

    placed = np.all(table([times.placed[stream] for stream in streams]) | ~present, axis=1)
    first_ns = plan.first_tick_ns if plan.fps is not None else int(times.master_ns[streams[0]][0])
    after_ns = table([times.master_ns[stream] - first_ns for stream in streams])
    frame_id = table([index.frame_id for index in frames])
    first = np.argmax(present, axis=1)[:, None]
    by_tick = plan.fps is not None and (settings is None or settings.keep == "nearest")
    lead_ns = np.take_along_axis(after_ns, first, axis=1)[:, 0]
    number = (
        np.rint(lead_ns / plan.period_ns).astype(np.int64)
        if by_tick
        else np.take_along_axis(frame_id, first, axis=1)[:, 0]
    )
    told_fps = plan.fps if by_tick else session.record.recorders[recorder].fps
    period_ns = 1e9 / told_fps if told_fps else _usual_period_ns(lead_ns[placed])
    planned_ns = 0 if plan.fps is None else round(plan.n_ticks * plan.period_ns)
    last_ns = int(after_ns[placed].max()) if placed.any() else 0
    whole = np.all(present[placed], axis=1)
    return Moments(
        streams=streams,
        picture=picture[placed],
        frame_id=frame_id[placed],
        device_time_ns=table([index.device_time_ns for index in frames])[placed],
        after_ns=after_ns[placed],
        number=number[placed],
        first_whole=int(np.argmax(whole)) if whole.any() else 0,
        fps=1e9 / period_ns,
        end_ns=max(planned_ns, last_ns + round(period_ns)),
        n_unplaced=int(np.sum(~placed)),
    )


def sha256_of_recorded(session: Session, moments: Moments) -> str:
    """Return a hash of the session's record and of the replayed frames' ids and times.

    The pixels, which may be terabytes, are not read for it; each frame's checksum is looked at when it is.
    """
    found = hashlib.sha256((session.path / RECORD_NAME).read_bytes())
    for part in (moments.frame_id, moments.device_time_ns, moments.after_ns):
        found.update(np.ascontiguousarray(part, "<i8").tobytes())
    return found.hexdigest()


def _group(session: Session, recorder: str, streams: tuple[Stream, ...]) -> NDArray[np.int64]:
    """Return (M, S): frames that were stored one after the other under one id are one moment."""
    columns = []  # file, place in it, stream, id, number of the frame
    for s, stream in enumerate(streams):
        n_before = 0
        for file, (_, rows) in enumerate(session._messages(recorder, stream.value)):
            n = len(rows)
            of_file = (np.full(n, file), rows["chunk"], np.full(n, s), rows["sequence"])
            columns.append(np.stack([*of_file, n_before + np.arange(n)]).astype(np.int64))
            n_before += n
    file, place, stream_of, frame_id, frame = np.concatenate(columns, axis=1)
    order = np.lexsort((place, file))
    stream_of, frame_id, frame = stream_of[order], frame_id[order], frame[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(frame_id) != 0) | (np.diff(stream_of) <= 0)
    moment = np.cumsum(begins) - 1
    picture = np.full((moment[-1] + 1, len(streams)), NONE, np.int64)
    picture[moment, stream_of] = frame
    return picture


def _usual_period_ns(after_ns: NDArray[np.int64]) -> float:
    """Return the median time between moments (M,); a second where there are none to compare."""
    steps = np.diff(after_ns)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else 1e9

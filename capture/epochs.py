"""A recorder's clock over a whole take: its epochs, what is known of it in each, and its frames' times.

Times of two boots share nothing: every epoch is solved by itself.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clock import ping_offsets
from .frame_times import frame_times
from .payload import CLOCK, CLOCK_READINGS, decode_json
from .ping_pieces import ClockPiece, clock_pieces
from .placing import place_frames
from .session import FrameIndex, Session, SessionRecord
from .streams import Stream
from .transport import exposure_times

STAMPS = ("t0_ns", "t1_ns", "t2_ns", "t3_ns")
READING = ("device_ns", "before_ns", "after_ns")


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a recorder stored in one boot of its machine.

    Attributes
    ----------
    boot_id : str
    pings : (N, 4) int64, those that measure the clock of the plan
    n_foreign : pings that measure another epoch of the master's clock
    frames : by stream, in order of storage
    readings : (M, 3) int64, the camera's clock beside the recorder's, see `Session.clock_readings`
    """

    boot_id: str
    pings: NDArray[np.int64]
    n_foreign: int
    frames: dict[Stream, FrameIndex]
    readings: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClockReport:
    """What is known of a recorder's clock; NaN where nothing was measured.

    Attributes
    ----------
    n_pings : ping exchanges that measure the plan's clock
    n_foreign : those that measure another epoch of the master's clock, and are not used
    round_trip_ms : median
    residual_ms : 99th percentile of what the best pings leave over, in the worst stretch
    drift_ppm : by how much the recorder's clock runs faster than the master's, in the longest stretch
    span_s : from first to last ping of the longest stretch
    n_epochs : boots of the recorder's machine
    steps_s : by how much the recorder's clock jumped, each time, as pings or frames show it
    n_restarts : how often the sensor's clock began anew
    transport_ms : from exposure to arrival at the least, by readings of the camera's clock; it is taken
        out of the frames' times
    """

    n_pings: int
    n_foreign: int
    round_trip_ms: float
    residual_ms: float
    drift_ppm: float
    span_s: float
    n_epochs: int
    steps_s: tuple[float, ...]
    n_restarts: int
    transport_ms: float = math.nan


@dataclass(frozen=True, slots=True)
class RecorderTimes:
    """A recorder's frames on the master's clock.

    Attributes
    ----------
    master_ns : by stream, (N,) int64
    placed : by stream, (N,) bool: whether anything ties the frame to the master's clock
    epoch_of : by stream, (N,) int64: the number of the boot, 0 ..
    clock : ClockReport
    problems : one line each, without the recorder's name
    """

    master_ns: dict[Stream, NDArray[np.int64]]
    placed: dict[Stream, NDArray[np.bool_]]
    epoch_of: dict[Stream, NDArray[np.int64]]
    clock: ClockReport
    problems: tuple[str, ...]


def read_epochs(session: Session, recorder: str) -> tuple[Epoch, ...]:
    """Return what a recorder stored, by the boots of its machine, oldest first."""
    record = session.record
    boot_ids = session.boot_ids(recorder)
    if not boot_ids:
        empty = np.empty(0, np.int64)
        frames = dict.fromkeys(record.recorders[recorder].streams, FrameIndex(empty, empty, empty))
        boot_id = record.recorders[recorder].boot_id
        return (Epoch(boot_id, empty.reshape(-1, 4), 0, frames, empty.reshape(-1, 3)),)
    starts = [i for i, boot_id in enumerate(boot_ids) if i == 0 or boot_id != boot_ids[i - 1]]
    epochs = []
    for start, stop in zip(starts, [*starts[1:], len(boot_ids)], strict=True):
        frames = {}
        for stream in record.recorders[recorder].streams:
            parts = [rows for _, rows in session._messages(recorder, stream.value)[start:stop]]
            rows = np.concatenate(parts)
            times = (rows[name].astype(np.int64) for name in ("sequence", "publish_ns", "log_ns"))
            frames[stream] = FrameIndex(*times)
        tables = _tables(session, recorder, CLOCK.topic, slice(start, stop))
        mine = [table for table in tables if _measures_plan(table, record)]
        pings = np.array([[table[key] for key in STAMPS] for table in mine], np.int64).reshape(-1, 4)
        read = _tables(session, recorder, CLOCK_READINGS.topic, slice(start, stop))
        readings = np.array([[table[key] for key in READING] for table in read], np.int64).reshape(-1, 3)
        epochs.append(Epoch(boot_ids[start], pings, len(tables) - len(mine), frames, readings))
    return tuple(epochs)


def _tables(session: Session, recorder: str, topic: str, files: slice) -> list[dict]:
    """Return the JSON messages of one topic in some of a recorder's files."""
    return [
        decode_json(reader.payload(row))
        for reader, rows in session._messages(recorder, topic)[files]
        for row in rows
    ]


def recorder_times(session: Session, recorder: str) -> RecorderTimes:
    """Return where a recorder's frames lie on the clock of the plan, and what is known of its own clock."""
    epochs = read_epochs(session, recorder)
    placed = [_place_epoch(epoch, session.record) for epoch in epochs]
    problems = []
    for number, one in enumerate(placed, start=1):
        where = f" (epoch {number} of {len(epochs)})" if len(epochs) > 1 else ""
        problems += [problem + where for problem in one.problems]
    clock = _report(epochs, placed)
    if clock.n_foreign:
        problems.append(
            f"{clock.n_foreign} of {clock.n_pings + clock.n_foreign} pings measure another epoch of the "
            "master's clock and are not used"
        )
    streams = session.record.recorders[recorder].streams
    n_frames = {stream: [len(epoch.frames[stream]) for epoch in epochs] for stream in streams}
    tied = [one.tied for one in placed]
    return RecorderTimes(
        master_ns={stream: np.concatenate([one.master_ns[stream] for one in placed]) for stream in streams},
        placed={stream: np.repeat(tied, n_frames[stream]) for stream in streams},
        epoch_of={stream: np.repeat(np.arange(len(epochs)), n_frames[stream]) for stream in streams},
        clock=clock,
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True)
class _PlacedEpoch:
    """The frames of one epoch on the master's clock, and the pieces and steps of the recorder's."""

    master_ns: dict[Stream, NDArray[np.int64]]
    tied: bool
    pieces: tuple[ClockPiece, ...]
    steps_s: tuple[float, ...]
    n_restarts: int
    transport_ms: float
    problems: tuple[str, ...]


def _place_epoch(epoch: Epoch, record: SessionRecord) -> _PlacedEpoch:
    pieces = clock_pieces(epoch.pings)
    problems: dict[str, None] = {}  # in order, each once: the streams of a camera tell the same
    tied = True
    n_frames = max((len(frames) for frames in epoch.frames.values()), default=0)
    if n_frames and not pieces:
        problems |= dict.fromkeys(_unmeasured(epoch, n_frames, record))
        tied = not _other_boot(epoch, record)
    steps_s = tuple(piece.step_ns / 1e9 for piece in pieces[1:])
    n_restarts, transport_ms = 0, math.nan
    master_ns = {}
    for stream, frames in epoch.frames.items():
        host_ns, transport_ms = exposure_times(frames.device_time_ns, frames.host_time_ns, epoch.readings)
        times = frame_times(frames.device_time_ns, host_ns, frame_id=frames.frame_id)
        master_ns[stream], doubts = place_frames(times, pieces)
        problems |= dict.fromkeys(doubts)
        steps_s = steps_s or tuple(step.step_ns / 1e9 for step in times.host_steps)
        n_restarts = max(n_restarts, len(times.steps) - len(times.host_steps))
    return _PlacedEpoch(master_ns, tied, pieces, steps_s, n_restarts, transport_ms, tuple(problems))


def _report(epochs: tuple[Epoch, ...], placed: list[_PlacedEpoch]) -> ClockReport:
    pings = np.concatenate([epoch.pings for epoch in epochs])
    pieces = [piece for one in placed for piece in one.pieces]
    longest = max(pieces, key=lambda piece: piece.last_ns - piece.first_ns, default=None)
    return ClockReport(
        n_pings=len(pings),
        n_foreign=sum(epoch.n_foreign for epoch in epochs),
        round_trip_ms=float(np.median(ping_offsets(pings)[0])) / 1e6 if len(pings) else math.nan,
        residual_ms=max((piece.clock.residual_ms for piece in pieces), default=math.nan),
        drift_ppm=-longest.clock.drift * 1e6 if longest and longest.clock.drift else math.nan,
        span_s=(longest.last_ns - longest.first_ns) / 1e9 if longest else math.nan,
        n_epochs=len(epochs),
        steps_s=tuple(step_s for one in placed for step_s in one.steps_s),
        n_restarts=sum(one.n_restarts for one in placed),
        transport_ms=next((one.transport_ms for one in placed if one.transport_ms > 0), math.nan),
    )


def _measures_plan(ping: dict, record: SessionRecord) -> bool:
    """Whether a ping was answered on the clock that the plan is on; pings of old files do not say."""
    boot_id = ping.get("master_boot_id")
    return not boot_id or record.master is None or boot_id == record.master.boot_id


def _other_boot(epoch: Epoch, record: SessionRecord) -> bool:
    """Whether the epoch is known to be another than that of the plan's clock."""
    if record.master is None or not record.master.boot_id or not epoch.boot_id:
        return False
    return epoch.boot_id != record.master.boot_id


def _unmeasured(epoch: Epoch, n_frames: int, record: SessionRecord) -> tuple[str, ...]:
    """Return what is wrong about an epoch without pings; nothing where it shares the master's clock."""
    if _other_boot(epoch, record):
        return (f"no clock measured; its {n_frames} frames cannot be placed on the plan",)
    boot_ids = {recorder.boot_id for recorder in record.recorders.values()} | {epoch.boot_id}
    if (record.master is not None and epoch.boot_id == record.master.boot_id) or len(boot_ids) < 2:
        return ()
    return (f"no clock measured; its {n_frames} frames are placed as if its clock were the master's",)

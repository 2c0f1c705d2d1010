"""Ticks -> frames: which frame of each stream belongs to each tick, and what is missing, late or lost.

Nothing is decoded. A frame's time is its device time carried to the recorder's clock by the floor of its
delays, and from there to the master's by the recorded pings.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .clock import ClockMap, host_from_device, solve_clock
from .session import FrameIndex, Session
from .streams import Stream

NONE = -1


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How a session's streams hang together.

    Attributes
    ----------
    n_ticks : ticks of the plan
    frames : frames stored, by stream
    missing : ticks without a frame, by stream
    gaps : (first tick, number of ticks) of every run of missing ticks, by stream
    lost : moments lost, by recorder and reason
    absent : frames whose ids lie between those of stored frames, by stream; only where every frame was to be
        kept
    unordered : frames whose device time or id is not above that of the frame before, by stream
    skew_ms : median, p99, max of the time between the earliest and the latest stream of a tick; exposure
        phase included
    pair_skew_ms : the same for every pair of streams, as "color-thermal"
    tick_error_ms : median, p99, max of the time between a frame and its tick, by stream
    clock_residual_ms : what the recorder's best pings leave over, by recorder
    state : of the session's record
    n_ticks_planned : ticks that the take was to have
    """

    n_ticks: int
    n_ticks_planned: int
    frames: dict[Stream, int]
    missing: dict[Stream, int]
    gaps: dict[Stream, tuple[tuple[int, int], ...]]
    lost: dict[str, dict[str, int]]
    absent: dict[Stream, int]
    unordered: dict[Stream, int]
    skew_ms: dict[str, float]
    pair_skew_ms: dict[str, dict[str, float]]
    tick_error_ms: dict[Stream, dict[str, float]]
    clock_residual_ms: dict[str, float]
    state: str

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one line each; none where every tick has every stream and nothing was lost."""
        found = []
        if self.state == "failed":
            found.append("the take failed before its end")
        if self.state in ("failed", "recovered") and self.n_ticks < self.n_ticks_planned:
            found.append(f"the take ended after {self.n_ticks} of {self.n_ticks_planned} ticks")
        if self.n_ticks == 0:
            found.append("the plan has no tick")
        for stream, n_missing in self.missing.items():
            if n_missing:
                runs = ", ".join(
                    str(first) if n == 1 else f"{first}-{first + n - 1}" for first, n in self.gaps[stream][:5]
                )
                more = ", ..." if len(self.gaps[stream]) > 5 else ""
                found.append(
                    f"{stream.value}: {n_missing} of {self.n_ticks} ticks have no frame ({runs}{more})"
                )
        for recorder, reasons in self.lost.items():
            found += [f"{recorder}: {n} frames lost ({reason})" for reason, n in reasons.items() if n]
        for stream, n in self.absent.items():
            if n:
                found.append(f"{stream.value}: {n} frames between the stored ones are absent")
        for stream, n in self.unordered.items():
            if n:
                found.append(f"{stream.value}: {n} frames repeat or go back in time or number")
        return tuple(found)

    @property
    def complete(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Synchronized:
    """The frames of every tick.

    Attributes
    ----------
    time_s : (T,) float64, seconds since the first tick
    index : by stream, (T,) int64: which of the stream's frames, -1 where there is none
    report : SyncReport
    """

    time_s: NDArray[np.float64]
    index: dict[Stream, NDArray[np.int64]]
    report: SyncReport


def synchronize(session: Session) -> Synchronized:
    """Return which frame of each stream belongs to each tick of the session's plan.

    A frame belongs to the tick nearest to it; of several frames a tick takes the nearest, and none that is
    more than half a period away. A session without a rate (an imported video) has a tick per color frame.
    """
    record = session.record
    clocks = {name: solve_clock(session.pings(name)) for name in record.recorders}
    frames = {stream: session.index(stream) for stream in session.streams}
    times = {
        stream: _master_ns(frames[stream], clocks[session.recorder_of(stream)]) for stream in session.streams
    }
    if record.plan.fps is None:
        ticks_ns = times[Stream.COLOR]
        index = {Stream.COLOR: np.arange(len(ticks_ns))}
    else:
        ticks_ns = record.plan.ticks_ns()
        index = {
            stream: nearest_per_tick(
                times[stream], ticks_ns=ticks_ns, half_period_ns=record.plan.period_ns / 2
            )
            for stream in session.streams
        }
    keeps_all = record.settings is not None and record.settings.keep == "all"
    at_tick = {stream: _at_ticks(times[stream], index[stream]) for stream in index}
    first_ns = ticks_ns[0] if len(ticks_ns) else 0
    report = SyncReport(
        n_ticks=len(ticks_ns),
        n_ticks_planned=record.n_ticks_planned or len(ticks_ns),
        frames={stream: len(frames[stream]) for stream in frames},
        missing={stream: int(np.sum(index[stream] == NONE)) for stream in index},
        gaps={stream: runs_of(index[stream] == NONE) for stream in index},
        lost={name: dict(recorder.frames_lost) for name, recorder in record.recorders.items()},
        absent={stream: _absent(frames[stream]) if keeps_all else 0 for stream in frames},
        unordered={stream: _unordered(frames[stream]) for stream in frames},
        skew_ms=_spread_ms(list(at_tick.values())),
        pair_skew_ms={
            f"{a.value}-{b.value}": _spread_ms([at_tick[a], at_tick[b]]) for a, b in combinations(at_tick, 2)
        },
        tick_error_ms={stream: summary_ms(np.abs(at_tick[stream] - ticks_ns)) for stream in at_tick},
        clock_residual_ms={name: clocks[name].residual_ms for name in clocks},
        state=record.state,
    )
    return Synchronized((ticks_ns - first_ns) / 1e9, index, report)


def nearest_per_tick(
    times_ns: NDArray[np.int64], *, ticks_ns: NDArray[np.int64], half_period_ns: float
) -> NDArray[np.int64]:
    """Return, for every tick (T,), the number of the frame nearest to it, or -1; no frame serves two ticks.

    Parameters
    ----------
    times_ns : (N,) int64, in any order
    ticks_ns : (T,) int64, increasing
    half_period_ns : float; a frame farther than this from its tick belongs to none
    """
    found = np.full(len(ticks_ns), NONE, np.int64)
    if len(ticks_ns) == 0 or len(times_ns) == 0:
        return found
    after = np.clip(np.searchsorted(ticks_ns, times_ns), 1, max(1, len(ticks_ns) - 1))
    before = after - 1
    after = np.minimum(after, len(ticks_ns) - 1)
    closer = np.abs(times_ns - ticks_ns[after]) < np.abs(times_ns - ticks_ns[before])
    tick = np.where(closer, after, before)
    distance = np.abs(times_ns - ticks_ns[tick])
    order = np.lexsort((-distance, tick))  # of a tick's frames the nearest comes last, and stays
    order = order[distance[order] <= half_period_ns]
    found[tick[order]] = order
    return found


def runs_of(flags: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Return (first, length) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return tuple((int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def summary_ms(times_ns: NDArray[np.float64]) -> dict[str, float]:
    """Return median, p99 and max of durations (N,) ns in milliseconds, NaN left out; zeros for none."""
    times_ns = times_ns[~np.isnan(times_ns)]
    if len(times_ns) == 0:
        return {"median": 0.0, "p99": 0.0, "max": 0.0}
    median, p99, largest = np.percentile(times_ns, [50, 99, 100]) / 1e6
    return {"median": round(float(median), 4), "p99": round(float(p99), 4), "max": round(float(largest), 4)}


def _master_ns(frames: FrameIndex, clock: ClockMap) -> NDArray[np.int64]:
    return clock.apply(host_from_device(frames.device_time_ns, frames.host_time_ns))


def _at_ticks(times_ns: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the time of each tick's frame, NaN where there is none."""
    found = np.full(len(index), np.nan)
    found[index != NONE] = times_ns[index[index != NONE]]
    return found


def _spread_ms(times_ns: list[NDArray[np.float64]]) -> dict[str, float]:
    """Return the summary of latest minus earliest of streams (T,), over the ticks that all have."""
    if len(times_ns) < 2:
        return summary_ms(np.empty(0))
    stacked = np.stack(times_ns)
    return summary_ms(np.max(stacked, axis=0) - np.min(stacked, axis=0))


def _absent(frames: FrameIndex) -> int:
    """Return how many ids are absent between those of the stored frames."""
    return int(np.sum(np.maximum(np.diff(frames.frame_id) - 1, 0)))


def _unordered(frames: FrameIndex) -> int:
    """Return how many frames have a device time or an id that is not above the last one."""
    if len(frames) < 2:
        return 0
    return int(np.sum((np.diff(frames.device_time_ns) <= 0) | (np.diff(frames.frame_id) <= 0)))

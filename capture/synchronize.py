"""Ticks -> frames: which frame of each stream belongs to each tick, and what is missing, late or lost.

Nothing is decoded. A frame's time is its device time carried to the recorder's clock by the floor of its
delays, and from there to the master's by the recorded pings (epochs.py).
"""

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .epochs import ClockReport, recorder_times
from .session import FrameIndex, Session
from .streams import Stream

NONE = -1


@dataclass(frozen=True, slots=True)
class StampReport:
    """How many of a stream's frames repeat a stamp of the frame before, and how many go back behind it.

    Where the machine was booted anew nothing is counted.
    """

    device_repeated: int = 0
    device_backward: int = 0
    host_repeated: int = 0
    host_backward: int = 0
    id_repeated: int = 0
    id_backward: int = 0


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How a session's streams hang together. What was not measured is NaN.

    Attributes
    ----------
    n_ticks : ticks of the plan
    n_ticks_planned : ticks that the take was to have
    frames : frames stored, by stream
    missing : ticks without a frame, by stream
    gaps : (first tick, number of ticks) of every run of missing ticks, by stream
    unplaced : frames that nothing ties to the plan's clock, by stream
    lost : moments lost, by recorder and reason
    absent : frames whose ids lie between those of stored frames, by stream; only where every frame was to be
        kept
    stamps : repeated and backward stamps, by stream
    skew_ms : median, p99, max of the time between the earliest and the latest stream of a tick; exposure
        phase included
    pair_skew_ms : the same for every pair of streams, as "color-thermal"
    tick_error_ms : median, p99, max of the time between a frame and its tick, by stream
    clocks : what is known of each recorder's clock
    clock_problems : what is wrong with them, one line each
    state : of the session's record
    period_ms : of the plan; NaN where it has none
    """

    n_ticks: int
    n_ticks_planned: int
    frames: dict[Stream, int]
    missing: dict[Stream, int]
    gaps: dict[Stream, tuple[tuple[int, int], ...]]
    unplaced: dict[Stream, int]
    lost: dict[str, dict[str, int]]
    absent: dict[Stream, int]
    stamps: dict[Stream, StampReport]
    skew_ms: dict[str, float]
    pair_skew_ms: dict[str, dict[str, float]]
    tick_error_ms: dict[Stream, dict[str, float]]
    clocks: dict[str, ClockReport]
    clock_problems: tuple[str, ...]
    state: str
    period_ms: float

    @property
    def clock_residual_ms(self) -> dict[str, float]:
        """What each recorder's best pings leave over, 99th percentile."""
        return {name: clock.residual_ms for name, clock in self.clocks.items()}

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
        for stream, stamps in self.stamps.items():
            found += [f"{stream.value}: {line}" for line in _stamp_problems(stamps)]
        found += self.clock_problems
        for name, clock in self.clocks.items():
            if clock.residual_ms > self.period_ms / 2:
                found.append(
                    f"{name}: its clock is known to {clock.residual_ms:.1f} ms only, half a tick is "
                    f"{self.period_ms / 2:.1f} ms"
                )
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
    frame_s : by stream, (T,) float64: when each tick's frame was exposed, seconds since the first tick, NaN
        where there is none
    """

    time_s: NDArray[np.float64]
    index: dict[Stream, NDArray[np.int64]]
    report: SyncReport
    frame_s: dict[Stream, NDArray[np.float64]]


def synchronize(session: Session) -> Synchronized:
    """Return which frame of each stream belongs to each tick of the session's plan.

    A frame belongs to the tick nearest to it; of several frames a tick takes the nearest, and none that is
    more than half a period away. A session without a rate (an imported video) has a tick per frame of its
    first stream.
    """
    record = session.record
    recorders = {name: recorder_times(session, name) for name in record.recorders}
    found = {stream: recorders[session.recorder_of(stream)] for stream in session.streams}
    times = {stream: found[stream].master_ns[stream] for stream in session.streams}
    placed = {stream: np.flatnonzero(found[stream].placed[stream]) for stream in session.streams}
    frames = {stream: session.index(stream) for stream in session.streams}
    if record.plan.fps is None:
        ticks_ns = times[session.streams[0]] if session.streams else np.empty(0, np.int64)
        index = {stream: np.arange(len(ticks_ns)) for stream in session.streams[:1]}
    else:
        ticks_ns = record.plan.ticks_ns()
        half_period_ns = record.plan.period_ns / 2
        index = {}
        for stream in session.streams:
            nearest = nearest_per_tick(
                times[stream][placed[stream]], ticks_ns=ticks_ns, half_period_ns=half_period_ns
            )
            index[stream] = np.where(nearest == NONE, NONE, np.append(placed[stream], NONE)[nearest])
    keeps_all = record.settings is not None and record.settings.keep == "all"
    at_tick = {stream: _at_ticks(times[stream], index[stream]) for stream in index}
    first_ns = ticks_ns[0] if len(ticks_ns) else 0
    report = SyncReport(
        n_ticks=len(ticks_ns),
        n_ticks_planned=record.n_ticks_planned or len(ticks_ns),
        frames={stream: len(frames[stream]) for stream in frames},
        missing={stream: int(np.sum(index[stream] == NONE)) for stream in index},
        gaps={stream: runs_of(index[stream] == NONE) for stream in index},
        unplaced={stream: len(frames[stream]) - len(placed[stream]) for stream in frames},
        lost={name: dict(recorder.frames_lost) for name, recorder in record.recorders.items()},
        absent={stream: _absent(frames[stream]) if keeps_all else 0 for stream in frames},
        stamps={stream: _stamps(frames[stream], found[stream].epoch_of[stream]) for stream in frames},
        skew_ms=_spread_ms(list(at_tick.values())),
        pair_skew_ms={
            f"{a.value}-{b.value}": _spread_ms([at_tick[a], at_tick[b]]) for a, b in combinations(at_tick, 2)
        },
        tick_error_ms={stream: summary_ms(np.abs(at_tick[stream] - ticks_ns)) for stream in at_tick},
        clocks={name: times.clock for name, times in recorders.items()},
        clock_problems=tuple(
            f"{name}: {problem}" for name, times in recorders.items() for problem in times.problems
        ),
        state=record.state,
        period_ms=math.nan if record.plan.fps is None else record.plan.period_ns / 1e6,
    )
    frame_s = {stream: (at_tick[stream] - first_ns) / 1e9 for stream in index}
    return Synchronized((ticks_ns - first_ns) / 1e9, index, report, frame_s)


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
    """Return median, p99 and max of durations (N,) ns in milliseconds, NaN left out; NaN for none."""
    times_ns = times_ns[~np.isnan(times_ns)]
    if len(times_ns) == 0:
        return {"median": math.nan, "p99": math.nan, "max": math.nan}
    median, p99, largest = np.percentile(times_ns, [50, 99, 100]) / 1e6
    return {"median": round(float(median), 4), "p99": round(float(p99), 4), "max": round(float(largest), 4)}


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


def _stamps(frames: FrameIndex, epoch_of: NDArray[np.int64]) -> StampReport:
    """Return how a stream's stamps repeat and go back; `epoch_of` (N,) tells the host's boots apart."""
    same_boot = np.diff(epoch_of) == 0
    device, host, number = (
        np.diff(stamps)[same_boot] for stamps in (frames.device_time_ns, frames.host_time_ns, frames.frame_id)
    )
    return StampReport(
        *(int(np.sum(found)) for steps in (device, host, number) for found in (steps == 0, steps < 0))
    )


def _stamp_problems(stamps: StampReport) -> list[str]:
    """Return what is wrong with a stream's stamps, one line each.

    A host time that goes back is a step of the clock, which the clocks' report tells; one that repeats means
    that two frames were collected at once, or that time is virtual.
    """
    wrong = {
        "repeat the device time of the frame before": stamps.device_repeated,
        "go back in device time": stamps.device_backward,
        "repeat the number of the frame before": stamps.id_repeated,
        "go back in number": stamps.id_backward,
    }
    return [f"{n} frames {what}" for what, n in wrong.items() if n]

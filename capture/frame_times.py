"""When stored frames would have come had nothing been late: the offline twin of device_clock.py."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clock import LINE_SPAN_NS, robust_line
from .device_clock import ClockStep, DeviceClock

BIN_NS = 1_000_000_000
LINE_BINS = 10
SPARSE_LINE_BINS = 4
"""A line is fitted to ten seconds with frames, or to fewer that span LINE_SPAN_NS."""
BELIEVED_DRIFT = 1000e-6
"""A device clock that runs wrong by more than this counts something else than nanoseconds."""


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The times of a stream's frames on the host's clock.

    Attributes
    ----------
    host_ns : (N,) int64, when each would have come undelayed, on the host's clock as it then read
    n_steps : (N,) int64, how often the host's clock had stepped by then
    steps : the jumps of either clock
    """

    host_ns: NDArray[np.int64]
    n_steps: NDArray[np.int64]
    steps: tuple[ClockStep, ...]

    @property
    def host_steps(self) -> tuple[ClockStep, ...]:
        """The jumps of the host's clock."""
        return tuple(step for step in self.steps if step.who == "host")


def frame_times(
    device_ns: NDArray[np.int64], host_ns: NDArray[np.int64], *, frame_id: NDArray[np.int64]
) -> FrameTimes:
    """Return the times of frames, (N,) each, in order of storage; 1 s for 500,000 frames.

    `DeviceClock` finds where either clock steps. Between two steps the floor of the delays is a line.
    """
    clock = DeviceClock()
    stamps = zip(device_ns.tolist(), host_ns.tolist(), frame_id.tolist(), strict=True)
    for device, host, number in stamps:
        clock.host_ns(device, host, frame_id=number)
    n_frames = len(device_ns)
    trusted = np.arange(n_frames) < (n_frames if clock.doubtful_from is None else clock.doubtful_from)
    steps = sorted(clock.steps, key=lambda step: step.n_before)
    edges = [0, *(step.n_before for step in steps), n_frames]
    found = np.empty(n_frames, np.int64)
    for start, stop in itertools.pairwise(edges):
        piece = slice(start, stop)
        found[piece] = host_from_device(device_ns[piece], host_ns[piece], trusted=trusted[piece])
    n_steps = np.zeros(n_frames, np.int64)
    for step in steps:
        n_steps[step.n_before :] += step.who == "host"
    return FrameTimes(found, n_steps, tuple(steps))


def host_from_device(
    device_ns: NDArray[np.int64],
    host_ns: NDArray[np.int64],
    *,
    trusted: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return when undelayed frames would have come, (N,) on the host's clock; neither clock steps meanwhile.

    The floor of the delays is a robust line through the smallest delay of each second, or below ten of them
    the smallest of all. Where the device's clock stands still or does not run in nanoseconds, the host's
    times are returned as they are.

    Parameters
    ----------
    device_ns, host_ns : (N,) int64, in order of storage
    trusted : (N,) bool; the others, whose delays mean nothing, are placed by the rest
    """
    device_ns, host_ns = np.asarray(device_ns, np.int64), np.asarray(host_ns, np.int64)
    chosen = np.arange(len(device_ns)) if trusted is None else np.flatnonzero(trusted)
    if len(chosen) < 2 or np.ptp(device_ns) == 0:
        return host_ns.copy()
    delay = host_ns - device_ns
    bin_of = (device_ns[chosen] - device_ns[chosen].min()) // BIN_NS
    order = np.lexsort((delay[chosen], bin_of))
    floor = chosen[order[np.unique(bin_of[order], return_index=True)[1]]]
    base = int(delay[chosen].min())
    span_ns = np.ptp(device_ns[floor])
    if len(floor) < LINE_BINS and (len(floor) < SPARSE_LINE_BINS or span_ns < LINE_SPAN_NS):
        return device_ns + base
    elapsed = (device_ns - device_ns[0]).astype(float)
    drift, value = robust_line(elapsed[floor], (delay[floor] - base).astype(float))
    if abs(drift) > BELIEVED_DRIFT:
        return host_ns.copy()
    return device_ns + base + np.rint(value + drift * elapsed).astype(np.int64)

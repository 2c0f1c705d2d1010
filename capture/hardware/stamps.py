"""What the times and numbers of a camera's frames tell: rate, gaps, clock drift. Arrays in, values out."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..camera import ClockReading
from ..clock import robust_line
from ..frame_times import frame_times

LEAST_DRIFT_BINS = 6
LEAST_BINS = 10
MOST_BIN_S = 1.0
FAR_OFF = 6.0
LEAST_SPREAD_MS = 0.01
JACKKNIFE_BLOCKS = 20
STUDENT_95 = (
    *(2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179),
    *(2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093),
)
STUDENT = dict(zip(range(6, 21), STUDENT_95, strict=True))
"""Standard errors on either side that hold the truth 95 times of 100, by the number of stretches."""


@dataclass(frozen=True, slots=True)
class Stamps:
    """The frames that a camera delivered, oldest first.

    Attributes
    ----------
    frame_id, device_ns, host_ns, transport_ns : (N,) int64, as in `Capture`
    flags : N times what the camera said of that frame
    """

    frame_id: NDArray[np.int64]
    device_ns: NDArray[np.int64]
    host_ns: NDArray[np.int64]
    transport_ns: NDArray[np.int64]
    flags: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.frame_id)

    @property
    def span_s(self) -> float:
        """Seconds from the first arrival to the last; 0 with fewer than two frames."""
        return float(self.host_ns[-1] - self.host_ns[0]) / 1e9 if len(self) > 1 else 0.0

    @property
    def elapsed_s(self) -> NDArray[np.float64]:
        """Arrival of each frame since the first, (N,) seconds."""
        return (self.host_ns - self.host_ns[:1]).astype(np.float64) / 1e9

    @property
    def tells_device_time(self) -> bool:
        """Whether the camera stamps its frames itself, and does not hand on when they arrived."""
        return bool(np.any(np.diff(self.host_ns - self.device_ns)))


def no_stamps() -> Stamps:
    """Return the stamps of no frame."""
    none = np.empty(0, np.int64)
    return Stamps(none, none, none, none, ())


@dataclass(frozen=True, slots=True)
class Gaps:
    """Frames that the numbers show to be absent.

    Attributes
    ----------
    n_absent : numbers that never came
    n_gaps : places where they are missing
    longest : most numbers missing in one place
    """

    n_absent: int
    n_gaps: int
    longest: int


@dataclass(frozen=True, slots=True)
class Intervals:
    """The time between frames that follow each other by number, in milliseconds; nan where there are none."""

    mean_ms: float
    median_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Order:
    """Stamps and numbers that do not go forward."""

    n_back_ids: int
    n_repeated_ids: int
    n_back_times: int
    n_repeated_times: int


@dataclass(frozen=True, slots=True)
class Drift:
    """How the device's clock runs against the host's.

    Attributes
    ----------
    ppm : parts per million that the device's clock gains on the host's
    uncertainty_ppm : the truth lies within so much of `ppm` 95 times of 100
    span_s : of the frames that were used
    n_bins : lowest delays that the line goes through
    late_ms : (N,) how much later than the line each frame came
    used : which of all frames those are; between steps of a clock the longest stretch is taken
    n_steps : jumps of either clock
    """

    ppm: float
    uncertainty_ppm: float
    span_s: float
    n_bins: int
    late_ms: NDArray[np.float64]
    used: slice
    n_steps: int


@dataclass(frozen=True, slots=True)
class Latches:
    """What reading the device's clock cost, and what it tells.

    Attributes
    ----------
    n_readings : how many
    median_ms, max_ms : round trip of a reading; nan without any
    drift : ppm and its uncertainty, a witness beside the frames; None with readings over too short a time
    """

    n_readings: int
    median_ms: float
    max_ms: float
    drift: tuple[float, float] | None


def arrival_fps(stamps: Stamps) -> float:
    """Return frames delivered per second; nan with fewer than two."""
    return (len(stamps) - 1) / stamps.span_s if stamps.span_s > 0 else float("nan")


def gaps_of(stamps: Stamps) -> Gaps:
    """Return which numbers are absent."""
    missing = np.diff(stamps.frame_id) - 1
    missing = missing[missing > 0]
    return Gaps(int(missing.sum()), len(missing), int(missing.max(initial=0)))


def intervals_of(times_ns: NDArray[np.int64], frame_id: NDArray[np.int64]) -> Intervals:
    """Return the intervals between times (N,) of frames whose numbers follow each other."""
    between_ms = np.diff(times_ns)[np.diff(frame_id) == 1] / 1e6
    if len(between_ms) == 0:
        return Intervals(*[float("nan")] * 4)
    return Intervals(
        float(between_ms.mean()),
        float(np.median(between_ms)),
        float(np.percentile(between_ms, 99)),
        float(between_ms.max()),
    )


def order_of(stamps: Stamps) -> Order:
    """Return how many numbers and device times go back or stand still."""
    ids, times = np.diff(stamps.frame_id), np.diff(stamps.device_ns)
    return Order(*(int(np.count_nonzero(one)) for one in (ids < 0, ids == 0, times < 0, times == 0)))


def slow_share(stamps: Stamps, fps: float) -> float:
    """Return the share of intervals on the device's clock that last about two periods, no number missing."""
    periods = np.diff(stamps.device_ns)[np.diff(stamps.frame_id) == 1] * fps / 1e9
    return float(np.mean((periods > 1.7) & (periods < 2.3))) if len(periods) else 0.0


def counted_flags(stamps: Stamps) -> dict[str, int]:
    """Return how many frames carry each flag."""
    found: dict[str, int] = {}
    for flag in itertools.chain.from_iterable(stamps.flags):
        found[flag] = found.get(flag, 0) + 1
    return dict(sorted(found.items()))


def drift_of(stamps: Stamps) -> Drift | None:
    """Return the drift that frames tell; None where they are too few, or carry no time of the device.

    A frame is never early: of each second (or shorter, so that there are ten) the one with the least delay
    says where the line runs. Seconds in which every frame was late have no say, up to half of them. The
    uncertainty is that of a jackknife over stretches of consecutive seconds, which neighbours that are alike
    do not flatter (Kunsch 1989, The jackknife and the bootstrap for general stationary observations). It
    takes the least delay for constant: one that changes by 1 ms in a minute looks like 17 ppm. Takes tens of
    milliseconds.
    """
    if len(stamps) < 2 * LEAST_DRIFT_BINS or not stamps.tells_device_time:
        return None
    steps = frame_times(stamps.device_ns, stamps.host_ns, frame_id=stamps.frame_id).steps
    edges = sorted({0, *(step.n_before for step in steps), len(stamps)})
    start, stop = max(itertools.pairwise(edges), key=lambda piece: piece[1] - piece[0])
    used = slice(start, stop)
    host_ns, device_ns = stamps.host_ns[used], stamps.device_ns[used]
    delay_ns = host_ns - device_ns
    x_s = (host_ns - host_ns[0]) / 1e9
    y_ms = (delay_ns - delay_ns.min()) / 1e6
    span_s = float(x_s[-1])
    if span_s <= 0:
        return None
    n_bins = max(LEAST_BINS, round(span_s / MOST_BIN_S))
    bin_of = np.minimum(x_s / span_s * n_bins, n_bins - 1).astype(int)
    order = np.lexsort((y_ms, bin_of))
    lowest = order[np.unique(bin_of[order], return_index=True)[1]]
    lowest = lowest[_unhindered(x_s[lowest], y_ms[lowest])]
    if len(lowest) < LEAST_DRIFT_BINS:
        return None
    slope, value, error = _line(x_s[lowest], y_ms[lowest])
    late_ms = y_ms - (value + slope * x_s)
    return Drift(-slope * 1e3, error * 1e3, span_s, len(lowest), late_ms, used, len(steps))


def latches_of(readings: tuple[ClockReading, ...]) -> Latches:
    """Return what readings of the device's clock tell."""
    if not readings:
        return Latches(0, float("nan"), float("nan"), None)
    device, before, after = np.array([(r.device_ns, r.before_ns, r.after_ns) for r in readings], np.int64).T
    trip_ms = (after - before) / 1e6
    drift = None
    if len(readings) >= LEAST_DRIFT_BINS and after[-1] - before[0] >= 5_000_000_000:
        middle = before + (after - before) // 2
        slope, _, error = _line(
            (middle - middle[0]) / 1e9, ((device - device[0]) - (middle - middle[0])) / 1e6
        )
        drift = (slope * 1e3, error * 1e3)
    return Latches(len(readings), float(np.median(trip_ms)), float(trip_ms.max()), drift)


def _unhindered(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points (N,) lie on the line that most of them lie on.

    The line is that of repeated medians, which holds with up to half of the points anywhere (Siegel 1982,
    Robust regression using repeated medians).
    """
    run, rise = x[None, :] - x[:, None], y[None, :] - y[:, None]
    np.fill_diagonal(run, np.nan)
    slope = float(np.median(np.nanmedian(rise / run, axis=1)))
    left = y - slope * x
    left -= np.median(left)
    spread = 1.4826 * float(np.median(np.abs(left)))
    return np.abs(left) <= max(FAR_OFF * spread, LEAST_SPREAD_MS)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return slope and value at 0 of a robust line through points (N,), and how well the slope is known.

    The truth lies within the last number of the slope 95 times of 100.
    """
    slope, value = robust_line(x, y)
    blocks = np.array_split(np.arange(len(x)), min(JACKKNIFE_BLOCKS, len(x)))
    without = np.array([robust_line(np.delete(x, one), np.delete(y, one))[0] for one in blocks])
    n = len(blocks)
    error = float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    return slope, value, STUDENT[n] * error

"""Recorded LSL streams on the master's clock, and what `check-session` says about them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..session import Session
from .samples import LslStream, read_streams

LINE_SPAN_S = 60.0
"""Shortest span over which a drift is fitted; below it the median correction stands for all."""
N_BINS = 200
OUTLIER = 4.0  # median absolute deviations
GAP_PERIODS = 3.0
UNEVEN_S = 0.1
"""A gap is more than three periods of a stream's nominal rate without a sample, and longer than this: senders
that send in chunks stamp unevenly, and even go back by less."""
RATE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class LslReport:
    """How one LSL stream was recorded.

    Attributes
    ----------
    name, kind, host, topic : which stream
    n_samples, n_connections : it was lost and found again `n_connections - 1` times
    nominal_hz, rate_hz : said and found; 0 where there is none
    n_corrections : of its clock, about one every two seconds
    offset_ms : master's monotonic clock minus the stream's clock, median; NaN where unmeasured
    residual_ms : 99th percentile of what a line through the corrections leaves over
    delay_ms : from a sample's time stamp to its arrival, median and 99th percentile
    n_gaps, longest_gap_s : of a stream with a rate, within connections
    n_backward, longest_back_s : time stamps that are not later than the one before (without a rate: earlier)
    n_unmapped : samples whose connection has no correction; their times are those of their arrival
    """

    name: str
    kind: str
    host: str
    topic: str
    n_samples: int
    n_connections: int
    nominal_hz: float
    rate_hz: float
    n_corrections: int
    offset_ms: float
    residual_ms: float
    delay_ms: dict[str, float]
    n_gaps: int
    longest_gap_s: float
    n_backward: int
    longest_back_s: float
    n_unmapped: int

    @property
    def problems(self) -> tuple[str, ...]:
        """What an operator should know, one line each, the stream named first."""
        found = []
        if self.n_samples == 0:
            found.append("no sample was recorded")
        if self.n_connections > 1:
            found.append(f"lost and found again {self.n_connections - 1} times")
        if self.n_unmapped:
            found.append(
                f"{self.n_unmapped} samples have no clock correction; their times are those of arrival"
            )
        if self.rate_hz and self.nominal_hz and abs(self.rate_hz / self.nominal_hz - 1) > RATE_TOLERANCE:
            found.append(f"wanted {self.nominal_hz:g} samples per second, found {self.rate_hz:.4g}")
        if self.n_gaps:
            found.append(f"{self.n_gaps} gaps, the longest of {self.longest_gap_s:.3f} s")
        if self.longest_back_s > UNEVEN_S:
            found.append(f"time stamps go back by up to {self.longest_back_s:.3f} s")
        return tuple(f"{self.topic}: {line}" for line in found)


def lsl_offsets(session: Session) -> tuple[LslReport, ...]:
    """Return how each LSL stream of a session was recorded; raises SessionError as `read_streams`."""
    return tuple(report_of(stream) for stream in read_streams(session, values=False))


def times_ns(stream: LslStream) -> NDArray[np.int64]:
    """Return when each sample was taken, (N,) int64 on the master's monotonic clock.

    Within each connection a robust line through LSL's corrections maps the stream's clock; a connection
    without any gives the times of arrival.
    """
    found = stream.arrived_ns.copy()
    for number in np.unique(stream.connection):
        line = offset_line(stream.clock[stream.clock[:, 0] == number])
        if line is None:
            continue
        here = stream.connection == number
        offset_s, drift, at_ns = line
        stamps_s = stream.stamps_s[here]
        # The line is one of the master's time, which is the stamp plus what it yields: one round is enough.
        about_ns = (stamps_s + offset_s) * 1e9
        shift_s = offset_s + drift * (about_ns - at_ns) / 1e9
        found[here] = np.rint((stamps_s + shift_s) * 1e9).astype(np.int64)
    return found


def offset_line(clock: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """Return offset in s (master minus stream) at a time, drift in s per s, and that time in ns.

    Parameters
    ----------
    clock : (M, 4) of one connection, as `LslStream.clock`; None comes back where M is 0. Medians of at most
        200 bins, the median of the slopes of all pairs (Theil 1950, Sen 1968), and a straight line through
        those that lie near it.
    """
    clock = clock[np.isfinite(clock).all(1)]
    if len(clock) == 0:
        return None
    t_s, offset_s = clock[:, 1] / 1e9, clock[:, 2] - clock[:, 3]
    at_s = float(np.median(t_s))
    if t_s[-1] - t_s[0] < LINE_SPAN_S:
        return float(np.median(offset_s)), 0.0, at_s * 1e9
    bins = np.array_split(np.arange(len(t_s)), min(N_BINS, len(t_s)))
    t = np.array([np.median(t_s[i]) for i in bins]) - at_s
    y = np.array([np.median(offset_s[i]) for i in bins])
    first, second = np.triu_indices(len(t), 1)
    apart = t[second] > t[first]
    slopes = (y[second] - y[first])[apart] / (t[second] - t[first])[apart]
    drift = float(np.median(slopes)) if len(slopes) else 0.0
    left = y - drift * t
    left = np.abs(left - np.median(left))
    sound = left <= OUTLIER * np.median(left)
    drift, offset = np.polyfit(t[sound], y[sound], 1)
    return float(offset), float(drift), at_s * 1e9


def report_of(stream: LslStream) -> LslReport:
    """Return how a stream was recorded."""
    period_s = 1 / stream.form.nominal_hz if stream.form.nominal_hz > 0 else np.inf
    steps_s = [np.diff(part) for part in _connections(stream)]
    all_steps = np.concatenate([np.empty(0), *steps_s])
    gaps_s = all_steps[all_steps > max(GAP_PERIODS * period_s, UNEVEN_S)]
    span_s = float(all_steps.sum())
    residuals, offsets, mapped = [np.empty(0)], [np.empty(0)], 0
    for number in np.unique(stream.connection):
        clock = stream.clock[stream.clock[:, 0] == number]
        line = offset_line(clock)
        if line is not None:
            mapped += int(np.sum(stream.connection == number))
            offsets.append(clock[:, 2] - clock[:, 3])
            residuals.append(offsets[-1] - line[0] - line[1] * (clock[:, 1] - line[2]) / 1e9)
    delays_ms = (stream.arrived_ns - times_ns(stream)) / 1e6
    offset_s, residual_s = np.concatenate(offsets), np.abs(np.concatenate(residuals))
    return LslReport(
        name=stream.form.name,
        kind=stream.form.kind,
        host=stream.form.host,
        topic=stream.form.topic,
        n_samples=len(stream),
        n_connections=len(np.unique(stream.connection)),
        nominal_hz=stream.form.nominal_hz,
        rate_hz=len(all_steps) / span_s if stream.form.nominal_hz > 0 and span_s > 0 else 0.0,
        n_corrections=len(stream.clock),
        offset_ms=1e3 * float(np.median(offset_s)) if len(offset_s) else np.nan,
        residual_ms=1e3 * float(np.percentile(residual_s, 99)) if len(residual_s) else np.nan,
        delay_ms={
            "median": float(np.median(delays_ms)) if len(delays_ms) else np.nan,
            "p99": float(np.percentile(delays_ms, 99)) if len(delays_ms) else np.nan,
        },
        n_gaps=len(gaps_s),
        longest_gap_s=float(gaps_s.max()) if len(gaps_s) else 0.0,
        n_backward=int(np.sum(all_steps <= 0)) if stream.form.nominal_hz > 0 else int(np.sum(all_steps < 0)),
        longest_back_s=max(0.0, -float(all_steps.min())) if len(all_steps) else 0.0,
        n_unmapped=len(stream) - mapped,
    )


def _connections(stream: LslStream) -> list[NDArray[np.float64]]:
    """Return the time stamps of each connection."""
    bounds = [0, *(np.flatnonzero(np.diff(stream.connection)) + 1), len(stream)]
    return [stream.stamps_s[begin:end] for begin, end in pairwise(bounds)]

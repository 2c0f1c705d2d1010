"""Traces of several raters -> one gold standard at given times. Arrays in, arrays out; no files.

Readings of the paper and of RECOLA (Ringeval et al., 2013) are named where they are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from .trace import RATING_LIMIT, Trace

Float = NDArray[np.float64]
MAX_GAP_S = 5.0
MAX_HOLD_S = 0.5
"""How long the first and the last rating hold: a rater who has ended, or not begun, is not guessed at."""
ROUNDING_S = 1e-6
"""Times that are written in decimals, or moved by a lag, miss a limit or a sample by less."""
SLOWEST_SAMPLING_S = 1.0
"""Samples that lie further apart than one and a half of this have a gap between them, however regular."""


@dataclass(frozen=True, slots=True)
class Gold:
    """What the raters of one session agree on, in one dimension.

    Attributes
    ----------
    value : (T,) float64 in [-1, 1], NaN where nobody rated
    per_rater : (K, T) float64 in [-1, 1], NaN where that rater gave nothing
    raters : the K pseudonyms
    """

    value: Float
    per_rater: Float
    raters: tuple[str, ...]


def resample(
    trace: Trace,
    time_s: Float,
    *,
    lag_s: float = 0.0,
    max_gap_s: float = MAX_GAP_S,
    max_hold_s: float = MAX_HOLD_S,
) -> Float:
    """Return a trace at other times, linear between the samples that are there.

    Parameters
    ----------
    time_s : (T,) float64, times of the film, seconds since the first tick
    lag_s : how long the rater takes to react: the rating of the film at t is read at t + lag_s, so it is
        known until `lag_s` before the rating ends
    max_gap_s : a longer stretch without a rating stays NaN from its first to its last moment; from one
        sample to the next of a trace of one sample per second or more there is no gap
    max_hold_s : the first rating counts for so long before it was given, and the last for so long after;
        never for longer than `max_gap_s`

    Returns
    -------
    (T,) float64 in the trace's unit, NaN where nothing was rated nearby.
    """
    present = np.isfinite(trace.value)
    at_s = np.asarray(time_s, np.float64) + lag_s
    if not present.any():
        return np.full(at_s.shape, np.nan)
    sample_s, value = trace.time_s[present], trace.value[present]
    resampled = np.interp(at_s, sample_s, value)
    after = np.searchsorted(sample_s, at_s, side="left")
    next_s = sample_s[np.minimum(after, len(sample_s) - 1)]
    last_s = sample_s[np.maximum(after - 1, 0)]
    longest_s = longest_bridge_s(trace, max_gap_s=max_gap_s)
    between = (at_s - last_s > ROUNDING_S) & (next_s - at_s > ROUNDING_S)
    in_gap = between & (next_s - last_s > longest_s)
    hold_s = min(max_hold_s, max_gap_s) + ROUNDING_S
    outside = (at_s < sample_s[0] - hold_s) | (at_s > sample_s[-1] + hold_s)
    return np.where(in_gap | outside, np.nan, resampled)


def longest_bridge_s(trace: Trace, *, max_gap_s: float) -> float:
    """Return the longest time between two ratings of a trace over which `resample` interpolates, seconds."""
    steps_s = np.diff(trace.time_s)
    step_s = min(float(np.median(steps_s)), SLOWEST_SAMPLING_S) if len(steps_s) else 0.0
    return max(max_gap_s, 1.5 * step_s) + ROUNDING_S


def gold_standard(
    traces: Sequence[Trace],
    time_s: Float,
    *,
    lag_s: float = 0.0,
    max_gap_s: float = MAX_GAP_S,
    max_hold_s: float = MAX_HOLD_S,
    centered: bool = False,
    smooth_s: float | None = None,
) -> Gold:
    """Return the mean over raters at given times, as labels in [-1, 1].

    The paper interpolates missing ratings linearly and averages over raters; that is the default. Its
    "mean filtering" is read as this mean over raters; the other reading, a moving average over time, is
    `smooth_s`. RECOLA's zero-mean normalisation is `centered`: each rater's own mean is taken out, and the
    mean over all raters is added back, without which the sign of valence would be lost.

    Parameters
    ----------
    traces : of one session and one dimension, one per rater
    time_s : (T,) float64, seconds since the first tick
    lag_s, max_gap_s, max_hold_s : as in `resample`
    centered : take out each rater's bias; this matters where a rater pauses, for the mean jumps there
    smooth_s : width of a centered moving average, needs `time_s` evenly spaced; None for none

    Raises
    ------
    TraceError
        No trace, or traces of different sessions or dimensions, or two of one rater.
    """
    _require_one_subject_matter(traces)
    per_rater = np.stack(
        [resample(trace, time_s, lag_s=lag_s, max_gap_s=max_gap_s, max_hold_s=max_hold_s) for trace in traces]
    )
    per_rater = per_rater / RATING_LIMIT
    if centered:
        own_mean = mean_of_present(per_rater, axis=1)
        per_rater = np.clip(per_rater - own_mean[:, None] + mean_of_present(own_mean, axis=0), -1, 1)
    value = mean_of_present(per_rater, axis=0)
    if smooth_s is not None:
        value = _smoothed(value, np.asarray(time_s, np.float64), smooth_s)
    return Gold(value, per_rater, tuple(trace.rater for trace in traces))


def mean_of_present(values: Float, *, axis: int) -> Float:
    """Return the mean of the finite values along an axis; NaN where there is none."""
    present = np.isfinite(values)
    count = present.sum(axis=axis)
    total = np.where(present, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _smoothed(value: Float, time_s: Float, smooth_s: float) -> Float:
    """Return the moving average over the present values within +- smooth_s / 2; ends use what there is."""
    if len(time_s) < 2:
        return value
    period_s = float(np.median(np.diff(time_s)))
    reach = round(smooth_s / period_s) // 2
    padded = np.pad(value, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.where(np.isfinite(value), mean_of_present(windows, axis=1), np.nan)


def _require_one_subject_matter(traces: Sequence[Trace]) -> None:
    if not traces:
        raise TraceError("wanted at least one trace, found none")
    for word, found in (
        ("session", {trace.session for trace in traces}),
        ("dimension", {trace.dimension for trace in traces}),
    ):
        if len(found) > 1:
            raise TraceError(f"wanted traces of one {word}, found {', '.join(sorted(found))}")
    raters = [trace.rater for trace in traces]
    twice = sorted({rater for rater in raters if raters.count(rater) > 1})
    if twice:
        raise TraceError(f"wanted one trace per rater, found several of {', '.join(twice)}")

"""A trace at other times, its gaps respected: a rater who has ended, or not begun, is not guessed at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..trace import Trace

Float = NDArray[np.float64]
MAX_GAP_S = 5.0
MAX_HOLD_S = 0.5
"""How long the first and the last rating hold."""
ROUNDING_S = 1e-6
"""Times that are written in decimals, or moved by a lag, miss a limit or a sample by less."""
SLOWEST_SAMPLING_S = 1.0
"""Samples that lie further apart than one and a half of this have a gap between them, however regular."""


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


def mean_of_present(values: Float, *, axis: int) -> Float:
    """Return the mean of the finite values along an axis; NaN where there is none."""
    present = np.isfinite(values)
    count = present.sum(axis=axis)
    total = np.where(present, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def filled(values: Float) -> Float:
    """Return (T,) values with NaN interpolated by index, the ends held; all NaN stays all NaN."""
    there = np.flatnonzero(np.isfinite(values))
    if not len(there):
        return values.copy()
    return np.interp(np.arange(len(values)), there, values[there])

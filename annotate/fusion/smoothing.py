"""Smoothing of one series over time, in windows of seconds: moving average, Savitzky-Golay, median.

No filter here is zero-padded: `convolve(..., 'same')` takes what lies beyond an end for 0 and so halves the
first and the last value. A stretch without a value stays without one, and none is smoothed across it but
by the moving average, which is the mean of what is within its window.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from .resample import mean_of_present

Float = NDArray[np.float64]
ORDER = 3
"""Of the Savitzky-Golay polynomial; MuSe-Toolbox's (Stappen et al., MuSe 2021)."""
UNEVEN = 0.1
"""Share of the period by which a step may miss it: frames jitter, a lost frame is a step of two."""


class Smooth(StrEnum):
    """How the gold standard is smoothed."""

    NONE = "none"
    AVERAGE = "average"
    SAVGOL = "savgol"
    MEDIAN = "median"


def smoothed(value: Float, time_s: Float, *, how: Smooth, window_s: float) -> Float:
    """Return a series smoothed over windows of `window_s` seconds, NaN where it was NaN.

    Parameters
    ----------
    value : (T,) float64
    time_s : (T,) float64, evenly spaced
    window_s : width of the window; the odd number of samples within it, at least one. Below 5 samples
        the cubic of `savgol` goes through every sample and nothing changes

    Raises
    ------
    TraceError
        The times are not evenly spaced.
    """
    value = np.asarray(value, np.float64)
    if how is Smooth.NONE or len(value) < 2:
        return value
    reach = round(window_s / period_of(time_s)) // 2
    if reach == 0:
        return value
    if how is Smooth.AVERAGE:
        return average(value, reach=reach)
    result = value.copy()
    for start, stop in stretches(np.isfinite(value)):
        piece = savgol if how is Smooth.SAVGOL else median
        result[start:stop] = piece(value[start:stop], reach=reach)
    return result


def average(value: Float, *, reach: int) -> Float:
    """Return the mean of the present values within `reach` samples; ends use what there is.

    Costs two cumulated sums, whatever the window.
    """
    present = np.isfinite(value)
    summed = np.concatenate([[0.0], np.cumsum(np.where(present, value, 0.0))])
    counted = np.concatenate([[0], np.cumsum(present)])
    at = np.arange(len(value))
    low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, len(value))
    count = counted[high] - counted[low]
    return np.where(present, (summed[high] - summed[low]) / np.maximum(count, 1), np.nan)


def savgol(value: Float, *, reach: int) -> Float:
    """Return a Savitzky-Golay filter of order 3; the ends lie on the polynomial of the outermost window.

    Savitzky and Golay, Analytical Chemistry 36, 1964. A stretch shorter than the window takes the longest
    odd window that it holds; one too short for a cubic is left as it is. A cubic stays what it is.
    """
    from scipy.signal import savgol_filter

    n_window = min(2 * reach + 1, len(value) - (len(value) + 1) % 2)
    if n_window <= ORDER:
        return value
    return np.asarray(savgol_filter(value, n_window, ORDER, mode="interp"), np.float64)


def median(value: Float, *, reach: int) -> Float:
    """Return the running median; beyond the ends the outermost value stands, so a slope stays a slope."""
    from scipy.ndimage import median_filter

    return median_filter(value, size=2 * reach + 1, mode="nearest")


def period_of(time_s: Float) -> float:
    """Return the period of evenly spaced times, seconds; raises TraceError where they are not."""
    steps_s = np.diff(np.asarray(time_s, np.float64))
    period_s = float(np.median(steps_s))
    if steps_s.min() < (1 - UNEVEN) * period_s or steps_s.max() > (1 + UNEVEN) * period_s:
        raise TraceError(
            f"wanted evenly spaced times to smooth or align over, found steps of {steps_s.min():.3f} to "
            f"{steps_s.max():.3f} s; use --fps in place of --at"
        )
    return period_s


def stretches(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the ranges (start, stop) in which all are present."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def centered_on_all(per_rater: Float) -> Float:
    """Return each rater's series with its own mean replaced by the mean over all raters' means.

    RECOLA's zero-mean normalisation (Ringeval et al., 2013) with the grand mean put back, without which the
    sign of valence would be lost. Leaves [-1, 1] where a biased rater goes to the end of the scale.

    Parameters
    ----------
    per_rater : (K, T) float64, NaN where a rater gave nothing
    """
    own_mean = mean_of_present(per_rater, axis=1)
    return per_rater - own_mean[:, None] + mean_of_present(own_mean, axis=0)

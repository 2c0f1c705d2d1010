"""Where numbers measured over time step from one level to another."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
MIN_SEGMENT = 3
MOST_ENDS = 40  # of a stretch in the middle are tried; more moments are tried in larger steps
STEP_SIGMAS = 5.0  # a step is so many times its standard error
LEAST_SPREAD_PX = 0.1  # few moments may lie closer together by chance


def find_steps(values: Float, *, least_px: float) -> list[int]:
    """Return where rows (M, K) step from one level to another, as first rows of the new levels.

    Splits at the place that leaves the least absolute deviation from the medians on both sides, as long as
    these differ by `least_px` and by five standard errors; then looks within both sides. Where no place does,
    a stretch in the middle is looked for that differs so from what is around it.
    """
    n = len(values)
    splits = range(MIN_SEGMENT, n - MIN_SEGMENT + 1)
    if not splits:
        return []
    cost = [_deviation(values[:k]).sum() + _deviation(values[k:]).sum() for k in splits]
    k = splits[int(np.argmin(cost))]
    if _differ(values[:k], values[k:], least_px=least_px):
        bounds = [0, k, n]
    elif (stretch := _stretch_apart(values, least_px=least_px)) is not None:
        bounds = [0, *stretch, n]
    else:
        return []
    steps = []
    for first, last in pairwise(bounds):
        steps += [first] if first else []
        steps += [first + k for k in find_steps(values[first:last], least_px=least_px)]
    return steps


def _stretch_apart(values: Float, *, least_px: float) -> tuple[int, int] | None:
    """Return first row and end of the stretch that differs most from all around it; None for none."""
    n = len(values)
    ends = range(MIN_SEGMENT, n - MIN_SEGMENT + 1, max(1, n // MOST_ENDS))
    best, found = _deviation(values).sum(), None
    for first, last in combinations(ends, 2):
        if last - first < MIN_SEGMENT:
            continue
        around = np.concatenate([values[:first], values[last:]])
        cost = _deviation(values[first:last]).sum() + _deviation(around).sum()
        if cost < best and _differ(values[first:last], around, least_px=least_px):
            best, found = cost, (first, last)
    return found


def _differ(a: Float, b: Float, *, least_px: float) -> bool:
    """Say whether the medians of two sets of rows differ by `least_px` and by five standard errors."""
    step_px = float(np.linalg.norm(np.median(a, axis=0) - np.median(b, axis=0)))
    error_px = float(np.linalg.norm([standard_error(a), standard_error(b)]))
    return step_px > max(least_px, STEP_SIGMAS * error_px)


def standard_error(values: Float) -> Float:
    """Return the standard error (K,) of the median of rows (M, K), from their median absolute deviation."""
    spread = 1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0)
    return 1.2533 * np.maximum(spread, LEAST_SPREAD_PX) / np.sqrt(len(values))


def _deviation(values: Float) -> Float:
    return np.linalg.norm(values - np.median(values, axis=0), axis=1)

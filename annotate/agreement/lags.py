"""How much later each rater rates than the others: relative lags only, no rating says when the film moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from ..fusion.lag import MAX_LAG_S, MIN_SHARED, STEP_S, correlation_at
from .ratings import Ratings

SHORTEST_S = 30.0
"""A session must be some times longer than the search, or nearly any two curves can be shifted to fit."""
MIN_R = 0.3
MIN_GAIN = 0.05
"""By how much the correlation must grow by shifting: flat peaks say nothing."""


def apart_s(sessions: Sequence[Ratings]) -> Mapping[str, float]:
    """Return by how many seconds each rater is later (positive) or earlier than every other, at least.

    For each pair of raters the correlation as a function of the shift between them, mean over the sessions
    that they share, has its maximum at the lag between them. A rater who is late is late against all: of the
    lags to the others, if they have one sign, the smallest is returned, else 0. So one late rater does not
    make all others look early.

    Returns
    -------
    By rater; NaN where no pair has a lag: sessions shorter than 30 s, correlations below 0.3, a maximum at
    the edge of the search (+-6 s, or a sample less).
    """
    raters = sorted({rater for one in sessions for rater in one.raters})
    between: dict[str, list[float]] = {rater: [] for rater in raters}
    for a, b in combinations(raters, 2):
        lag_s = _pair_lag_s([one for one in sessions if a in one.raters and b in one.raters], a, b)
        if np.isfinite(lag_s):
            between[a].append(lag_s)
            between[b].append(-lag_s)
    return {rater: _at_least(own) for rater, own in between.items()}


def _pair_lag_s(sessions: Sequence[Ratings], a: str, b: str) -> float:
    """Return by how much `a` is later than `b`, seconds; NaN where it cannot be told."""
    curves = []
    for one in sessions:
        period_s = float(np.diff(one.time_s[:2])[0]) if len(one.time_s) > 1 else np.inf
        if period_s * len(one.time_s) < SHORTEST_S:
            continue
        every = max(1, round(STEP_S / period_s))
        n_steps = int(MAX_LAG_S / (every * period_s) + 1e-6)
        shifts = every * np.arange(-n_steps, n_steps + 1)
        first, second = (one.per_rater[one.raters.index(rater)] for rater in (a, b))
        r = [correlation_at(first, second, int(shift), min_shared=MIN_SHARED) for shift in shifts]
        if np.isfinite(r).all():
            curves.append((shifts * period_s, np.array(r)))
    if not curves:
        return float("nan")
    reach_s = min(float(at[-1]) for at, _ in curves)
    n_steps = int(reach_s / STEP_S + 1e-6)
    shift_s = STEP_S * np.arange(-n_steps, n_steps + 1)
    r = np.mean([np.interp(shift_s, at, own) for at, own in curves], axis=0)
    best = int(np.argmax(r))
    if best in (0, len(r) - 1) or r[best] < MIN_R:
        return float("nan")
    if r[best] - r[n_steps] < MIN_GAIN:
        return 0.0
    return float(round(shift_s[best], 6))


def _at_least(lags_s: Sequence[float]) -> float:
    if not lags_s:
        return float("nan")
    if min(lags_s) > 0:
        return min(lags_s)
    return max(lags_s) if max(lags_s) < 0 else 0.0

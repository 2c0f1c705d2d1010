"""Ratings aligned in time by dynamic time warping before they are averaged.

The aligned mean is DBA (DTW barycenter averaging: Petitjean, Ketterlin and Gancarski, Pattern Recognition
44(3), 2011) begun at the medoid, the rater whose warped distance to all others is least; unlike there, each
rater counts once per moment, however many of its samples meet there. Warping is kept within a band (Sakoe
and Chiba, IEEE Transactions on Acoustics, Speech, and Signal Processing 26(1), 1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from .resample import filled, mean_of_present

Float = NDArray[np.float64]
BAND_S = 3.0
"""How far a moment of one rating may be moved; lags differ by less between most raters."""
N_ROUNDS = 20
SETTLED = 1e-6
"""Mean squared change of the barycenter, in standard deviations, at which it stands."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Ratings brought to one time.

    Attributes
    ----------
    per_rater : (K, T) float64, what each rater said at the moments of the barycenter; NaN where nothing
    medoid : index of the rater whose time the barycenter begins at
    n_rounds : how often the barycenter was reckoned until it stood
    """

    per_rater: Float
    medoid: int
    n_rounds: int


def aligned(per_rater: Float, *, period_s: float, band_s: float = BAND_S) -> Aligned:
    """Return ratings aligned to their DTW barycenter.

    Paths are found on each rater's standard scores, so that bias and gain do not bend time, and the
    ratings themselves are then read along them. Gaps are interpolated for the path alone. Six raters of ten
    minutes at 10 Hz cost 1 s: K (K - 1) / 2 distances and at most 20 K paths of T * band cells.

    Parameters
    ----------
    per_rater : (K, T) float64, NaN where a rater gave nothing
    band_s : how far a moment may be moved

    Raises
    ------
    TraceError
        Fewer than two raters gave a value.
    """
    ratings = np.asarray(per_rater, np.float64)
    rated = [k for k in range(len(ratings)) if np.isfinite(ratings[k]).any()]
    if len(rated) < 2:
        raise TraceError(f"wanted two raters or more to align, found {len(rated)}; use --method mean")
    band = max(1, round(band_s / period_s))
    scores = {k: _standard_scores(filled(ratings[k])) for k in rated}
    medoid = _medoid(scores, band)
    barycenter = scores[medoid]
    paths: dict[int, NDArray[np.int64]] = {}
    n_rounds = 0
    change = np.inf
    while n_rounds < N_ROUNDS and change >= SETTLED:
        n_rounds += 1
        paths = {k: path_between(barycenter, scores[k], band=band) for k in rated}
        moved = [_along(scores[k], paths[k], len(barycenter)) for k in rated]
        after = mean_of_present(np.stack(moved), axis=0)
        change = float(np.mean((after - barycenter) ** 2))
        barycenter = after
    result = np.full(ratings.shape, np.nan)
    for k in rated:
        result[k] = _along(ratings[k], paths[k], ratings.shape[1])
    return Aligned(result, medoid, n_rounds)


def path_between(a: Float, b: Float, *, band: int) -> NDArray[np.int64]:
    """Return the pairs (i, j) of the cheapest warping of two series: (P, 2) int64, from starts to ends.

    The cost is the sum of squared differences; i and j grow by at most 1, and differ by at most `band`. Of
    equal ways the straight one is taken. Costs O(T * band).
    """
    from .warping_kernels import way_back, ways_of

    _, ways = ways_of(np.ascontiguousarray(a), np.ascontiguousarray(b), band)
    return way_back(ways, band)


def distance_between(a: Float, b: Float, *, band: int) -> float:
    """Return the cost of the cheapest warping of two series of one length."""
    from .warping_kernels import ways_of

    return float(ways_of(np.ascontiguousarray(a), np.ascontiguousarray(b), band)[0])


def _medoid(scores: dict[int, Float], band: int) -> int:
    total = dict.fromkeys(scores, 0.0)
    for k in scores:
        for other in scores:
            if k < other:
                distance = distance_between(scores[k], scores[other], band=band)
                total[k] += distance
                total[other] += distance
    return min(total, key=lambda k: (total[k], k))


def _along(values: Float, path: NDArray[np.int64], n_moments: int) -> Float:
    """Return the mean of the values that meet each moment of the barycenter; NaN where none is present."""
    moment, sample = path[:, 0], path[:, 1]
    there = np.isfinite(values[sample])
    count = np.bincount(moment[there], minlength=n_moments)
    total = np.bincount(moment[there], weights=values[sample][there], minlength=n_moments)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _standard_scores(values: Float) -> Float:
    """Return values less their mean, over their standard deviation; 0 of a constant."""
    spread = values.std() if np.ptp(values) > 0 else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))

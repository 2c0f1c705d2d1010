"""Measures of two series, and of all pairs of several raters. Formulas only; no files.

Samples that are NaN in either series are left out. All variances divide by n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
ABOVE_0 = 1e-6
"""What is above 0, of ratings in [-1, 1]: interpolation, zero-mean and files leave less of 0."""


def ccc(a: Float, b: Float) -> float:
    """Return the concordance correlation coefficient, 2 cov / (var_a + var_b + (mean_a - mean_b)^2).

    Lin, Biometrics 45, 1989. 1 for equal series, and 0 if just one of them is constant; NaN without samples.
    """
    a, b = _present(a, b)
    if not len(a):
        return float("nan")
    if is_constant(a) and is_constant(b):
        return float(is_constant(np.concatenate([a, b])))
    covariance = float(np.mean((a - a.mean()) * (b - b.mean())))
    scatter = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return 2 * covariance / scatter


def pearson(a: Float, b: Float) -> float:
    """Return Pearson's correlation; NaN if either series is constant or shorter than 2."""
    a, b = _present(a, b)
    if len(a) < 2 or is_constant(a) or is_constant(b):
        return float("nan")
    return float(np.mean((a - a.mean()) * (b - b.mean())) / (a.std() * b.std()))


def is_constant(series: Float) -> bool:
    """Return whether a series, not empty, varies by no more than rounding, 1e-12 or that share of its size.

    The standard deviation of a constant may be 1e-17, and so may the sum of a rater and of the opposite.
    """
    return bool(np.ptp(series) <= 1e-12 * max(1.0, float(np.abs(series).max())))


def mse(a: Float, b: Float) -> float:
    """Return the mean squared difference; NaN without samples."""
    a, b = _present(a, b)
    return float(np.mean((a - b) ** 2)) if len(a) else float("nan")


def share_positive(values: Float) -> float:
    """Return the share of samples above 0, and not by rounding alone; NaN without samples.

    Parameters
    ----------
    values : any shape, in [-1, 1] or on a scale as wide or wider
    """
    present = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(np.mean(present > ABOVE_0)) if len(present) else float("nan")


def matrix_of(measure: Callable[[Float, Float], float], per_rater: Float) -> Float:
    """Return a symmetric measure of every pair of raters, (K, T) -> (K, K); NaN on the diagonal."""
    ratings = np.asarray(per_rater, np.float64)
    found = np.full((len(ratings), len(ratings)), np.nan)
    for i, j in combinations(range(len(ratings)), 2):
        found[i, j] = found[j, i] = measure(ratings[i], ratings[j])
    return found


def mean_over_pairs(measure: Callable[[Float, Float], float], per_rater: Float) -> float:
    """Return the mean of a measure over the pairs of raters (K, T) for which it is defined; NaN for none."""
    return mean_of_defined(measure(a, b) for a, b in combinations(np.asarray(per_rater, np.float64), 2))


def mean_of_defined(values: Iterable[float]) -> float:
    """Return the mean of the finite ones among numbers; NaN if there is none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def overall_ccc(per_rater: Float) -> float:
    """Return the overall concordance correlation of K raters.

    OCCC = 2 sum_{i<j} cov_ij / ((K - 1) sum var_i + sum_{i<j} (mean_i - mean_j)^2); Barnhart, Haber and Song,
    Biometrics 58, 2002, equation 4. It is the mean of the pairs' CCC weighted by their denominators, so that
    a pair who hardly move count little. For two raters it is `ccc`.

    Parameters
    ----------
    per_rater : (K, T) float64. Only times that all raters rated count.

    Returns
    -------
    float, 1 if all are equal, NaN with fewer than two raters or without such times.
    """
    ratings = rated_by_all(per_rater)
    n_raters, n_times = ratings.shape
    if n_raters < 2 or n_times == 0:
        return float("nan")
    if is_constant(ratings):
        return 1.0
    covariance = np.atleast_2d(np.cov(ratings, bias=True)) if n_times > 1 else np.zeros((n_raters,) * 2)
    mean = ratings.mean(axis=1)
    upper = np.triu_indices(n_raters, 1)
    scatter = (n_raters - 1) * np.trace(covariance) + ((mean[:, None] - mean)[upper] ** 2).sum()
    return float(2 * covariance[upper].sum() / scatter)


def rated_by_all(per_rater: Float) -> Float:
    """Return the times that all raters rated, (K, T) -> (K, N)."""
    ratings = np.asarray(per_rater, np.float64)
    return ratings[:, np.isfinite(ratings).all(axis=0)]


def _present(a: Float, b: Float) -> tuple[Float, Float]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]

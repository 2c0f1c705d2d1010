"""How well raters agree: the measures of the RECOLA and MAVFER tables. Formulas only; no files.

Samples that are NaN in any of the compared series are left out. All variances divide by n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of the raters of one session in one dimension.

    Attributes
    ----------
    positive : share of ratings above 0 (the tables' "% pos."; read as over all samples of all raters)
    mse, pearson, ccc : mean over the pairs of raters for which the measure is defined, in [-1, 1] units; NaN
        with fewer than two raters
    alpha : Cronbach's alpha
    """

    positive: float
    mse: float
    pearson: float
    ccc: float
    alpha: float


def agreement(per_rater: Float) -> Agreement:
    """Return the agreement of K raters, (K, T) in [-1, 1]."""
    return Agreement(
        positive=share_positive(per_rater),
        mse=_over_pairs(mse, per_rater),
        pearson=_over_pairs(pearson, per_rater),
        ccc=_over_pairs(ccc, per_rater),
        alpha=cronbach_alpha(per_rater),
    )


def ccc(a: Float, b: Float) -> float:
    """Return the concordance correlation coefficient, 2 cov / (var_a + var_b + (mean_a - mean_b)^2).

    Lin, Biometrics 45, 1989. 1 for equal series, and 0 if just one of them is constant; NaN without samples.
    """
    a, b = _present(a, b)
    if not len(a):
        return float("nan")
    covariance = float(np.mean((a - a.mean()) * (b - b.mean())))
    scatter = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return 2 * covariance / scatter if scatter > 0 else 1.0


def pearson(a: Float, b: Float) -> float:
    """Return Pearson's correlation; NaN if either series is constant or shorter than 2."""
    a, b = _present(a, b)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:  # the std of a constant may be 1e-17
        return float("nan")
    return float(np.mean((a - a.mean()) * (b - b.mean())) / (a.std() * b.std()))


def mse(a: Float, b: Float) -> float:
    """Return the mean squared difference; NaN without samples."""
    a, b = _present(a, b)
    return float(np.mean((a - b) ** 2)) if len(a) else float("nan")


def cronbach_alpha(per_rater: Float) -> float:
    """Return Cronbach's alpha, K / (K - 1) * (1 - sum of variances / variance of the sum).

    Cronbach, Psychometrika 16, 1951; equals ICC(3, k). Only times that all raters rated count; NaN with fewer
    than two raters or where the sum is constant.

    Parameters
    ----------
    per_rater : (K, T) float64
    """
    ratings = np.asarray(per_rater, np.float64)
    ratings = ratings[:, np.isfinite(ratings).all(axis=0)]
    n_raters, n_times = ratings.shape
    if n_raters < 2 or n_times < 2 or np.ptp(ratings.sum(axis=0)) == 0:
        return float("nan")
    share_alone = float(ratings.var(axis=1).sum() / ratings.sum(axis=0).var())
    return n_raters / (n_raters - 1) * (1 - share_alone)


def share_positive(values: Float) -> float:
    """Return the share of samples above 0; NaN without samples."""
    present = np.asarray(values, np.float64)[np.isfinite(values)]
    return float(np.mean(present > 0)) if len(present) else float("nan")


def _over_pairs(measure: Callable[[Float, Float], float], per_rater: Float) -> float:
    values = [measure(a, b) for a, b in combinations(np.asarray(per_rater, np.float64), 2)]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _present(a: Float, b: Float) -> tuple[Float, Float]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]

"""Reliability of K raters: Cronbach's alpha, intraclass correlations, Krippendorff's alpha. Formulas only.

Intraclass correlations and Cronbach's alpha take only times that all raters rated; Krippendorff's alpha takes
every time that two or more rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pairs import is_constant, rated_by_all

Float = NDArray[np.float64]
NAN = float("nan")
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its confidence interval of 95 %; NaN where it is not defined."""

    value: float
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """The two-way analysis of variance of N times rated by all of K raters, in squared units of the rating.

    Attributes
    ----------
    n, k : times and raters
    rows : between times (MSR)
    columns : between raters (MSC)
    error : what is left (MSE)
    within : within times (MSW)
    """

    n: int
    k: int
    rows: float
    columns: float
    error: float
    within: float


def mean_squares(per_rater: Float) -> MeanSquares | None:
    """Return the mean squares of ratings (K, T); None with fewer than two raters or two shared times."""
    ratings = rated_by_all(per_rater)
    k, n = ratings.shape
    if k < 2 or n < 2:
        return None
    at_time, of_rater, grand = ratings.mean(axis=0), ratings.mean(axis=1), ratings.mean()
    left = ratings - at_time - of_rater[:, None] + grand
    between, between_raters = at_time - grand, of_rater - grand
    rows = k * float((between**2).sum())
    columns, error = n * float((between_raters**2).sum()), float((left**2).sum())
    floor = ratings.size * float(np.abs(ratings).max(initial=0.0) * 1e-14) ** 2  # what rounding leaves of 0
    rows, columns, error = (0.0 if found <= floor else found for found in (rows, columns, error))
    return MeanSquares(
        n=n,
        k=k,
        rows=rows / (n - 1),
        columns=columns / (k - 1),
        error=error / ((n - 1) * (k - 1)),
        within=(columns + error) / (n * (k - 1)),
    )


def icc(per_rater: Float, form: str) -> Estimate:
    """Return an intraclass correlation of raters (K, T), with its confidence interval of 95 %.

    McGraw and Wong, Psychological Methods 1, 1996, tables 4 and 7; in brackets the names of Shrout and
    Fleiss, Psychological Bulletin 86, 1979. The intervals take the times as independent. Neighboring samples
    of one rating are not: on continuous ratings the intervals are too narrow, the more so the higher the
    rate.

    Parameters
    ----------
    form : "1" [ICC(1,1)] and "1k" [ICC(1,k)], one-way; "A1" [ICC(2,1)] and "Ak" [ICC(2,k)], absolute
        agreement; "C1" [ICC(3,1)] and "Ck" [ICC(3,k)], consistency, whatever each rater's own mean. The
        forms with k are of the mean of the K raters

    Returns
    -------
    Estimate. 1 if all raters are equal and not constant; NaN with fewer than two raters or two times, or if
    nothing varies. Without any error the interval is the value itself; it is NaN where the
    approximation of ICC(A) does not hold, far below 0.
    """
    found = mean_squares(per_rater)
    if found is None:
        return Estimate(NAN)
    if form in ("1", "1k"):
        return _one_way(found, of_mean=form == "1k")
    if form in ("C1", "Ck"):
        return _consistency(found, of_mean=form == "Ck")
    if form in ("A1", "Ak"):
        return _absolute(found, of_mean=form == "Ak")
    raise ValueError(f"wanted one of 1, 1k, A1, Ak, C1, Ck, found {form!r}")


def cronbach_alpha(per_rater: Float) -> float:
    """Return Cronbach's alpha, K / (K - 1) * (1 - sum of variances / variance of the sum).

    Cronbach, Psychometrika 16, 1951; equals ICC(C,k). Only times that all raters rated count; NaN with fewer
    than two raters or where the sum is constant.

    Parameters
    ----------
    per_rater : (K, T) float64
    """
    ratings = rated_by_all(per_rater)
    n_raters, n_times = ratings.shape
    if n_raters < 2 or n_times < 2 or is_constant(ratings.sum(axis=0)):
        return NAN
    share_alone = float(ratings.var(axis=1).sum() / ratings.sum(axis=0).var())
    return n_raters / (n_raters - 1) * (1 - share_alone)


def krippendorff_alpha(per_rater: Float) -> float:
    """Return Krippendorff's alpha for interval data, 1 - D_o / D_e with delta = (a - b)^2.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section D: a time counts if two raters
    or more rated it, with m_u values it weighs its pairs by 1 / (m_u - 1), and D_e is over all pairs of the
    values that count. The sums over pairs are taken as sums of squares, so the cost is linear in K T.

    Returns
    -------
    float. 1 if all raters are equal and not constant; NaN if no time has two values, or if all values are
    the same, for then there is nothing to reproduce.
    """
    ratings = np.asarray(per_rater, np.float64)
    if ratings.shape[0] < 2 or ratings.shape[1] == 0:
        return NAN
    present = np.isfinite(ratings)
    count = present.sum(axis=0)
    ratings, present, count = ratings[:, count > 1], present[:, count > 1], count[count > 1]
    values = ratings[present]
    if not len(values) or is_constant(values):
        return NAN
    zeroed = np.where(present, ratings, 0.0)
    apart = np.where(present, ratings - zeroed.sum(axis=0) / count, 0.0)
    observed = float((2 * count / (count - 1) * (apart**2).sum(axis=0)).sum()) / len(values)
    expected = 2 * float(((values - values.mean()) ** 2).sum()) / (len(values) - 1)
    return 1 - observed / expected


def _one_way(found: MeanSquares, *, of_mean: bool) -> Estimate:
    n, k = found.n, found.k
    return _from_ratio(found.rows, found.within, k, n - 1, n * (k - 1), of_mean=of_mean)


def _consistency(found: MeanSquares, *, of_mean: bool) -> Estimate:
    n, k = found.n, found.k
    return _from_ratio(found.rows, found.error, k, n - 1, (n - 1) * (k - 1), of_mean=of_mean)


def _from_ratio(rows: float, noise: float, k: int, df_rows: int, df_noise: int, *, of_mean: bool) -> Estimate:
    """Return (F - 1) / (F + k - 1) or 1 - 1 / F of F = rows / noise, and the same at the limits of F."""
    if rows == 0 and noise == 0:
        return Estimate(NAN)
    if rows == 0 and of_mean:
        return Estimate(NAN)

    def of_ratio(ratio: float) -> float:
        return 1 - 1 / ratio if of_mean else (ratio - 1) / (ratio + k - 1)

    if noise == 0:
        return Estimate(1.0, 1.0, 1.0)
    ratio, tail = rows / noise, (1 - CONFIDENCE) / 2
    if rows == 0:
        return Estimate(of_ratio(0.0))
    low = ratio / _f_quantile(1 - tail, df_rows, df_noise)
    high = ratio * _f_quantile(1 - tail, df_noise, df_rows)
    return Estimate(of_ratio(ratio), of_ratio(low), of_ratio(high))


def _absolute(found: MeanSquares, *, of_mean: bool) -> Estimate:
    """Return ICC(A,1) or ICC(A,k); the interval by Satterthwaite's degrees of freedom, table 7."""
    n, k, rows, columns, error = found.n, found.k, found.rows, found.columns, found.error
    between = (columns - error) / n
    whole = rows + (between if of_mean else (k - 1) * error + k * between)
    if whole == 0 or (rows == 0 and error == 0 and columns == 0):
        return Estimate(NAN)
    value = (rows - error) / whole
    single = value if not of_mean else _single(rows, columns, error, n, k)
    if error == 0 and columns == 0:
        return Estimate(1.0, 1.0, 1.0)
    if single == 1 or not np.isfinite(single) or rows == 0:
        return Estimate(value)
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    parts = (a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    if parts == 0:
        return Estimate(value)
    freedom, tail = (a * columns + b * error) ** 2 / parts, (1 - CONFIDENCE) / 2
    if not freedom > 0:
        return Estimate(value)
    f_low = _f_quantile(1 - tail, n - 1, freedom)
    f_high = _f_quantile(1 - tail, freedom, n - 1)
    rest = k * columns + (k * n - k - n) * error
    low = n * (rows - f_low * error) / (f_low * rest + n * rows)
    high = n * (f_high * rows - error) / (rest + n * f_high * rows)
    if of_mean:
        low, high = (k * end / (1 + (k - 1) * end) for end in (low, high))  # Spearman and Brown, 1910
    if not low <= value <= high:  # far below 0 the approximation leaves its own estimate out
        return Estimate(value)
    return Estimate(value, float(low), float(high))


def _single(rows: float, columns: float, error: float, n: int, k: int) -> float:
    whole = rows + (k - 1) * error + k * (columns - error) / n
    return (rows - error) / whole if whole else NAN


def _f_quantile(share: float, df_above: float, df_below: float) -> float:
    from scipy.stats import f

    return float(f.ppf(share, df_above, df_below))

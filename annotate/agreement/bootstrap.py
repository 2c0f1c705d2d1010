"""Confidence intervals by drawing sessions anew: neighboring samples are alike, sessions are independent.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentiles). Pooled measures
are taken from sums that add up over sessions, so that a thousand draws cost no more than a few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pairs import ABOVE_0, rated_by_all

Float = NDArray[np.float64]
MIN_SESSIONS = 5
"""Of fewer, the draws are too few for limits of 95 %."""
N_DRAWS = 1000
LIMITS = (2.5, 97.5)
TINY = 1e-12


def interval_of_mean(values: Sequence[float], *, seed: int) -> tuple[float, float]:
    """Return the limits of 95 % of a mean over sessions; NaN of fewer than five defined values."""
    known = np.array([value for value in values if np.isfinite(value)])
    if len(known) < MIN_SESSIONS:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    means = known[random.integers(0, len(known), (N_DRAWS, len(known)))].mean(axis=1)
    low, high = np.percentile(means, LIMITS)
    return float(low), float(high)


def intervals_of_pooled(teams: Sequence[Sequence[Float]], *, seed: int) -> Mapping[str, tuple[float, float]]:
    """Return the limits of 95 % of measures of pooled sessions, by the names of `measures.MEASURES`.

    Sessions are drawn from all teams together; a draw's figure is the mean of the teams' figures, weighted by
    their ratings, as the pooled figure itself is.

    Parameters
    ----------
    teams : per team its sessions, each (K, T) float64 with the same K raters; NaN is missing

    Returns
    -------
    Empty with fewer than five sessions. A measure that is not defined in a tenth of the draws has no limits.
    """
    n_sessions = sum(len(team) for team in teams)
    if n_sessions < MIN_SESSIONS:
        return {}
    random = np.random.default_rng(seed)
    drawn = random.multinomial(n_sessions, np.full(n_sessions, 1 / n_sessions), size=N_DRAWS).astype(float)
    figures: list[dict[str, Float]] = []
    weights: list[Float] = []
    at = 0
    for team in teams:
        times = drawn[:, at : at + len(team)]
        at += len(team)
        sums = _Sums.of([_Sums.of_session(own) for own in team], times)
        figures.append(measures_of(sums))
        weights.append(sums.n_values)
    found = {}
    for name in figures[0]:
        values, weight = np.stack([one[name] for one in figures]), np.stack(weights)
        weight = np.where(np.isfinite(values), weight, 0.0)
        whole = weight.sum(axis=0)
        pooled = (np.where(weight > 0, values, 0.0) * weight).sum(axis=0)[whole > 0] / whole[whole > 0]
        if len(pooled) >= 0.9 * N_DRAWS:
            low, high = np.percentile(pooled, LIMITS)
            found[name] = (float(low), float(high))
    return found


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the measures of K raters are made of, each with a leading axis of draws once summed.

    Attributes
    ----------
    n_values, n_positive : ratings, and those above 0
    pair_n, pair_a, pair_aa, pair_ab : (K, K) over times that both rated: count, sum of the row's rater, of
        its squares, of products
    all_n, all_sum, all_product : over times that all rated: count, (K,) sums, (K, K) products
    units : (4,) of times that two or more rated: values, their sum, sum of squares, sum within times
    """

    n_values: Float
    n_positive: Float
    pair_n: Float
    pair_a: Float
    pair_aa: Float
    pair_ab: Float
    all_n: Float
    all_sum: Float
    all_product: Float
    units: Float

    @classmethod
    def of_session(cls, per_rater: Float) -> _Sums:
        present = np.isfinite(per_rater)
        zeroed = np.where(present, per_rater, 0.0)
        mask = present.astype(float)
        complete = rated_by_all(per_rater)
        count = mask.sum(axis=0)
        several = count > 1
        total, squares = zeroed.sum(axis=0)[several], (zeroed**2).sum(axis=0)[several]
        count = count[several]
        within = np.maximum(squares - total**2 / count, 0.0) * 2 * count / (count - 1)
        return cls(
            n_values=np.array(mask.sum()),
            n_positive=np.array(float((zeroed > ABOVE_0).sum())),
            pair_n=mask @ mask.T,
            pair_a=zeroed @ mask.T,
            pair_aa=zeroed**2 @ mask.T,
            pair_ab=zeroed @ zeroed.T,
            all_n=np.array(float(complete.shape[1])),
            all_sum=complete.sum(axis=1),
            all_product=complete @ complete.T,
            units=np.array([count.sum(), total.sum(), squares.sum(), within.sum()]),
        )

    @classmethod
    def of(cls, sessions: Sequence[_Sums], times: Float) -> _Sums:
        """Return the sums of draws: `times` (B, S) says how often each session was drawn."""
        return cls(
            *(
                np.tensordot(times, np.stack([getattr(one, name) for one in sessions]), axes=1)
                for name in cls.__dataclass_fields__
            )
        )


def measures_of(sums: _Sums) -> dict[str, Float]:
    """Return the measures of draws, each (B,), NaN where not defined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "positive": sums.n_positive / sums.n_values,
            **_of_pairs(sums),
            **_of_complete(sums),
            "krippendorff": _krippendorff(sums.units),
        }


def _of_pairs(sums: _Sums) -> dict[str, Float]:
    upper = np.triu_indices(sums.pair_n.shape[-1], 1)
    n = sums.pair_n[:, *upper]
    mean_a, mean_b = sums.pair_a[:, *upper] / n, sums.pair_a.swapaxes(1, 2)[:, *upper] / n
    var_a = sums.pair_aa[:, *upper] / n - mean_a**2
    var_b = sums.pair_aa.swapaxes(1, 2)[:, *upper] / n - mean_b**2
    var_a, var_b = np.where(var_a < TINY, 0.0, var_a), np.where(var_b < TINY, 0.0, var_b)
    covariance = sums.pair_ab[:, *upper] / n - mean_a * mean_b
    apart = (mean_a - mean_b) ** 2
    scatter = var_a + var_b + np.where(apart < TINY, 0.0, apart)
    concordance = np.where(scatter > 0, 2 * covariance / scatter, 1.0)
    return {
        "mse": _mean(var_a + var_b - 2 * covariance + apart),
        "pearson": _mean(covariance / np.sqrt(var_a * var_b)),
        "ccc": _mean(np.where(n > 0, concordance, np.nan)),
    }


def _of_complete(sums: _Sums) -> dict[str, Float]:
    n, k = sums.all_n[:, None], sums.all_sum.shape[-1]
    mean = sums.all_sum / n
    covariance = sums.all_product / n[..., None] - mean[:, :, None] * mean[:, None, :]
    own = np.trace(covariance, axis1=1, axis2=2)
    own = np.where(own < TINY, 0.0, own)
    whole = covariance.sum(axis=(1, 2))
    whole = np.where(whole < TINY, np.nan, whole)
    count = sums.all_n
    rows = count * whole / k / (count - 1)
    error = count * np.maximum(own - whole / k, 0.0) / ((count - 1) * (k - 1))
    spread = ((mean - mean.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    columns = count * spread / (k - 1)
    shared = count > 1
    apart = k * spread
    return {
        "occc": np.where(shared, (whole - own) / ((k - 1) * own + apart), np.nan),
        "alpha": np.where(shared, k / (k - 1) * (1 - own / whole), np.nan),
        "icc_a1": np.where(
            shared, (rows - error) / (rows + (k - 1) * error + k * (columns - error) / count), np.nan
        ),
        "icc_c1": np.where(shared, (rows - error) / (rows + (k - 1) * error), np.nan),
        "icc_ck": np.where(shared, (rows - error) / rows, np.nan),
    }


def _krippendorff(units: Float) -> Float:
    n, total, squares, within = units.T
    expected = 2 * (squares - total**2 / n) / (n - 1)
    return 1 - (within / n) / np.where(expected < TINY, np.nan, expected)


def _mean(pairs: Float) -> Float:
    """Return the mean over the pairs (B, P) for which a measure is defined."""
    known = np.isfinite(pairs)
    return np.where(known, pairs, 0.0).sum(axis=1) / known.sum(axis=1)

"""How much each rater counts: the evaluator weighted estimator (EWE) in the readings that are in use.

On the same traces the readings differ: the weakest of three raters of a MuSe-CaR video gets between .06 and
.18 of the weight. So the reading is named in every result.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from ..agreement.pairs import ccc, is_constant, pearson
from .resample import mean_of_present

Float = NDArray[np.float64]
MIN_SHARED = 3
"""Samples that two series must share for their agreement to say anything."""


class Weighting(StrEnum):
    """What a rater's weight is made of; negative weights are 0, and all are divided by their sum."""

    EQUAL = "equal"
    R_MEAN = "r-mean"
    R_OTHERS = "r-others"
    R_PAIRS = "r-pairs"
    CCC_PAIRS = "ccc-pairs"


WORDS = {
    Weighting.EQUAL: "all raters alike",
    Weighting.R_MEAN: "r with the mean of all raters, self included (Grimm and Kroschel 2005)",
    Weighting.R_OTHERS: "r with the mean of the other raters",
    Weighting.R_PAIRS: "mean of r with each other rater",
    Weighting.CCC_PAIRS: "mean of the CCC (Lin 1989) with each other rater",
}


def weights_of(per_rater: Float, how: Weighting) -> Float:
    """Return the weights of K raters: (K,) float64 in [0, 1] that sum to 1.

    A rater who gave nothing gets 0, and so does, unless all count alike, one of whom no agreement is
    defined: a constant has no r. Two raters who never move agree on nothing, be they ever so equal.
    Negative agreement counts as 0.

    Parameters
    ----------
    per_rater : (K, T) float64, NaN where a rater gave nothing

    Raises
    ------
    TraceError
        Nobody gave a value, or fewer than two did where agreement is asked for, or nobody agrees with
        anybody: all weights are 0.
    """
    ratings = np.asarray(per_rater, np.float64)
    gave = np.asarray(np.isfinite(ratings).any(axis=1))
    if not gave.any():
        raise TraceError("wanted ratings, found not one value in any trace")
    if how is Weighting.EQUAL:
        return gave / gave.sum()
    if gave.sum() < 2:
        raise TraceError(
            f"wanted two raters or more to weight by their agreement ({how.value}), found {gave.sum()}; use "
            "--method mean"
        )
    raw = np.array([_agreement(ratings, k, how) if one else np.nan for k, one in enumerate(gave.tolist())])
    kept = np.where(np.isfinite(raw) & (raw > 0), raw, 0.0)
    if kept.sum() <= 0:
        raise TraceError(
            f"wanted a rater who agrees with the others, found none ({how.value}: all weights are 0); "
            "look at `mavfer labels agree`, or use --method mean"
        )
    return kept / kept.sum()


def weighted_mean(per_rater: Float, weights: Float) -> Float:
    """Return the weighted mean over the raters that are present: (T,), NaN where no weight is.

    Where a rater is missing, the weights of the others are scaled up to sum to 1.
    """
    ratings = np.asarray(per_rater, np.float64)
    weight = np.where(np.isfinite(ratings), np.asarray(weights, np.float64)[:, None], 0.0)
    total = weight.sum(axis=0)
    summed = (weight * np.where(np.isfinite(ratings), ratings, 0.0)).sum(axis=0)
    return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)


def _agreement(ratings: Float, k: int, how: Weighting) -> float:
    """Return rater k's raw weight; NaN where it is not defined."""
    others = np.delete(ratings, k, axis=0)
    if how is Weighting.R_MEAN:
        return _measured(pearson, ratings[k], mean_of_present(ratings, axis=0))
    if how is Weighting.R_OTHERS:
        return _measured(pearson, ratings[k], mean_of_present(others, axis=0))
    measure = pearson if how is Weighting.R_PAIRS else ccc
    found = [_measured(measure, ratings[k], other) for other in others]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _measured(measure: Callable[[Float, Float], float], a: Float, b: Float) -> float:
    shared = np.isfinite(a) & np.isfinite(b)
    if shared.sum() < MIN_SHARED or (is_constant(a[shared]) and is_constant(b[shared])):
        return float("nan")  # the CCC of equal constants is 1
    return measure(a, b)

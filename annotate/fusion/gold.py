"""Traces of one session and dimension -> one gold standard at given times, by a recipe. No files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from ..trace import RATING_LIMIT, Trace
from .lag import RaterLag, fixed_lags, lags_against_each_other, lags_against_reference
from .recipe import Lag, Method, Recipe
from .remarks import remarks_on_fusion
from .resample import MAX_GAP_S, MAX_HOLD_S, resample
from .smoothing import Smooth, centered_on_all, period_of, smoothed
from .warping import aligned
from .weights import weighted_mean, weights_of

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gold:
    """What the raters of one session agree on, in one dimension.

    Attributes
    ----------
    value : (T,) float64 in [-1, 1], NaN where nobody rated
    per_rater : (K, T) float64 in [-1, 1], NaN where that rater gave nothing; as they were averaged: lag
        taken out, centered, aligned
    raters : the K pseudonyms
    weights : (K,) float64 that sum to 1
    lags : of each rater, in their order
    remarks : what the user must know, one line each
    """

    value: Float
    per_rater: Float
    raters: tuple[str, ...]
    weights: Float
    lags: tuple[RaterLag, ...]
    remarks: tuple[str, ...] = ()


def gold_standard(
    traces: Sequence[Trace],
    time_s: Float,
    *,
    lag_s: float = 0.0,
    max_gap_s: float = MAX_GAP_S,
    max_hold_s: float = MAX_HOLD_S,
    centered: bool = False,
    smooth_s: float | None = None,
) -> Gold:
    """Return the mean over raters at given times, as labels in [-1, 1].

    The paper interpolates missing ratings linearly and averages over raters; that is the default. Its
    "mean filtering" is read as this mean over raters; the other reading, a moving average over time, is
    `smooth_s`. RECOLA's zero-mean normalisation is `centered`: each rater's own mean is taken out, and the
    mean over all raters is added back, without which the sign of valence would be lost. A dimension in
    which nobody gave a value is NaN throughout. `fuse` has the other methods.

    Parameters
    ----------
    traces : of one session and one dimension, one per rater
    time_s : (T,) float64, seconds since the first tick
    lag_s, max_gap_s, max_hold_s : as in `resample`
    centered : take out each rater's bias; this matters where a rater pauses, for the mean jumps there
    smooth_s : width of a centered moving average, needs `time_s` evenly spaced; None for none

    Raises
    ------
    TraceError
        No trace, or traces of different sessions or dimensions, or two of one rater.
    """
    _require_one_subject_matter(traces)
    lags = fixed_lags(traces, lag_s)
    if not any(np.isfinite(trace.value).any() for trace in traces):
        silent = np.full((len(traces), len(time_s)), np.nan)
        raters = tuple(trace.rater for trace in traces)
        return Gold(silent[0], silent, raters, np.zeros(len(traces)), lags)
    recipe = Recipe(
        centered=centered,
        smoothing=Smooth.AVERAGE if smooth_s else Smooth.NONE,
        window_s=smooth_s or 0.0,
        max_gap_s=max_gap_s,
        max_hold_s=max_hold_s,
    )
    return _fused(traces, np.asarray(time_s, np.float64), recipe, lags)


def fuse(
    traces: Sequence[Trace],
    time_s: Float,
    recipe: Recipe,
    *,
    reference: tuple[Float, Float] | None = None,
) -> Gold:
    """Return the gold standard that a recipe makes of traces.

    In this order: each rater's lag is taken out, gaps are interpolated in 1-D, raters are centered, aligned,
    weighted and averaged, and the result is smoothed and clipped to [-1, 1]. Weights are reckoned from what
    is averaged.

    Parameters
    ----------
    traces : of one session and one dimension, one per rater
    time_s : (T,) float64, increasing, seconds since the first tick; evenly spaced where the recipe aligns
        or smooths
    reference : times and values of the signal that lags are estimated against, where the recipe asks for it

    Raises
    ------
    TraceError
        Traces that do not belong together, no value at all, or what `weights_of`, `aligned`, `smoothed`
        and the two searches for lags refuse.
    """
    _require_one_subject_matter(traces)
    if not any(np.isfinite(trace.value).any() for trace in traces):
        raise TraceError("wanted ratings, found not one value in any trace")
    return _fused(traces, np.asarray(time_s, np.float64), recipe, _lags(traces, recipe, reference))


def _lags(
    traces: Sequence[Trace], recipe: Recipe, reference: tuple[Float, Float] | None
) -> tuple[RaterLag, ...]:
    search = {"max_lag_s": recipe.max_lag_s, "fallback_s": recipe.fallback_lag_s}
    if recipe.lag is Lag.ESTIMATED:
        return lags_against_each_other(traces, common_s=recipe.lag_s, **search)
    if recipe.lag is Lag.REFERENCE:
        if reference is None:
            raise TraceError("wanted a reference to estimate lags against, found none")
        return lags_against_reference(traces, time_s=reference[0], value=reference[1], **search)
    return fixed_lags(traces, recipe.lag_s)


def _fused(traces: Sequence[Trace], time_s: Float, recipe: Recipe, lags: tuple[RaterLag, ...]) -> Gold:
    gaps = {"max_gap_s": recipe.max_gap_s, "max_hold_s": recipe.max_hold_s}
    per_rater = (
        np.stack(
            [
                resample(trace, time_s, lag_s=lag.lag_s, **gaps)
                for trace, lag in zip(traces, lags, strict=True)
            ]
        )
        / RATING_LIMIT
    )
    n_clipped = 0
    if recipe.centered:
        centered = centered_on_all(per_rater)
        n_clipped = int((np.abs(centered) > 1 + 1e-9).sum())
        per_rater = np.clip(centered, -1, 1)
    warped = None
    if recipe.method is Method.DTW:
        warped = aligned(per_rater, period_s=period_of(time_s), band_s=recipe.band_s)
        per_rater = warped.per_rater
    weights = _weights(per_rater, recipe)
    value = weighted_mean(per_rater, weights)
    value = np.clip(smoothed(value, time_s, how=recipe.smoothing, window_s=recipe.window_s), -1, 1)
    raters = tuple(trace.rater for trace in traces)
    remarks = remarks_on_fusion(
        per_rater,
        raters,
        weights,
        lags,
        n_clipped=n_clipped,
        medoid=raters[warped.medoid] if warped else None,
        estimated=recipe.lag is Lag.ESTIMATED,
        common_s=recipe.lag_s,
    )
    return Gold(value, per_rater, raters, weights, lags, remarks)


def _weights(per_rater: Float, recipe: Recipe) -> Float:
    """Return the weights; where nobody's rating reaches the times asked for, nobody counts."""
    if not np.isfinite(per_rater).any():
        return np.zeros(len(per_rater))
    return weights_of(per_rater, recipe.weighting)


def _require_one_subject_matter(traces: Sequence[Trace]) -> None:
    if not traces:
        raise TraceError("wanted at least one trace, found none")
    for word, found in (
        ("session", {trace.session for trace in traces}),
        ("dimension", {trace.dimension for trace in traces}),
    ):
        if len(found) > 1:
            raise TraceError(f"wanted traces of one {word}, found {', '.join(sorted(found))}")
    raters = [trace.rater for trace in traces]
    twice = sorted({rater for rater in raters if raters.count(rater) > 1})
    if twice:
        raise TraceError(f"wanted one trace per rater, found several of {', '.join(twice)}")

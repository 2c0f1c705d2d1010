"""What is odd about a fusion, one line each: raters who count for nothing, lags that are not known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..trace import RATING_LIMIT
from .lag import RaterLag
from .resample import mean_of_present

Float = NDArray[np.float64]
WEAK = 0.3
"""An estimated lag that rests on a lower r is remarked on."""


def remarks_on_fusion(
    per_rater: Float,
    raters: Sequence[str],
    weights: Float,
    lags: Sequence[RaterLag],
    *,
    n_clipped: int,
    medoid: str | None,
    estimated: bool,
    common_s: float,
) -> tuple[str, ...]:
    """Return what the user must know of a gold standard, beside its recipe.

    Parameters
    ----------
    per_rater : (K, T) float64 in [-1, 1], as averaged
    weights : (K,)
    n_clipped : ratings that centering pushed out of [-1, 1]
    medoid : who the time of an aligned mean is; None where nothing was aligned
    estimated, common_s : whether lags were estimated against each other, and what they have in common
    """
    lines = []
    present = np.isfinite(per_rater)
    for k, (rater, weight) in enumerate(zip(raters, weights, strict=True)):
        values = per_rater[k][present[k]]
        if not len(values):
            lines.append(f"rater {rater!r} gave no value and counts for nothing")
        elif np.ptp(values) == 0:
            counts = "" if weight else " and counts for nothing, for a constant agrees with nobody"
            lines.append(f"rater {rater!r} gives {RATING_LIMIT * values[0]:g} throughout{counts}")
        elif weight == 0:
            lines.append(f"rater {rater!r} counts for nothing: the agreement with the others is not above 0")
    for lag in lags:
        if lag.source == "fallback":
            lines.append(
                f"rater {lag.rater!r} has the given lag of {lag.lag_s:g} s; the estimate could not be used"
            )
        elif np.isfinite(lag.correlation) and lag.correlation < WEAK:
            lines.append(f"the lag of rater {lag.rater!r} rests on r = {lag.correlation:.2f} only")
    if estimated:
        lines.append(
            f"lags are relative: raters alone do not tell what they have in common, taken as {common_s:g} s"
        )
    if medoid is not None:
        lines.append(f"moments are those of rater {medoid!r}, from whom the alignment begins")
    if n_clipped:
        lines.append(f"{n_clipped} ratings left [-1, 1] by centering and were clipped")
    silent = int(np.isnan(mean_of_present(per_rater, axis=0)).sum())
    unweighted = int((~present[weights > 0].any(axis=0)).sum()) - silent
    if unweighted:
        lines.append(f"{unweighted} moments have ratings only of raters who count for nothing, and no value")
    return tuple(lines)

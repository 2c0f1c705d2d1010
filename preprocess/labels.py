"""The gold standard at a session's frame times, and what each rater said there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..annotate.fusion import gold_standard
from ..annotate.trace import DIMENSIONS, Dimension, Trace


@dataclass(frozen=True, slots=True)
class Labels:
    """What one session's raters said at F frame times.

    Attributes
    ----------
    value : per dimension (F,) float32 in [-1, 1], the raters' mean; NaN where none rated
    per_rater : per rated dimension (K, F) float32 in [-1, 1], NaN where that rater gave nothing
    raters : per rated dimension the K pseudonyms
    """

    value: Mapping[Dimension, NDArray[np.float32]]
    per_rater: Mapping[Dimension, NDArray[np.float32]]
    raters: Mapping[Dimension, tuple[str, ...]]

    @property
    def all_raters(self) -> tuple[str, ...]:
        """Every rater of either dimension, sorted."""
        return tuple(sorted({rater for raters in self.raters.values() for rater in raters}))


def labels_at(traces: Sequence[Trace], time_s: NDArray[np.float64], *, lag_s: float) -> Labels:
    """Return the labels of frames at `time_s` (F,), seconds since the session's first tick.

    A rater who needs `lag_s` seconds to react rates the frame at t when the clock says t + lag_s, so the
    frame's label is read there. A dimension that nobody rated is NaN.
    """
    value: dict[Dimension, NDArray[np.float32]] = {}
    per_rater: dict[Dimension, NDArray[np.float32]] = {}
    raters: dict[Dimension, tuple[str, ...]] = {}
    for dimension in DIMENSIONS:
        rated = [trace for trace in traces if trace.dimension == dimension]
        if not rated:
            value[dimension] = np.full(len(time_s), np.nan, np.float32)
            continue
        gold = gold_standard(rated, time_s, lag_s=lag_s)
        value[dimension] = gold.value.astype(np.float32)
        per_rater[dimension] = gold.per_rater.astype(np.float32)
        raters[dimension] = tuple(gold.raters)
    return Labels(value, per_rater, raters)

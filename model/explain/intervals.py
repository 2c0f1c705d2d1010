"""How sure a figure is: bootstrap over subjects, as of scores, of anything that is computed from sums."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evaluation.bootstrap import MIN_SUBJECTS, drawn_subjects, limits

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Sums (..., k) -> a figure (...)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and the limits of 95 % over subjects, NaN with fewer than `MIN_SUBJECTS`."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "–"
        if not np.isfinite(self.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def figure(sums: NDArray[np.float64], statistic: Statistic, *, seed: int = 0) -> Figure:
    """Return what `statistic` says of all subjects together, and between which values it lies.

    Whole subjects are drawn again, with replacement, as often as there are (Efron 1979): frames of one
    subject are alike, and drawing those would promise too much.

    Parameters
    ----------
    sums : (n_subjects, k) float64, what adds up over subjects
    """
    value = float(statistic(sums.sum(0)))
    none = Figure(value, float("nan"), float("nan"))
    if len(sums) < MIN_SUBJECTS:
        return none
    found = statistic(drawn_subjects(len(sums), seed=seed) @ sums)
    known = found[np.isfinite(found)]
    if len(known) < len(found) / 2:  # most draws hold nothing that the figure could be computed from
        return none
    return Figure(value, *limits(known, len(sums)))


def ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first of two sums over the second, NaN over 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[..., 1] != 0, sums[..., 0] / sums[..., 1], np.nan)

"""Whether what is said can be taken at its word: predictions against the truth found where they were made."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evaluation.series import SessionPrediction
from .errors import subject_moments
from .intervals import Figure, figure, ratio

N_BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """Calibration of one dimension, or of classes' probabilities.

    Attributes
    ----------
    said : (n_bins,) the mean prediction (of classes: the probability of the class told) per bin
    found : per bin the mean truth (of classes: the share of clips told right), with intervals over subjects
    count : (n_bins,) int64, frames (of classes: clips)
    error : expected calibration error: the mean of |found - said| over frames (Guo 2017, Eq. 3)
    slope, intercept : of the line through the truth over the prediction; 1 and 0 where what is said is
        what is found, a slope below 1 where the network exaggerates. NaN of classes
    """

    said: NDArray[np.float64]
    found: tuple[Figure, ...]
    count: NDArray[np.int64]
    error: float
    slope: Figure
    intercept: Figure


def reliability_of(sessions: Sequence[SessionPrediction], dimension: str) -> Reliability:
    """Return the calibration of one dimension, in bins of equally many frames."""
    sums = np.stack(list(subject_moments(sessions, dimension).values()))
    pairs = []
    for session in sessions:
        p, t = session.predicted[dimension], session.truth[dimension]
        known = np.isfinite(p) & np.isfinite(t)
        pairs.append((session.subject, p[known], t[known]))
    edges = np.quantile(np.concatenate([p for _, p, _ in pairs]), np.linspace(0, 1, N_BINS + 1)[1:-1])
    return _in_bins(pairs, edges, slope=figure(sums, slope_of), intercept=figure(sums, intercept_of))


def class_reliability(sessions: Sequence[SessionPrediction]) -> Reliability:
    """Return the calibration of the probability of the class told, in bins of one width between 0 and 1."""
    pairs = []
    for session in sessions:
        if session.clips is None or not len(session.clips.probabilities):
            continue
        known = session.clips.truth >= 0
        right = (session.clips.predicted == session.clips.truth)[known].astype(np.float64)
        pairs.append((session.subject, session.clips.probabilities.max(1)[known], right))
    none = Figure(float("nan"), float("nan"), float("nan"))
    return _in_bins(pairs, np.linspace(0, 1, N_BINS + 1)[1:-1], slope=none, intercept=none)


def slope_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of truth over prediction of moments (..., 6), NaN where predictions do not vary."""
    n, p, t, pp, _, pt = np.moveaxis(sums, -1, 0)
    spread = pp / n - (p / n) ** 2
    return np.where(spread > 1e-12, (pt / n - p * t / n**2) / np.maximum(spread, 1e-12), np.nan)


def intercept_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the truth at prediction 0 by the line of `slope_of`."""
    return (sums[..., 2] - slope_of(sums) * sums[..., 1]) / sums[..., 0]


def _in_bins(
    pairs: Sequence[tuple[str, NDArray, NDArray]], edges: NDArray, *, slope: Figure, intercept: Figure
) -> Reliability:
    """Return what was said and found per bin from (subject, said, found) per session."""
    subjects = sorted({subject for subject, _, _ in pairs})
    sums = np.zeros((len(subjects), len(edges) + 1, 3))  # of said, of found, and how many
    for subject, said, found in pairs:
        place = np.searchsorted(edges, said, side="right")
        for k, weights in enumerate((said, found, np.ones(len(said)))):
            sums[subjects.index(subject), :, k] += np.bincount(
                place, weights=weights, minlength=len(edges) + 1
            )
    used = np.flatnonzero(sums[..., 2].sum(0) > 0)
    total = sums[:, used].sum(0)
    said, found, count = total[:, 0] / total[:, 2], total[:, 1] / total[:, 2], total[:, 2]
    return Reliability(
        said=said,
        found=tuple(figure(sums[:, number][:, [1, 2]], ratio) for number in used),
        count=count.astype(np.int64),
        error=float((np.abs(found - said) * count).sum() / max(count.sum(), 1)),
        slope=slope,
        intercept=intercept,
    )

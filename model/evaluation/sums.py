"""What scores are made of, summed by subject, so that a thousand draws of subjects cost no more than a few.

Every measure here is a function of sums that add up over frames: of dimensions the six moments, of classes
the confusion matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from .classes import BY_CLIP, BY_SESSION, CLASS_MEASURES, confusion, measures_of_confusion, session_confusion
from .metrics import LEAST_VARIANCE
from .series import SessionPrediction

Float = NDArray[np.float64]
MEASURES = ("rmse", "cc", "ccc")
N_MOMENTS = 6


@dataclass(frozen=True, slots=True)
class SubjectSums:
    """The sums of one thing that is predicted.

    Attributes
    ----------
    subjects : S of them, each once
    values : (R, S, 6) float64 moments or (R, S, C, C) counts; R runs over each subject, one per seed
    """

    subjects: tuple[str, ...]
    values: Float

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of what `of_totals` gives."""
        return MEASURES if self.values.ndim == 3 else CLASS_MEASURES

    def of_totals(self, totals: Float) -> dict[str, Float]:
        """Return each measure of totals over subjects (..., 6) or (..., C, C), as (...)."""
        return measures_of_moments(totals) if self.values.ndim == 3 else measures_of_confusion(totals)

    def scores(self) -> dict[str, float]:
        """Return each measure over all subjects: the mean over the R runs of each."""
        found = self.of_totals(self.values.sum(1))
        return {name: float(value.mean()) for name, value in found.items()}

    def of_weights(self, weights: Float) -> dict[str, Float]:
        """Return each measure (B,) with subjects counted `weights` (B, S) times, the mean over the R runs."""
        totals = np.einsum("bs,rs...->rb...", weights, self.values)
        return {name: value.mean(0) for name, value in self.of_totals(totals).items()}


def moments(predicted: Float, truth: Float) -> Float:
    """Return (6,): count, sums of p, t, p p, t t and p t, over the frames where both are known."""
    known = np.isfinite(predicted) & np.isfinite(truth)
    p, t = predicted[known], truth[known]
    return np.array([len(p), p.sum(), t.sum(), p @ p, t @ t, p @ t], np.float64)


def measures_of_moments(sums: Float) -> dict[str, Float]:
    """Return RMSE, CC and CCC (Eq. 6 to 8) of moments (..., 6), each (...); NaN where nothing was counted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        n, p, t, pp, tt, pt = np.moveaxis(sums, -1, 0)
        p, t = p / n, t / n
        var_p, var_t, covariance = pp / n - p**2, tt / n - t**2, pt / n - p * t
        var_p = np.where(var_p < LEAST_VARIANCE, 0.0, var_p)
        var_t = np.where(var_t < LEAST_VARIANCE, 0.0, var_t)
        norm, spread = np.sqrt(var_p * var_t), var_p + var_t + (p - t) ** 2
        rmse = np.sqrt(np.maximum(pp / n + tt / n - 2 * pt / n, 0.0))
        cc = np.where(norm > 0, covariance / norm, 0.0)
        ccc = np.where(norm > 0, 2 * covariance / spread, 0.0)
    empty = n == 0
    return {
        name: np.where(empty, np.nan, value) for name, value in zip(MEASURES, (rmse, cc, ccc), strict=True)
    }


def sums_of(
    repeats: Sequence[Sequence[SessionPrediction]], name: str, *, processed: bool = False, n_classes: int = 0
) -> SubjectSums:
    """Return the sums of one thing that is predicted.

    Parameters
    ----------
    repeats : per seed, the predictions of the same sessions
    name : a dimension, or `classes.BY_CLIP` or `classes.BY_SESSION`
    processed : whether of the series after post-processing
    n_classes : of classes, how many

    Raises
    ------
    DatasetError
        The repeats show other subjects, or no subject is scored.
    """
    tables = [_by_subject(sessions, name, processed=processed, n_classes=n_classes) for sessions in repeats]
    subjects = tuple(sorted(tables[0]))
    for table in tables[1:]:
        if tuple(sorted(table)) != subjects:
            apart = sorted(set(table) ^ set(subjects))
            raise DatasetError(
                f"wanted the same subjects under every seed, found {', '.join(apart)} not in all"
            )
    if not subjects:
        raise DatasetError(f"wanted {name} labels of at least one subject, found none")
    return SubjectSums(subjects, np.stack([[table[one] for one in subjects] for table in tables]))


def _by_subject(
    sessions: Sequence[SessionPrediction], name: str, *, processed: bool, n_classes: int
) -> dict[str, Float]:
    table: dict[str, Float] = {}
    for one in sessions:
        if name == BY_CLIP and one.clips is not None:
            counts = confusion(one.clips.predicted, one.clips.truth, n_classes)
        elif name == BY_SESSION and one.clips is not None:
            counts = session_confusion(one.clips)
        else:
            counts = moments((one.processed if processed else one.predicted)[name], one.truth[name])
        if counts.sum() > 0 if name in (BY_CLIP, BY_SESSION) else counts[0] > 0:
            key = one.subject.casefold()
            table[key] = table[key] + counts if key in table else counts
    return table

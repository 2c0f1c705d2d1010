"""Post-processing of predictions: smoothing, centering, scaling, each kept only where it helps.

The chain of AV+EC (Valstar et al. 2016, section 4) without its shift in time, as the paper applies it
(section V-B). It is fitted on predictions of subjects that are not scored, and then fixed.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import median_filter

from ...config import StrictModel
from .metrics import ccc
from .series import SessionPrediction

WINDOWS_S = (0.4, 0.8, 1.2, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0)
"""Of the median; AV+EC 2016 searches 0.04 s (one frame at 25 fps) to 20 s."""
LEAST_GAIN = 1e-6
"""Of CCC, for a step to be kept: more than rounding."""

Float = NDArray[np.float64]
FitOn = Literal["validation", "train", "none"]


class Chain(StrictModel):
    """What is done to a series: p -> (smoothed(p) + shift - pivot) * scale + pivot, held in [-1, 1].

    Attributes
    ----------
    window_s : of the median over time; 0 leaves the series as it is
    shift : added, so that the mean prediction is the mean label of those it was fitted on
    scale, pivot : spread about `pivot`, so that predictions vary as labels do
    ccc_before, ccc_after : on the series it was fitted on
    """

    window_s: Annotated[float, Field(ge=0)] = 0.0
    shift: float = 0.0
    scale: float = 1.0
    pivot: float = 0.0
    ccc_before: float
    ccc_after: float

    def applied(self, predicted: Float, *, fps: float) -> Float:
        """Return a series (F,) after the chain; NaN stays."""
        centered = smoothed(predicted, self.window_s, fps=fps) + self.shift - self.pivot
        return np.clip(centered * self.scale + self.pivot, -1, 1)

    @property
    def words(self) -> str:
        """The steps that were kept, for people."""
        kept = [f"median of {self.window_s:g} s"] if self.window_s else []
        kept += [f"centered by {self.shift:+.3f}"] if self.shift else []
        kept += [f"scaled by {self.scale:.2f}"] if self.scale != 1 else []
        return ", ".join(kept) or "no step helped"


def smoothed(predicted: Float, window_s: float, *, fps: float) -> Float:
    """Return the running median (F,) over the odd number of frames nearest to the window; ends repeat."""
    n_frames = frames_of(window_s, fps=fps)
    return median_filter(predicted, size=n_frames, mode="nearest") if n_frames > 1 else predicted


def frames_of(window_s: float, *, fps: float) -> int:
    """Return the odd number of frames nearest to a window, at least 1; of two as near, the larger."""
    return 2 * int(window_s * fps / 2) + 1


def fit_chain(sessions: Sequence[SessionPrediction], name: str) -> Chain | None:
    """Return the chain for one dimension; None where no frame has both a label and a prediction.

    Steps are tried in AV+EC's order, each on what the last one left; one is kept where the CCC, pooled over
    all frames, grows. Time shifting is left out, as in the paper.
    """
    usable = [one for one in sessions if np.isfinite(one.predicted[name]).all()]
    truth = np.concatenate([one.truth[name] for one in usable]) if usable else np.zeros(0)
    known = np.isfinite(truth)
    if not known.any():
        return None
    truth = truth[known]

    def of_window(window_s: float) -> Float:
        parts = [smoothed(one.predicted[name], window_s, fps=one.fps) for one in usable]
        return np.concatenate(parts)[known]

    def scored(series: Float) -> float:
        return ccc(np.clip(series, -1, 1), truth)

    window_s, best = 0.0, of_window(0)
    before, now = ccc(best, truth), scored(best)
    for candidate_s in WINDOWS_S:
        series = of_window(candidate_s)
        if (gained := scored(series)) > now + LEAST_GAIN:
            window_s, best, now = candidate_s, series, gained
    shift = float(truth.mean() - best.mean())
    if (gained := scored(best + shift)) > now + LEAST_GAIN:
        best, now = best + shift, gained
    else:
        shift = 0.0
    scale, pivot = 1.0, float(best.mean())
    if best.std() > LEAST_GAIN:
        candidate = float(truth.std() / best.std())
        if (gained := scored((best - pivot) * candidate + pivot)) > now + LEAST_GAIN:
            scale, now = candidate, gained
    return Chain(
        window_s=window_s,
        shift=shift,
        scale=scale,
        pivot=pivot if scale != 1 else 0.0,
        ccc_before=before,
        ccc_after=now,
    )

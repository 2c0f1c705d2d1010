"""The prediction that looks at nothing: what every network is measured against."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .classes import ClipClasses
from .series import SessionPrediction


def constant_prediction(training_mean: float, n_frames: int) -> NDArray[np.float64]:
    """Return (n_frames,) float64: the mean training label, whatever the frames show.

    The best by RMSE that can be said without looking; its CC and CCC are 0.
    """
    return np.full(n_frames, training_mean, np.float64)


def constant_sessions(
    sessions: Sequence[SessionPrediction], *, training_means: Mapping[str, float], class_names: Sequence[str]
) -> tuple[SessionPrediction, ...]:
    """Return what the constant prediction says of the frames and clips that a network was scored on.

    Parameters
    ----------
    training_means : by dimension, the mean training label; or by class, its share of the training clips, of
        which the most frequent one is predicted
    """
    most = int(np.argmax([training_means.get(name, 0.0) for name in class_names])) if class_names else 0
    found = []
    for one in sessions:
        predicted = {
            name: np.where(
                np.isfinite(series), constant_prediction(training_means[name], len(series)), np.nan
            )
            for name, series in one.predicted.items()
        }
        clips = one.clips
        if clips is not None:
            certain = np.zeros_like(clips.probabilities)
            certain[:, most] = 1
            clips = ClipClasses(clips.start, clips.truth, certain)
        found.append(replace(one, predicted=predicted, processed={}, clips=clips))
    return tuple(found)

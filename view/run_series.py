"""What a run said of a session and what was true, frame by frame, as curves; of classes, probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..model.evaluation.evaluation_file import Evaluation
    from ..model.evaluation.series import SessionPrediction

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """One thing that a run predicts of a session.

    Attributes
    ----------
    name : the dimension, or the class
    truth, predicted : (F,) float64, NaN where unknown
    processed : the prediction after post-processing, None where there is none
    low, high : the least and the greatest that it can be: -1 and 1, of a class 0 and 1
    scores : of this session, by measure
    """

    name: str
    truth: Float
    predicted: Float
    processed: Float | None
    low: float
    high: float
    scores: dict[str, float]


def curves_of(evaluation: Evaluation, session: SessionPrediction, *, clip_frames: int) -> tuple[Curve, ...]:
    """Return the curves of one session of an evaluation.

    Parameters
    ----------
    clip_frames : frames per clip, over which a clip's classes are spread
    """
    if session.clips is None:
        return tuple(
            Curve(
                name,
                session.truth[name],
                session.predicted[name],
                session.processed.get(name),
                -1.0,
                1.0,
                session.scores.get(name, {}),
            )
            for name in evaluation.dimensions
            if name in session.predicted
        )
    n_frames = len(session.time_s)
    n_classes = len(evaluation.class_names)
    total, true = np.zeros((n_frames, n_classes)), np.zeros((n_frames, n_classes))
    n_said, n_known = np.zeros(n_frames), np.zeros(n_frames)
    clips = zip(session.clips.start, session.clips.truth, session.clips.probabilities, strict=True)
    for start, truth, probabilities in clips:
        frames = slice(int(start), int(start) + clip_frames)
        total[frames] += probabilities
        n_said[frames] += 1
        if truth >= 0:
            true[frames, int(truth)] += 1
            n_known[frames] += 1
    with np.errstate(invalid="ignore"):
        said, known = total / n_said[:, None], true / n_known[:, None]
    scores = next(iter(session.scores.values()), {})
    return tuple(
        Curve(name, known[:, k], said[:, k], None, 0.0, 1.0, scores if k == 0 else {})
        for k, name in enumerate(evaluation.class_names)
    )

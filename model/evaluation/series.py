"""Truth and prediction of each session, frame by frame, and the scores that pool them.

Scores are pooled: over all frames of all sessions together. Scores per session are given too, never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..data.source import ClipIndex, ClipSource
from .classes import BY_CLIP, ClipClasses, confusion, confusion_scores
from .metrics import scores

Scores = dict[str, dict[str, float]]
"""By what is predicted ("valence", "arousal"; "class", "class of session"), then by measure ("rmse", "cc",
"ccc"; "accuracy", "macro_f1")."""

Series = dict[str, NDArray[np.float64]]
"""By dimension, (F,) float64."""


@dataclass(frozen=True, slots=True)
class SessionPrediction:
    """What was true of one session and what a network said.

    Attributes
    ----------
    session, subject, fps : as the dataset has them
    time_s : (F,) float64
    covered : (F,) bool, whether a clip shows the frame; the predictions of others are interpolated
    truth : by dimension (F,) float64 in [-1, 1], NaN where unknown
    predicted : by dimension (F,) float64, NaN where the session has no clip at all
    processed : the same after post-processing; empty where there is none
    scores : of `predicted`, this session's alone; without dimensions that are not known here
    clips : truth and probabilities by clip, of a network of classes
    """

    session: str
    subject: str
    fps: float
    time_s: NDArray[np.float64]
    covered: NDArray[np.bool_]
    truth: Series
    predicted: Series
    scores: Scores
    processed: Series = field(default_factory=dict)
    clips: ClipClasses | None = None


def session_predictions(
    source: ClipSource, clips: Sequence[ClipIndex], clip_scores: NDArray[np.float64]
) -> tuple[SessionPrediction, ...]:
    """Return one prediction per session of `source`.

    Parameters
    ----------
    clip_scores : (n_clips, n_outputs) or (n_clips, T, n_outputs), as `predicting.predict_clips` gives it
    """
    if source.classes is not None:
        return _class_predictions(source, clips, clip_scores)
    found = []
    series = source.frame_predictions(clips, clip_scores)
    for number, (session, labels) in enumerate(zip(source.sessions, source.labels, strict=True)):
        truth = {name: labels[:, i].astype(np.float64) for i, name in enumerate(source.dimensions)}
        predicted = {name: series[number][:, i] for i, name in enumerate(source.dimensions)}
        known = [name for name in truth if _any_pair(predicted[name], truth[name])]
        found.append(
            SessionPrediction(
                session=session.id,
                subject=session.subject,
                fps=session.fps,
                time_s=session.read("time_s"),
                covered=_covered(source, clips, number),
                truth=truth,
                predicted=predicted,
                scores={name: scores(predicted[name], truth[name]) for name in known},
            )
        )
    return tuple(found)


def pooled_scores(
    source: ClipSource, clips: Sequence[ClipIndex], clip_scores: NDArray[np.float64]
) -> Scores | None:
    """Return the scores over all frames (of classes, all clips), None where none has truth and prediction."""
    sessions = session_predictions(source, clips, clip_scores)
    if source.classes is not None:
        counts = sum(
            confusion(one.clips.predicted, one.clips.truth, len(source.classes.names))
            for one in sessions
            if one.clips is not None
        )
        counted = np.asarray(counts)
        return {BY_CLIP: confusion_scores(counted)} if counted.sum() else None
    if any(not known_pairs(sessions, name) for name in source.dimensions):
        return None
    return {name: scores(*pooled_series(sessions, name)) for name in source.dimensions}


def pooled_series(
    sessions: Sequence[SessionPrediction], name: str, *, processed: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the predictions and the truth of one dimension, one session after the other."""
    predicted = [(one.processed if processed else one.predicted)[name] for one in sessions]
    return np.concatenate(predicted), np.concatenate([one.truth[name] for one in sessions])


def known_pairs(sessions: Sequence[SessionPrediction], name: str) -> bool:
    """Return whether any frame has both a label and a prediction of the dimension."""
    return any(_any_pair(one.predicted[name], one.truth[name]) for one in sessions)


def _any_pair(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    return bool((np.isfinite(predicted) & np.isfinite(truth)).any())


def _covered(source: ClipSource, clips: Sequence[ClipIndex], number: int) -> NDArray[np.bool_]:
    covered = np.zeros(source.sessions[number].n_frames, bool)
    for clip in clips:
        if clip.session == number:
            covered[clip.start : clip.start + source.options.n_frames] = True
    return covered


def _class_predictions(
    source: ClipSource, clips: Sequence[ClipIndex], probabilities: NDArray[np.float64]
) -> tuple[SessionPrediction, ...]:
    truth = source.targets(clips).numpy() if clips else np.zeros(0, np.int64)
    own = np.array([clip.session for clip in clips], np.int64)
    starts = np.array([clip.start for clip in clips], np.int64)
    found = []
    for number, session in enumerate(source.sessions):
        at = own == number
        one = ClipClasses(starts[at], truth[at], probabilities[at])
        counts = confusion(one.predicted, one.truth, probabilities.shape[-1])
        found.append(
            SessionPrediction(
                session=session.id,
                subject=session.subject,
                fps=session.fps,
                time_s=session.read("time_s"),
                covered=_covered(source, clips, number),
                truth={},
                predicted={},
                scores={BY_CLIP: confusion_scores(counts)} if counts.sum() else {},
                clips=one,
            )
        )
    return tuple(found)

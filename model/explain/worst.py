"""The clips that a network gets most wrong, spread over sessions, so that they can be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.source import ClipIndex, ClipSource
from ..evaluation.series import SessionPrediction


@dataclass(frozen=True, slots=True)
class ClipError:
    """One clip, and how wrong it is.

    Attributes
    ----------
    clip : of the source that was predicted
    error : mean over dimensions and frames of |prediction - truth|; of classes, 1 less the probability of the
        true class
    truth, predicted : means over the clip's frames by dimension; of classes by class, in probabilities
    """

    clip: ClipIndex
    error: float
    truth: dict[str, float]
    predicted: dict[str, float]


def worst_clips(
    source: ClipSource,
    clips: Sequence[ClipIndex],
    sessions: Sequence[SessionPrediction],
    *,
    n_shown: int,
    most_per_session: int = 2,
) -> list[ClipError]:
    """Return the clips with the largest errors, at most `most_per_session` of one session, apart in time.

    Clips without a label in any frame are left out.
    """
    found = [one for one in clip_errors(source, clips, sessions) if np.isfinite(one.error)]
    found.sort(key=lambda one: -one.error)
    kept: list[ClipError] = []
    for one in found:
        beside = [other.clip for other in kept if other.clip.session == one.clip.session]
        apart = all(abs(other.start - one.clip.start) >= source.options.n_frames for other in beside)
        if len(kept) < n_shown and len(beside) < most_per_session and apart:
            kept.append(one)
    return kept


def clip_errors(
    source: ClipSource, clips: Sequence[ClipIndex], sessions: Sequence[SessionPrediction]
) -> list[ClipError]:
    """Return the error of every clip, NaN of those without a label."""
    if source.classes is not None:
        return _class_errors(source.classes.names, clips, sessions)
    found = []
    for clip in clips:
        one = sessions[clip.session]
        frames = slice(clip.start, clip.start + source.options.n_frames)
        truth = {name: _mean(one.truth[name][frames]) for name in source.dimensions}
        predicted = {name: _mean(one.predicted[name][frames]) for name in source.dimensions}
        wrong = [np.abs(one.predicted[name][frames] - one.truth[name][frames]) for name in source.dimensions]
        found.append(ClipError(clip, _mean(np.concatenate(wrong)), truth, predicted))
    return found


def _class_errors(
    names: Sequence[str], clips: Sequence[ClipIndex], sessions: Sequence[SessionPrediction]
) -> list[ClipError]:
    found = []
    for clip in clips:
        told = sessions[clip.session].clips
        if told is None:
            continue
        number = int(np.flatnonzero(told.start == clip.start)[0])
        said, true = told.probabilities[number], int(told.truth[number])
        error = 1 - float(said[true]) if true >= 0 else float("nan")
        truth = {name: float(place == true) for place, name in enumerate(names)}
        found.append(ClipError(clip, error, truth, dict(zip(names, said.tolist(), strict=True))))
    return found


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")

from pathlib import Path

import numpy as np
import pytest

from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipSource
from mavfer.model.evaluation.series import session_predictions
from mavfer.model.explain.worst import clip_errors, worst_clips
from mavfer.preprocess.dataset.clips import open_dataset


@pytest.fixture
def source(faces: Path) -> ClipSource:
    options = InputOptions(n_frames=8, size_px=48)
    return ClipSource(open_dataset(faces).split("test"), options=options, dimensions=("valence", "arousal"))


def truth_of_clips(source: ClipSource) -> np.ndarray:
    return np.stack([source.labels[one.session][one.start : one.start + 8] for one in source.test_clips()])


def test_the_clip_that_was_told_wrong_is_the_worst(source: ClipSource) -> None:
    clips = source.test_clips()
    scores = truth_of_clips(source).astype(np.float64)
    scores[9] += 0.9
    sessions = session_predictions(source, clips, scores)
    worst = worst_clips(source, clips, sessions, n_shown=3)
    assert worst[0].clip == clips[9]
    # of the neighbours, which overlap by half, each gives half of the frames
    assert worst[0].error == pytest.approx(0.45, abs=1e-6)
    assert worst[0].predicted["valence"] - worst[0].truth["valence"] == pytest.approx(0.45, abs=1e-6)


def test_at_most_two_clips_of_a_session_are_shown_and_none_overlap(source: ClipSource) -> None:
    clips = source.test_clips()
    scores = np.random.default_rng(0).uniform(-1, 1, (len(clips), 2))
    worst = worst_clips(source, clips, session_predictions(source, clips, scores), n_shown=8)
    by_session = {}
    for one in worst:
        by_session.setdefault(one.clip.session, []).append(one.clip.start)
    assert len(worst) == 8
    assert all(len(starts) <= 2 and np.ptp(starts) in (0, *range(8, 99)) for starts in by_session.values())
    assert [one.error for one in worst] == sorted((one.error for one in worst), reverse=True)


def test_clips_without_a_label_are_not_judged(source: ClipSource) -> None:
    clips = source.test_clips()
    for labels in source.labels[1:]:
        labels[:] = np.nan
    sessions = session_predictions(source, clips, np.zeros((len(clips), 2)))
    assert np.isnan([one.error for one in clip_errors(source, clips, sessions) if one.clip.session > 0]).all()
    assert {one.clip.session for one in worst_clips(source, clips, sessions, n_shown=9)} == {0}

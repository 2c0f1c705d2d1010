from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mavfer.model.evaluation.metrics import ccc
from mavfer.model.evaluation.postprocess import Chain, fit_chain, frames_of, smoothed
from mavfer.model.evaluation.series import SessionPrediction

Draw = Callable[..., SessionPrediction]


def changed(one: SessionPrediction, change: Callable[[np.ndarray], np.ndarray]) -> SessionPrediction:
    return replace(one, predicted={"valence": change(one.truth["valence"])})


@pytest.fixture
def sessions(draw_session: Draw) -> list[SessionPrediction]:
    return [draw_session(f"S{k}", np.random.default_rng(k), n_frames=120) for k in range(4)]


def test_a_shift_and_a_scale_of_all_predictions_are_undone(sessions: list[SessionPrediction]) -> None:
    off = [changed(one, lambda truth: 0.4 * truth + 0.3) for one in sessions]
    chain = fit_chain(off, "valence")
    assert chain is not None
    assert chain.ccc_after == pytest.approx(1)
    assert chain.window_s == 0
    assert chain.scale == pytest.approx(1 / 0.4)
    for one in off:
        restored = chain.applied(one.predicted["valence"], fps=one.fps)
        np.testing.assert_allclose(restored, one.truth["valence"], atol=1e-12)


def test_a_perfect_prediction_is_left_as_it_is(sessions: list[SessionPrediction]) -> None:
    chain = fit_chain([changed(one, np.copy) for one in sessions], "valence")
    assert chain == Chain(ccc_before=1.0, ccc_after=1.0)
    assert chain is not None
    assert chain.words == "no step helped"


def test_single_spikes_are_taken_out_by_the_median(sessions: list[SessionPrediction]) -> None:
    rng = np.random.default_rng(9)

    def spiked(truth: np.ndarray) -> np.ndarray:
        return np.where(rng.random(len(truth)) < 0.1, rng.choice([-1.0, 1.0], len(truth)), truth)

    chain = fit_chain([changed(one, spiked) for one in sessions], "valence")
    assert chain is not None
    assert chain.window_s > 0
    assert chain.ccc_after > chain.ccc_before + 0.1


def test_no_step_ever_lowers_the_ccc_it_was_fitted_on(draw_session: Draw) -> None:
    for seed in range(15):
        rng = np.random.default_rng(seed)
        drawn = [
            draw_session(f"S{k}", rng, quality=rng.uniform(0, 1), bias=rng.normal(0, 0.3)) for k in range(3)
        ]
        chain = fit_chain(drawn, "valence")
        assert chain is not None
        truth = np.concatenate([one.truth["valence"] for one in drawn])
        before = np.concatenate([one.predicted["valence"] for one in drawn])
        after = np.concatenate([chain.applied(one.predicted["valence"], fps=one.fps) for one in drawn])
        assert chain.ccc_before == pytest.approx(ccc(before, truth))
        assert chain.ccc_after == pytest.approx(ccc(after, truth))
        assert chain.ccc_after >= chain.ccc_before


def test_what_hardly_moves_is_not_blown_up_beyond_where_labels_lie(draw_session: Draw) -> None:
    one = changed(draw_session("S1", np.random.default_rng(0), n_frames=120), lambda truth: 1e-3 * truth)
    chain = fit_chain([one], "valence")
    assert chain is not None
    assert chain.scale > 500
    far = chain.applied(np.array([-0.1, 0.0, np.nan, 0.1]), fps=4.0)
    np.testing.assert_allclose(far[[0, 3]], (-1, 1))
    assert np.isnan(far[2])


def test_a_window_is_the_nearest_odd_number_of_frames() -> None:
    assert [frames_of(w, fps=4) for w in (0, 0.25, 0.4, 0.6, 2, 20)] == [1, 1, 1, 3, 9, 81]
    series = np.array([0.0, 5.0, 0.0, 0.0])
    np.testing.assert_array_equal(smoothed(series, 0.75, fps=4), np.zeros(4))
    np.testing.assert_array_equal(smoothed(series, 0.0, fps=4), series)


def test_nothing_is_fitted_without_labels_and_sessions_without_clips_are_passed_over(
    sessions: list[SessionPrediction],
) -> None:
    blank = [replace(one, truth={"valence": np.full(120, np.nan)}) for one in sessions]
    assert fit_chain(blank, "valence") is None
    gone = changed(sessions[0], lambda truth: np.full(len(truth), np.nan))
    assert fit_chain([gone, *sessions[1:]], "valence") == fit_chain(sessions[1:], "valence")
    assert fit_chain([gone], "valence") is None

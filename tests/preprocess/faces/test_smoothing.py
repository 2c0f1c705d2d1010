"""Laws of smoothing: what is still stays, what moves evenly is not bent, noise falls, lag is as stated."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.preprocess.dataset.record import Smoothing
from mavfer.preprocess.faces.face import Face, Found
from mavfer.preprocess.faces.smoothing import MIN_CUTOFF_HZ, one_euro, savitzky_golay
from mavfer.preprocess.faces.track import LandmarkTrack

EYE_PX = 60.0


def face_at(x: float, y: float) -> NDArray[np.float64]:
    """Return 68 points whose eyes are EYE_PX apart."""
    points = np.random.default_rng(0).uniform(-60, 60, (68, 2))
    points[36:42], points[42:48] = (-EYE_PX / 2, 0), (EYE_PX / 2, 0)
    return points + np.array([x, y])


def path_of(x: NDArray) -> NDArray[np.float64]:
    return np.stack([face_at(float(one), 100.0) for one in x])


def smoothed(points: NDArray, time_s: NDArray, smoothing: Smoothing, fps: float) -> NDArray[np.float64]:
    """Return what the track makes of a face with these points in every row."""
    track = LandmarkTrack(smoothing=smoothing, fps=fps, fill_gaps_s=0)
    for row, t_s in zip(points, time_s, strict=True):
        track.add(float(t_s), Face(np.zeros(4), row.astype(np.float32), Found.REGION))
    track.close()
    rows = [track.at(row) for row in range(len(points))]
    return np.stack([row[0] for row in rows if row is not None]).astype(np.float64)


def lag_s(true: NDArray, seen: NDArray, fps: float) -> float:
    """Return the shift in time at which two signals (T,) correlate best, to a hundredth of a second."""
    time_s = np.arange(len(true)) / fps
    inner = (time_s > 1) & (time_s < time_s[-1] - 1)
    shifts = np.arange(-0.5, 0.5, 0.01)
    scores = [np.corrcoef(np.interp(time_s - s, time_s, true)[inner], seen[inner])[0, 1] for s in shifts]
    return float(shifts[int(np.argmax(scores))])


@pytest.mark.parametrize("smoothing", list(Smoothing))
def test_a_still_face_stays_where_it_is(smoothing: Smoothing) -> None:
    points = path_of(np.full(20, 500.0))
    np.testing.assert_allclose(smoothed(points, np.arange(20) / 10, smoothing, 10), points, atol=1e-3)


def test_without_smoothing_landmarks_are_the_very_ones_found() -> None:
    points = np.random.default_rng(1).uniform(0, 900, (9, 68, 2)).astype(np.float32)
    np.testing.assert_array_equal(smoothed(points, np.arange(9) / 4, Smoothing.NONE, 4), points)


def test_savitzky_golay_keeps_any_parabola_even_where_steps_are_uneven() -> None:
    rng = np.random.default_rng(2)
    time_s = np.cumsum(rng.uniform(0.06, 0.14, 30))
    points = path_of(300 + 40 * time_s - 9 * time_s**2)
    np.testing.assert_allclose(smoothed(points, time_s, Smoothing.SAVITZKY_GOLAY, 10), points, atol=1e-2)


def test_savitzky_golay_has_the_published_weights_on_even_steps() -> None:
    impulse = np.zeros((7, 1, 2))
    impulse[3] = 1
    middle = savitzky_golay(impulse, np.arange(7) * 0.1, at=3)
    np.testing.assert_allclose(middle, 7 / 21, atol=1e-12)  # Savitzky and Golay 1964, table I: 7 of 21


@pytest.mark.parametrize("smoothing", [Smoothing.ONE_EURO, Smoothing.SAVITZKY_GOLAY])
def test_noise_on_a_still_face_falls(smoothing: Smoothing) -> None:
    noisy = path_of(np.full(200, 500.0)) + np.random.default_rng(3).normal(0, 1, (200, 68, 2))
    left = smoothed(noisy, np.arange(200) / 10, smoothing, 10)[20:-20].std(axis=0).mean()
    assert left < 0.65


@pytest.mark.parametrize(
    ("fps", "smoothing"), [(10.0, s) for s in Smoothing] + [(30.0, s) for s in Smoothing]
)
def test_the_lag_under_motion_is_at_most_the_lag_that_is_stated(fps: float, smoothing: Smoothing) -> None:
    time_s = np.arange(int(20 * fps)) / fps
    true = 500 + 12 * np.sin(2 * np.pi * 0.3 * time_s) + 5 * np.sin(2 * np.pi * 0.11 * time_s + 1)
    seen = smoothed(path_of(true), time_s, smoothing, fps)
    stated = LandmarkTrack(smoothing=smoothing, fps=fps, fill_gaps_s=0).lag_s
    lag = lag_s(true, seen[:, 36, 0] + EYE_PX / 2, fps)
    assert lag <= stated + 0.005
    if smoothing is Smoothing.ONE_EURO:
        assert lag > 0.03  # causal: it cannot be without
    else:
        assert abs(lag) < 0.005


def test_one_euro_follows_a_fast_face_more_closely_than_a_slow_one() -> None:
    time_s = np.arange(200) / 10

    def behind_s(speed_px_s: float) -> float:
        true = speed_px_s * time_s
        seen = smoothed(path_of(true), time_s, Smoothing.ONE_EURO, 10)[:, 36, 0] + EYE_PX / 2
        return float((true - seen)[50:].mean() / speed_px_s)

    assert behind_s(200.0) < 0.3 * behind_s(5.0)
    assert behind_s(5.0) < 1 / (2 * np.pi * MIN_CUTOFF_HZ)


def test_one_euro_looks_only_back() -> None:
    rng = np.random.default_rng(4)
    points, time_s = rng.normal(0, 5, (12, 68, 2)) + face_at(0, 0), np.arange(12) / 10
    whole, _ = one_euro(points, time_s, eye_px=EYE_PX)
    part, _ = one_euro(points[:6], time_s[:6], eye_px=EYE_PX)
    np.testing.assert_array_equal(whole[:6], part)


def test_at_four_rows_a_second_savitzky_golay_smooths_nothing_and_says_so() -> None:
    track = LandmarkTrack(smoothing=Smoothing.SAVITZKY_GOLAY, fps=4, fill_gaps_s=0)
    assert "nothing is smoothed" in track.remark
    points = np.random.default_rng(5).uniform(0, 900, (9, 68, 2)).astype(np.float32)
    np.testing.assert_array_equal(smoothed(points, np.arange(9) / 4, Smoothing.SAVITZKY_GOLAY, 4), points)

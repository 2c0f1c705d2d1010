"""Laws of smoothing: constants and lines stay, ends are not scaled, gaps stay gaps."""

import numpy as np
import pytest

from mavfer.annotate.fusion.smoothing import Smooth, centered_on_all, smoothed, stretches
from mavfer.errors import TraceError

TIME_S = np.arange(120) / 10
FILTERS = [Smooth.AVERAGE, Smooth.SAVGOL, Smooth.MEDIAN]


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize("window_s", [0.3, 1.0, 2.5, 60.0])
def test_a_constant_stays_and_its_ends_are_not_scaled(how: Smooth, window_s: float) -> None:
    constant = np.full(120, 0.6)
    np.testing.assert_allclose(smoothed(constant, TIME_S, how=how, window_s=window_s), 0.6, atol=1e-12)


@pytest.mark.parametrize("how", [Smooth.SAVGOL, Smooth.MEDIAN])
def test_a_slope_stays_also_at_its_ends(how: Smooth) -> None:
    slope = np.linspace(-0.9, 0.9, 120)
    np.testing.assert_allclose(smoothed(slope, TIME_S, how=how, window_s=2.0), slope, atol=1e-12)


def test_savitzky_golay_keeps_a_cubic() -> None:
    cubic = 0.001 * (TIME_S - 3) * (TIME_S - 6) * (TIME_S - 11)
    np.testing.assert_allclose(smoothed(cubic, TIME_S, how=Smooth.SAVGOL, window_s=2.0), cubic, atol=1e-12)


def test_a_median_takes_out_a_slip_and_keeps_a_step() -> None:
    step = np.where(TIME_S < 6, -0.5, 0.5)
    slipped = step.copy()
    slipped[[20, 80]] = 1.0
    np.testing.assert_array_equal(smoothed(slipped, TIME_S, how=Smooth.MEDIAN, window_s=1.0), step)


@pytest.mark.parametrize("how", FILTERS)
def test_noise_gets_smaller_and_gaps_stay(how: Smooth) -> None:
    noise = np.random.default_rng(0).normal(size=120)
    noise[40:50] = noise[0] = noise[70] = np.nan
    found = smoothed(noise, TIME_S, how=how, window_s=1.5)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(noise))
    assert np.nanstd(found) < 0.8 * np.nanstd(noise)


def test_an_average_is_the_mean_of_what_its_window_holds() -> None:
    value = np.random.default_rng(1).normal(size=120)
    value[30:34] = np.nan
    found = smoothed(value, TIME_S, how=Smooth.AVERAGE, window_s=1.0)
    for at in (0, 3, 29, 60, 119):
        assert found[at] == pytest.approx(np.nanmean(value[max(at - 5, 0) : at + 6]))


@pytest.mark.parametrize("how", FILTERS)
def test_a_window_of_one_sample_and_no_sample_at_all_change_nothing(how: Smooth) -> None:
    value = np.random.default_rng(2).normal(size=120)
    np.testing.assert_array_equal(smoothed(value, TIME_S, how=how, window_s=0.1), value)
    assert np.isnan(smoothed(np.full(120, np.nan), TIME_S, how=how, window_s=1.0)).all()
    np.testing.assert_array_equal(smoothed(np.array([0.3]), np.array([0.0]), how=how, window_s=1.0), [0.3])


def test_uneven_times_are_refused_and_jitter_is_not() -> None:
    jittered = TIME_S + np.random.default_rng(3).uniform(-0.004, 0.004, 120)
    smoothed(np.zeros(120), jittered, how=Smooth.MEDIAN, window_s=1.0)
    lost = np.delete(TIME_S, 60)
    with pytest.raises(TraceError, match=r"wanted evenly spaced times .* 0.100 to 0.200 s; use --fps"):
        smoothed(np.zeros(119), lost, how=Smooth.MEDIAN, window_s=1.0)


def test_centering_keeps_the_grand_mean_and_gives_it_to_each_rater() -> None:
    ratings = np.random.default_rng(4).normal(size=(3, 50)) + np.array([[0.0], [2.0], [-0.5]])
    found = centered_on_all(ratings)
    np.testing.assert_allclose(found.mean(axis=1), ratings.mean())
    np.testing.assert_allclose(found - found.mean(axis=1, keepdims=True), ratings - ratings.mean(1)[:, None])


def test_stretches_cover_what_is_present_and_nothing_else() -> None:
    present = np.array([True, False, True, True, False, False, True])
    assert stretches(present) == [(0, 1), (2, 4), (6, 7)]
    assert stretches(np.zeros(3, bool)) == []

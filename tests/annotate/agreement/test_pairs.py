"""Measures of agreement: their laws and published values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.agreement import agreement, ccc, cronbach_alpha, mse, pearson, share_positive
from mavfer.annotate.agreement.pairs import overall_ccc
from mavfer.annotate.agreement.ratings import zero_mean

SERIES = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=30).map(np.array)
# Shrout and Fleiss, Psychological Bulletin 86, 1979, table 2: 6 targets, 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]], np.float64
)


@settings(max_examples=50, deadline=None)
@given(SERIES)
def test_a_series_agrees_fully_with_itself(series: np.ndarray) -> None:
    assert ccc(series, series) == pytest.approx(1)
    assert mse(series, series) == 0


@settings(max_examples=50, deadline=None)
@given(SERIES, SERIES)
def test_ccc_is_symmetric_and_never_above_the_correlation(a: np.ndarray, b: np.ndarray) -> None:
    n = min(len(a), len(b))
    a, b = a[:n].astype(float), b[:n].astype(float)
    assert ccc(a, b) == pytest.approx(ccc(b, a))
    if a.std() > 1e-3 and b.std() > 1e-3:
        assert abs(ccc(a, b)) <= abs(pearson(a, b)) + 1e-9


def test_a_shift_lowers_ccc_as_lin_says_and_leaves_the_correlation() -> None:
    a = np.sin(np.linspace(0, 20, 500))
    for shift in (0.1, 0.5, 2.0):
        assert pearson(a, a + shift) == pytest.approx(1)
        assert ccc(a, a + shift) == pytest.approx(2 * a.var() / (2 * a.var() + shift**2))


def test_a_constant_agrees_with_nothing() -> None:
    a = np.sin(np.linspace(0, 20, 500))
    assert ccc(a, np.full(500, a.mean())) == 0
    assert np.isnan(pearson(a, np.zeros(500)))


@pytest.mark.parametrize("n", [7, 100, 601, 1000])
def test_sliders_left_alone_concord_at_one_level_alone_however_it_rounds(n: int) -> None:
    apart = np.stack([np.full(n, 0.3), np.full(n, 0.7)])
    equal = np.stack([np.full(n, 0.3), np.full(n, 0.1 + 0.2)])
    for series, wanted in ((apart, 0.0), (equal, 1.0), (zero_mean(apart), 1.0)):
        assert ccc(*series) == wanted
        assert overall_ccc(series) == pytest.approx(wanted, abs=1e-12)


def test_missing_samples_are_left_out() -> None:
    a, b = np.array([1.0, 2, np.nan, 4]), np.array([1.0, 2, 3, np.nan])
    assert ccc(a, b) == pytest.approx(1)
    assert mse(a, b) == 0
    assert np.isnan(ccc(a, np.full(4, np.nan)))


def test_alpha_equals_the_published_icc_3_k() -> None:
    assert cronbach_alpha(SHROUT_FLEISS) == pytest.approx(0.91, abs=0.005)


def test_alpha_ignores_each_raters_bias() -> None:
    shifted = SHROUT_FLEISS + np.array([[0.0], [5], [-3], [1]])
    assert cronbach_alpha(shifted) == pytest.approx(cronbach_alpha(SHROUT_FLEISS))
    equal = np.stack([SHROUT_FLEISS[0]] * 3)
    assert cronbach_alpha(equal) == pytest.approx(1)
    assert np.isnan(cronbach_alpha(SHROUT_FLEISS[:1]))
    assert np.isnan(cronbach_alpha(np.zeros((3, 10))))


def test_alpha_of_independent_raters_is_near_zero() -> None:
    noise = np.random.default_rng(0).normal(size=(3, 20000))
    assert abs(cronbach_alpha(noise)) < 0.05


def test_the_share_of_positive_samples_counts_no_zero() -> None:
    assert share_positive(np.array([1.0, 0, -1, 2, np.nan])) == 0.5
    assert np.isnan(share_positive(np.array([np.nan])))


@pytest.mark.parametrize("level", [0.1, 0.3, 0.7, -0.6])
@pytest.mark.parametrize("n", [7, 100, 601, 1000])
def test_a_slider_left_alone_is_never_above_its_own_mean(level: float, n: int) -> None:
    for dtype in (np.float64, np.float32):
        still = np.full((1, n), level, dtype).astype(np.float64)
        assert share_positive(zero_mean(still)) == 0
    assert share_positive(np.array([0.1 + 0.2 - 0.3])) == 0


def test_pairs_are_averaged() -> None:
    a = np.linspace(-1, 1, 50)
    found = agreement(np.stack([a, a, a + 0.3]))
    assert found.mse == pytest.approx(0.06)
    assert found.pearson == pytest.approx(1)
    assert found.ccc == pytest.approx((1 + 2 * ccc(a, a + 0.3)) / 3)
    assert np.isnan(agreement(a[None]).ccc)


def test_raters_who_are_opposites_have_no_alpha_however_their_sum_rounds() -> None:
    a = np.round(np.sin(np.linspace(0, 20, 100)), 1) / 3
    almost = -a + 1e-17 * np.arange(100) + 0.1
    assert np.isnan(cronbach_alpha(np.stack([a, almost])))
    assert np.isnan(pearson(a, (a + almost) / 2))


def test_a_constant_that_rounds_has_no_correlation_and_no_alpha() -> None:
    a = np.sin(np.linspace(0, 20, 30))
    assert np.full(30, 0.1).std() > 0  # rounding
    assert np.isnan(pearson(np.full(30, 0.1), a))
    assert np.isnan(cronbach_alpha(np.stack([np.full(30, value) for value in (0.1, 0.3, 0.7)])))

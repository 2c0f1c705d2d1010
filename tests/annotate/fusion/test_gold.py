"""Fusion: resampling, the rater's lag, the mean over raters, and what happens where nobody rated."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.fusion import gold_standard, resample
from mavfer.annotate.trace import Trace
from mavfer.errors import TraceError

TIME_S = np.arange(0, 20, 0.25)


def trace(time_s: np.ndarray, value: np.ndarray, rater: str = "r1", session: str = "s") -> Trace:
    return Trace(session, rater, "valence", np.asarray(time_s, float), np.asarray(value, float))


def test_a_trace_at_its_own_times_is_itself() -> None:
    value = 8 * np.sin(TIME_S)
    np.testing.assert_array_equal(resample(trace(TIME_S, value), TIME_S), value)


def test_a_lag_shifts_a_trace_exactly() -> None:
    at_s = np.arange(0, 30, 0.25)
    late = trace(at_s, 8 * np.sin(at_s - 2.0))
    np.testing.assert_allclose(resample(late, TIME_S, lag_s=2.0), 8 * np.sin(TIME_S), atol=1e-12)


def test_missing_ratings_are_interpolated_linearly() -> None:
    value = np.array([0.0, np.nan, np.nan, 6.0])
    np.testing.assert_allclose(resample(trace(np.arange(4), value), np.arange(4)), [0, 2, 4, 6])


def test_a_long_gap_stays_missing_and_its_ends_do_not() -> None:
    gap = trace(np.array([0.0, 1.0, 9.0, 10.0]), np.array([1.0, 1.0, 5.0, 5.0]))
    found = resample(gap, np.arange(11), max_gap_s=3.0)
    np.testing.assert_array_equal(np.isnan(found), [False, False, *[True] * 7, False, False])


def test_the_first_and_the_last_rating_hold_for_one_sample_and_no_longer() -> None:
    rated = trace(np.array([5.0, 6.0]), np.array([2.0, 4.0]))
    found = resample(rated, np.arange(4.0, 7.25, 0.25))
    np.testing.assert_array_equal(found, [*[np.nan] * 2, 2, 2, 2, 2.5, 3, 3.5, 4, 4, 4, *[np.nan] * 2])
    longer = resample(rated, np.arange(12.0), max_gap_s=3.0, max_hold_s=9.0)
    np.testing.assert_array_equal(longer, [np.nan, np.nan, 2, 2, 2, 2, 4, 4, 4, 4, np.nan, np.nan])


def test_what_is_known_ends_a_lag_before_the_rating_does() -> None:
    rated = trace(np.arange(0, 20.05, 0.1), np.zeros(201))
    known = np.isfinite(resample(rated, TIME_S, lag_s=3.0))
    np.testing.assert_array_equal(known, TIME_S <= 17.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=4, max_size=40), st.sampled_from([0.0, 0.3, 1.0, 2.0]))
def test_no_gap_longer_than_the_limit_is_bridged_and_no_shorter_one_stays(
    given_: list[bool], max_gap_s: float
) -> None:
    time_s = np.arange(len(given_)) * 0.1
    value = np.where(given_, 4.0, np.nan)
    found = np.isfinite(resample(trace(time_s, value), time_s, max_gap_s=max_gap_s, max_hold_s=0))
    there = np.flatnonzero(given_)
    wanted = np.zeros(len(given_), bool)
    wanted[there] = True
    for first, second in pairwise(there):
        wanted[first:second] |= second - first <= max(round(10 * max_gap_s), 1)
    np.testing.assert_array_equal(found, wanted)


def test_a_slow_steady_rating_has_no_gaps_and_two_samples_far_apart_have_one() -> None:
    once_a_second = trace(np.arange(10.0), np.arange(10.0))
    assert np.isfinite(resample(once_a_second, np.arange(0, 9, 0.25), max_gap_s=0)).all()
    two = trace(np.array([0.0, 60.0]), np.array([1.0, 2.0]))
    assert np.isnan(resample(two, np.array([30.0]), max_gap_s=5)).all()


def test_a_rater_who_gave_nothing_counts_for_nothing() -> None:
    silent = trace(TIME_S, np.full(len(TIME_S), np.nan), rater="silent")
    spoken = trace(TIME_S, np.full(len(TIME_S), 5.0))
    gold = gold_standard([silent, spoken], TIME_S)
    np.testing.assert_allclose(gold.value, 0.5)
    assert np.isnan(gold.per_rater[0]).all()
    assert gold.raters == ("silent", "r1")
    assert np.isnan(gold_standard([silent], TIME_S).value).all()


def test_the_gold_standard_is_the_mean_over_raters_in_minus_one_to_one() -> None:
    gold = gold_standard([trace(TIME_S, 0 * TIME_S + v, rater=f"r{v}") for v in (2, 4, 9)], TIME_S)
    assert gold.per_rater.shape == (3, len(TIME_S))
    np.testing.assert_allclose(gold.value, 0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-10, 10), min_size=8, max_size=8), min_size=1, max_size=4))
def test_centering_complete_ratings_only_clips(values: list[list[int]]) -> None:
    time_s = np.arange(8.0)
    traces = [trace(time_s, np.array(value), rater=f"r{k}") for k, value in enumerate(values)]
    plain, centered = gold_standard(traces, time_s), gold_standard(traces, time_s, centered=True)
    assert np.abs(centered.per_rater).max() <= 1
    if np.abs(centered.per_rater).max() < 1:
        np.testing.assert_allclose(centered.value, plain.value, atol=1e-12)


def test_centering_takes_out_the_jump_where_a_biased_rater_pauses() -> None:
    time_s = np.arange(40.0)
    level, high = np.zeros(40), np.full(40, 4.0)
    high[15:25] = np.nan
    traces = [trace(time_s, level), trace(time_s, high, rater="high")]
    jumping = gold_standard(traces, time_s, max_gap_s=2.0)
    steady = gold_standard(traces, time_s, max_gap_s=2.0, centered=True)
    assert np.ptp(jumping.value) == pytest.approx(0.2)
    np.testing.assert_allclose(steady.value, 0.2)


def test_smoothing_leaves_a_constant_alone_also_at_its_ends() -> None:
    constant = trace(TIME_S, np.full(len(TIME_S), 6.0))
    np.testing.assert_allclose(gold_standard([constant], TIME_S, smooth_s=2.0).value, 0.6)
    wave = trace(TIME_S, 8 * np.sin(20 * TIME_S))
    smooth = gold_standard([wave], TIME_S, smooth_s=2.0).value
    assert smooth.std() < 0.3 * gold_standard([wave], TIME_S).value.std()


def test_traces_that_do_not_belong_together_are_refused() -> None:
    one = trace(TIME_S, 0 * TIME_S)
    with pytest.raises(TraceError, match="at least one trace"):
        gold_standard([], TIME_S)
    with pytest.raises(TraceError, match="one session, found other, s"):
        gold_standard([one, trace(TIME_S, 0 * TIME_S, rater="r2", session="other")], TIME_S)
    with pytest.raises(TraceError, match="one trace per rater, found several of r1"):
        gold_standard([one, one], TIME_S)
    arousal = Trace("s", "r2", "arousal", TIME_S, 0 * TIME_S)
    with pytest.raises(TraceError, match="one dimension, found arousal, valence"):
        gold_standard([one, arousal], TIME_S)


def test_the_ratings_at_the_ends_of_a_gap_are_known_though_a_lag_is_no_round_number_of_bits() -> None:
    gap = trace(np.array([0.1, 0.2, 0.3, 10.3, 10.4]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    found = resample(gap, np.array([0.0, 0.1, 0.2, 0.3, 10.1, 10.2, 10.3]), lag_s=0.1)
    np.testing.assert_allclose(found, [1, 2, 3, np.nan, np.nan, 4, 5], atol=1e-9)

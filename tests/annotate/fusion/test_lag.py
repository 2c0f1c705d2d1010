"""Laws of lags: a late copy is found to a sample, the search's edge is refused, the common lag is given."""

from itertools import combinations

import numpy as np
import pytest

from mavfer.annotate.fusion.lag import fixed_lags, lags_against_each_other, lags_against_reference
from mavfer.annotate.simulated import simulated_traces
from mavfer.annotate.trace import Trace
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.truth import Truth
from mavfer.errors import TraceError

FILM_S = np.arange(0, 100, 0.1)


def felt(at_s: np.ndarray) -> np.ndarray:
    return 4 * np.sin(at_s / 2.7) + 3 * np.sin(at_s / 1.3 + 1) + 2 * np.sin(at_s / 7.1)


def late(rater: str, lag_s: float, *, noise: float = 0.0, seed: int = 0, gain: float = 1.0) -> Trace:
    value = gain * felt(FILM_S - lag_s) + noise * np.random.default_rng(seed).normal(size=len(FILM_S))
    return Trace("s", rater, "valence", FILM_S, np.clip(value, -10, 10))


@pytest.mark.parametrize("apart_s", [0.0, 0.4, 1.0, 2.6, -3.2, 5.0])
def test_a_late_copy_is_found_to_a_sample_and_both_meet_in_the_middle(apart_s: float) -> None:
    first, second = lags_against_each_other([late("a", 1.0), late("b", 1.0 + apart_s)])
    assert second.lag_s - first.lag_s == pytest.approx(apart_s, abs=1e-9)
    assert abs(first.lag_s + second.lag_s) <= 0.1 + 1e-9
    assert (first.source, first.correlation) == ("estimated", pytest.approx(1))


def test_what_lags_have_in_common_is_given_and_not_found() -> None:
    traces = [late("a", 1.0), late("b", 2.0), late("c", 3.0)]
    assert [lag.lag_s for lag in lags_against_each_other(traces)] == pytest.approx([-1, 0, 1])
    assert [lag.lag_s for lag in lags_against_each_other(traces, common_s=2.0)] == pytest.approx([1, 2, 3])


def test_noise_gain_gaps_and_whole_steps_move_an_estimate_by_a_few_samples_at_most() -> None:
    lags_s = [0.8, 1.5, 2.4, 1.1]
    traces = []
    for k, lag_s in enumerate(lags_s):
        one = late(f"r{k}", lag_s, noise=1.0, seed=k, gain=(0.7, 1.0, 0.9, 0.5)[k])
        value = np.round(one.value)
        value[100 + 50 * k : 130 + 50 * k] = np.nan
        traces.append(Trace("s", one.rater, "valence", FILM_S, value))
    found = [lag.lag_s for lag in lags_against_each_other(traces, common_s=float(np.mean(lags_s)))]
    np.testing.assert_allclose(found, lags_s, atol=0.2)


def test_simulated_raters_lags_are_found_relative_to_each_other() -> None:
    tick_s = np.arange(0, 90, 0.1)
    truth = Truth(
        subject="S01",
        tick_s=tick_s,
        valence=0.9 * np.sin(2 * np.pi * tick_s / 17),
        arousal=0.8 * np.sin(2 * np.pi * tick_s / 11 + 1),
        landmarks_xyz_color_mm=np.zeros((len(tick_s), 68, 3)),
        rig=simulated_rig(),
    )
    rated = simulated_traces(truth, session="s", seed=5, n_raters=4)
    by_dimension = [
        [lag.lag_s for lag in lags_against_each_other([one for one in rated if one.dimension == dimension])]
        for dimension in ("valence", "arousal")
    ]
    # a simulated rater is as late in valence as in arousal
    np.testing.assert_allclose(*by_dimension, atol=0.4)
    for traces in ([one for one in rated if one.dimension == "arousal"],):
        against = lags_against_reference(traces, time_s=tick_s, value=truth.arousal)
        for one, other in combinations(range(4), 2):
            apart_s = against[one].lag_s - against[other].lag_s
            assert by_dimension[1][one] - by_dimension[1][other] == pytest.approx(apart_s, abs=0.4)
        assert all(0.7 <= lag.lag_s <= 2.8 for lag in against)


def test_against_a_reference_the_whole_lag_is_found() -> None:
    found = lags_against_reference([late("a", 1.3), late("b", 4.0)], time_s=FILM_S, value=felt(FILM_S))
    assert [lag.lag_s for lag in found] == pytest.approx([1.3, 4.0])
    assert {lag.source for lag in found} == {"reference"}


def test_an_estimate_at_the_edge_is_refused_with_one_line_or_falls_back_if_asked() -> None:
    with pytest.raises(TraceError, match=r"lag of rater 'b', found it at the edge of the search, \+2.0 s"):
        lags_against_reference(
            [late("a", 1.0), late("b", 2.6)], time_s=FILM_S, value=felt(FILM_S), max_lag_s=2.0
        )
    with pytest.raises(TraceError, match=r"lag of rater 'a', found it at the edge of the search, \+0.0 s"):
        lags_against_reference([late("a", -0.5)], time_s=FILM_S, value=felt(FILM_S))
    with pytest.raises(TraceError, match=r"lag of rater '.', found .*use --lag SECONDS, leave the rater out"):
        lags_against_each_other([late("a", 0.0), late("b", 0.0), late("c", 3.0)], max_lag_s=1.0)
    found = lags_against_each_other(
        [late("a", 0.0), late("b", 0.0), late("c", 3.0)], max_lag_s=1.0, fallback_s=2.0
    )
    assert [lag.source for lag in found] == ["estimated", "estimated", "fallback"]
    assert [lag.lag_s for lag in found] == pytest.approx([0, 0, 2])


def test_nobody_to_agree_with_is_refused() -> None:
    constant = Trace("s", "b", "valence", FILM_S, np.full(len(FILM_S), 3.0))
    with pytest.raises(TraceError, match="lag of rater 'a', found no agreement at any lag with the other"):
        lags_against_each_other([late("a", 0), constant])
    with pytest.raises(TraceError, match="two raters or more to estimate lags against each other, found 1"):
        silent = Trace("s", "b", "valence", FILM_S, np.full(len(FILM_S), np.nan))
        lags_against_each_other([late("a", 0), silent])


def test_ratings_too_short_for_the_search_are_refused() -> None:
    short = [
        Trace("s", one.rater, "valence", FILM_S[:200], one.value[:200])
        for one in (late("a", 0), late("b", 1))
    ]
    with pytest.raises(
        TraceError, match=r"ratings of 24 s or more to search lags of up to 6 s, found 19.9 s"
    ):
        lags_against_each_other(short)
    assert lags_against_each_other(short, max_lag_s=2.0)[1].lag_s == pytest.approx(0.5, abs=0.11)
    with pytest.raises(TraceError, match=r"wanted a search of 0\.2 s or more"):
        lags_against_each_other(short, max_lag_s=0.1)


def test_a_silent_rater_has_the_common_lag_and_a_fixed_lag_of_nothing_is_none() -> None:
    silent = Trace("s", "c", "valence", FILM_S, np.full(len(FILM_S), np.nan))
    found = lags_against_each_other([late("a", 0), late("b", 1), silent], common_s=2.0)
    assert (found[2].lag_s, found[2].source) == (2.0, "fixed")
    assert [lag.source for lag in fixed_lags([silent], 0.0)] == ["none"]
    assert [lag.source for lag in fixed_lags([silent], 1.5)] == ["fixed"]

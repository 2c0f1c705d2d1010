"""The readings of agreement: what zero-mean and pooling change, teams, gaps, intervals over sessions."""

import numpy as np
import pytest

from mavfer.annotate.agreement.bootstrap import MIN_SESSIONS, interval_of_mean, intervals_of_pooled
from mavfer.annotate.agreement.measures import ANY_OVERLAP, MEASURES, all_measures
from mavfer.annotate.agreement.ratings import Ratings, ratings_of
from mavfer.annotate.agreement.readings import Reading, laid_end_to_end, readings_of
from mavfer.annotate.trace import Trace
from mavfer.errors import TraceError

A, B = ("rater1", "rater2", "rater3"), ("rater4", "rater5", "rater6")


def ratings(name: str, raters: tuple[str, ...] = A, *, seed: int, gaps: float = 0.0, n: int = 400) -> Ratings:
    random = np.random.default_rng(seed)
    truth = np.cumsum(random.normal(size=n)) * 0.03
    own = truth + 0.15 * random.normal(size=(len(raters), n)) + 0.3 * random.normal(size=(len(raters), 1))
    own[random.random(own.shape) < gaps] = np.nan
    return Ratings(name, "valence", raters, np.arange(n) / 10, np.clip(own, -1, 1))


def one(found: tuple[Reading, ...], scope: str, level: str, session: str = "") -> Reading:
    return next(r for r in found if (r.scope, r.level, r.session) == (scope, level, session))


def test_within_a_session_zero_mean_changes_neither_correlation_nor_consistency() -> None:
    found = readings_of([ratings("s1", seed=1)])
    raw, centered = one(found, "session", "raw", "s1"), one(found, "session", "zero-mean", "s1")
    for name in ("pearson", "alpha", "icc_c1", "icc_ck"):
        assert centered.values[name].value == pytest.approx(raw.values[name].value)
    for name in ("ccc", "occc", "icc_a1", "krippendorff"):
        assert centered.values[name].value > raw.values[name].value
    assert centered.values["mse"].value < raw.values["mse"].value


def test_pooled_over_sessions_zero_mean_raises_the_correlation_of_biased_raters() -> None:
    found = readings_of([ratings(f"s{k}", seed=k) for k in range(6)])
    raw, centered = one(found, "pooled per team", "raw"), one(found, "pooled per team", "zero-mean")
    assert abs(centered.values["pearson"].value - raw.values["pearson"].value) > 0.01
    assert abs(centered.values["alpha"].value - raw.values["alpha"].value) > 0.01


def test_the_mean_of_sessions_is_the_mean_of_their_figures() -> None:
    found = readings_of([ratings(f"s{k}", seed=k) for k in range(3)])
    own = [one(found, "session", "raw", f"s{k}").values["ccc"].value for k in range(3)]
    assert one(found, "mean of sessions", "raw").values["ccc"].value == pytest.approx(np.mean(own))


def test_pooled_is_what_all_sessions_in_a_row_give() -> None:
    sessions = [ratings(f"s{k}", seed=k, gaps=0.1) for k in range(3)]
    whole = all_measures(np.concatenate([session.per_rater for session in sessions], axis=1))
    found = one(readings_of(sessions), "pooled per team", "raw")
    for name in MEASURES:
        assert found.values[name].value == pytest.approx(whole[name].value)


def test_with_one_team_nothing_is_pooled_twice_and_with_two_the_overlap_is_kept_apart() -> None:
    single = readings_of([ratings("s1", seed=1), ratings("s2", seed=2)])
    assert not [r for r in single if r.scope == "pooled over all"]
    found = readings_of([ratings("s1", A, seed=1), ratings("s2", B, seed=2)])
    over_all, per_team = one(found, "pooled over all", "raw"), one(found, "pooled per team", "raw")
    assert (over_all.n_raters, over_all.n_teams, per_team.n_teams) == (6, 2, 2)
    for name in set(MEASURES) - set(ANY_OVERLAP):
        assert np.isnan(over_all.values[name].value)
        assert np.isfinite(per_team.values[name].value)
    for name in ANY_OVERLAP:
        assert np.isfinite(over_all.values[name].value)


def test_teams_are_weighted_by_their_ratings() -> None:
    long, short = ratings("s1", A, seed=1, n=900), ratings("s2", B, seed=2, n=100)
    found = one(readings_of([long, short]), "pooled per team", "raw").values["pearson"].value
    first, second = (all_measures(own.per_rater)["pearson"].value for own in (long, short))
    assert found == pytest.approx(0.9 * first + 0.1 * second)


def test_sessions_of_one_rater_count_in_no_mean_and_have_a_line_of_their_own() -> None:
    found = readings_of([ratings("s1", seed=1), ratings("s2", ("rater1",), seed=2)])
    assert one(found, "mean of sessions", "raw").n_sessions == 1
    assert one(found, "session", "raw", "s2").interval == ""
    assert not [r for r in readings_of([ratings("s2", ("rater1",), seed=2)]) if r.scope != "session"]


def test_from_five_sessions_on_every_defined_figure_lies_within_its_interval() -> None:
    sessions = [ratings(f"s{k}", A if k % 2 else B, seed=k, gaps=0.02) for k in range(8)]
    for reading in readings_of(sessions):
        if reading.scope == "session":
            continue
        assert reading.interval == "sessions"
        for name, found in reading.values.items():
            if np.isfinite(found.value) and reading.scope != "pooled over all":
                assert found.low <= found.value <= found.high, (reading.scope, name)
    for reading in readings_of(sessions[:4]):
        assert reading.scope == "session" or reading.interval == ""


def test_the_interval_of_equal_sessions_is_a_point_and_of_few_there_is_none() -> None:
    assert interval_of_mean([0.5] * 9, seed=0) == (0.5, 0.5)
    assert np.isnan(interval_of_mean([0.5] * (MIN_SESSIONS - 1), seed=0)).all()
    same = ratings("s", seed=3, gaps=0.1).per_rater
    whole = all_measures(same)
    for name, limits in intervals_of_pooled([[same] * 6], seed=0).items():
        expected = all_measures(np.concatenate([same] * 6, axis=1))[name].value
        assert limits == pytest.approx((expected, expected)), name
        assert whole[name].value == pytest.approx(expected, abs=0.01)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    inside = 0
    for draw in range(200):
        low, high = interval_of_mean(random.normal(size=20).tolist(), seed=draw)
        inside += low <= 0 <= high
    assert 0.87 <= inside / 200 <= 0.98


def test_the_same_seed_gives_the_same_figures() -> None:
    sessions = [ratings(f"s{k}", seed=k) for k in range(6)]
    assert readings_of(sessions, seed=4) == readings_of(sessions, seed=4)


def test_laid_end_to_end_leaves_cells_empty_where_a_rater_did_not_rate() -> None:
    table = laid_end_to_end([ratings("s1", A, seed=1), ratings("s2", B, seed=2)], (*A, *B), "raw")
    assert table.shape == (6, 800)
    assert np.isnan(table[3:, :400]).all()
    assert np.isfinite(table[:3, :400]).all()


def trace(session: str, rater: str, value: list[float], dimension: str = "valence") -> Trace:
    return Trace(session, rater, dimension, np.arange(len(value)) / 10, np.array(value, float))  # type: ignore


def test_traces_become_ratings_by_dimension_and_session_in_units_of_1() -> None:
    found = ratings_of(
        [
            trace("b", "rater2", [5.0] * 50),
            trace("b", "rater1", [-5.0] * 30),
            trace("a", "rater1", [1.0] * 20, "arousal"),
        ]
    )
    assert [(r.dimension, r.session) for r in found] == [("valence", "b"), ("arousal", "a")]
    assert found[0].raters == ("rater1", "rater2")
    assert found[0].per_rater.shape == (2, 50)
    assert found[0].per_rater[1, 0] == 0.5
    assert np.isnan(found[0].per_rater[0, -1])  # a rater who has ended is not guessed at


def test_a_rater_who_rated_nothing_is_left_out_and_named() -> None:
    found = ratings_of([trace("a", "rater1", [1.0] * 20), trace("a", "rater2", [np.nan] * 20)])[0]
    assert (found.raters, found.silent) == (("rater1",), ("rater2",))
    assert readings_of(ratings_of([trace("a", "rater2", [np.nan] * 20)])) == ()


def test_two_traces_of_one_rater_are_refused() -> None:
    with pytest.raises(TraceError, match="found two"):
        ratings_of([trace("a", "rater1", [1.0] * 20)] * 2)

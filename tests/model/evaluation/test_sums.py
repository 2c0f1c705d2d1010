from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.errors import DatasetError
from mavfer.model.evaluation.metrics import scores
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.sums import measures_of_moments, moments, sums_of


@given(seed=st.integers(0, 10_000), spread=st.sampled_from((0.0, 1e-9, 1e-3, 0.5)))
@settings(max_examples=50, deadline=None, database=None, derandomize=True)
def test_measures_of_added_moments_are_those_of_the_joined_series(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    parts = [(rng.normal(0.3, spread, n), rng.normal(0, 0.4, n)) for n in (3, 20, 7)]
    parts[1][1][4] = parts[2][0][2] = np.nan
    joined = scores(np.concatenate([p for p, _ in parts]), np.concatenate([t for _, t in parts]))
    added = measures_of_moments(np.sum([moments(p, t) for p, t in parts], axis=0))
    if spread < 1e-6:  # a series that only rounding moves counts as constant
        joined["cc"] = joined["ccc"] = 0.0
    for name, value in joined.items():
        assert float(added[name]) == pytest.approx(value, abs=1e-9), name


def test_nothing_counted_is_undefined() -> None:
    assert all(np.isnan(value) for value in measures_of_moments(np.zeros(6)).values())


def test_sessions_of_one_subject_are_one_unit_however_spelled(
    draw_session: Callable[..., SessionPrediction],
) -> None:
    rng = np.random.default_rng(0)
    sessions = [draw_session(name, rng) for name in ("S01", "s01", "S02")]
    sums = sums_of([sessions], "valence")
    assert sums.subjects == ("s01", "s02")
    whole = scores(
        np.concatenate([one.predicted["valence"] for one in sessions]),
        np.concatenate([one.truth["valence"] for one in sessions]),
    )
    assert sums.scores() == pytest.approx(whole)


def test_the_score_of_two_seeds_is_the_mean_of_theirs(draw_session: Callable[..., SessionPrediction]) -> None:
    repeats = [
        [draw_session(f"S{k}", np.random.default_rng(k), quality=q) for k in range(6)] for q in (0.9, 0.4)
    ]
    both = sums_of(repeats, "valence").scores()
    for name, value in both.items():
        assert value == pytest.approx(np.mean([sums_of([one], "valence").scores()[name] for one in repeats]))


def test_seeds_that_show_other_subjects_are_refused(draw_session: Callable[..., SessionPrediction]) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DatasetError, match="s02 not in all"):
        sums_of([[draw_session("S01", rng), draw_session("S02", rng)], [draw_session("S01", rng)]], "valence")

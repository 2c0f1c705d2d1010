from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from mavfer.model.evaluation.bootstrap import drawn_subjects, intervals, limits
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.sums import SubjectSums, measures_of_moments, sums_of

N_POPULATIONS = 250


def population(rng: np.random.Generator, n_subjects: int) -> np.ndarray:
    """Return the moments (S, 6) of subjects who differ in level, range, bias, gain and noise."""
    of_one = (n_subjects, 1)
    slow = lfilter([0.3], [1, -0.95], rng.normal(size=(2, n_subjects, 160)), axis=-1)
    truth = rng.normal(0, 0.15, of_one) + np.exp(rng.normal(-1.2, 0.35, of_one)) * slow[0]
    noise = np.exp(rng.normal(-1.6, 0.3, of_one)) * slow[1]
    predicted = rng.normal(0, 0.12, of_one) + rng.normal(0.5, 0.25, of_one) * truth + noise
    parts = (truth * 0 + 1, predicted, truth, predicted**2, truth**2, predicted * truth)
    return np.stack([part.sum(1) for part in parts], axis=1)


@pytest.mark.parametrize("n_subjects", [12, 24])
def test_limits_of_95_percent_hold_the_populations_ccc_about_as_often_as_they_say(n_subjects: int) -> None:
    rng = np.random.default_rng(5)
    true = measures_of_moments(population(rng, 40_000).sum(0))
    names = tuple(f"S{k}" for k in range(n_subjects))
    held = {"ccc": 0, "cc": 0}
    for _ in range(N_POPULATIONS):
        found = intervals(SubjectSums(names, population(rng, n_subjects)[None]), n_draws=400)
        for name in held:
            held[name] += found[name][0] <= true[name] <= found[name][1]
    for name, count in held.items():
        assert 0.91 <= count / N_POPULATIONS <= 0.98, name


def test_limits_enclose_the_score_and_narrow_with_more_subjects(
    draw_session: Callable[..., SessionPrediction],
) -> None:
    rng = np.random.default_rng(1)
    sessions = [draw_session(f"S{k:02}", rng, bias=rng.normal(0, 0.2)) for k in range(60)]
    widths = []
    for n in (8, 60):
        sums = sums_of([sessions[:n]], "valence")
        low, high = intervals(sums)["ccc"]
        assert low < sums.scores()["ccc"] < high
        widths.append(high - low)
    assert widths[1] < 0.7 * widths[0]


def test_sessions_of_fewer_than_five_subjects_have_no_limits(
    draw_session: Callable[..., SessionPrediction],
) -> None:
    rng = np.random.default_rng(1)
    assert intervals(sums_of([[draw_session(f"S{k % 4}", rng) for k in range(20)]], "valence")) == {}
    assert intervals(sums_of([[draw_session(f"S{k}", rng) for k in range(5)]], "valence"))


def test_draws_hold_as_many_subjects_as_there_are_and_repeat_with_their_seed() -> None:
    drawn = drawn_subjects(7, n_draws=50, seed=3)
    assert (drawn.sum(1) == 7).all()
    np.testing.assert_array_equal(drawn, drawn_subjects(7, n_draws=50, seed=3))
    assert (drawn != drawn_subjects(7, n_draws=50, seed=4)).any()


def test_limits_of_many_subjects_are_the_plain_percentiles_and_of_few_are_wider() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    plain = np.quantile(values, (0.025, 0.975))
    assert limits(values, 100_000) == pytest.approx(tuple(plain), abs=1e-3)
    low, high = limits(values, 8)
    assert low < plain[0] - 0.3
    assert high > plain[1] + 0.3

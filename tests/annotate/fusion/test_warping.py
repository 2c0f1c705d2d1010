"""Laws of time warping: the plain recursion is the law, and a warped copy is brought back."""

import numpy as np
import pytest

from mavfer.annotate.fusion.warping import aligned, distance_between, path_between
from mavfer.errors import TraceError

TIME_S = np.arange(600) / 10


def felt(at_s: np.ndarray) -> np.ndarray:
    return 0.6 * np.sin(at_s / 2.2) + 0.3 * np.sin(at_s / 0.9 + 1)


def plain_distance(a: np.ndarray, b: np.ndarray, band: int) -> float:
    """The recursion as it stands in the books."""
    n = len(a)
    cost = np.full((n + 1, n + 1), np.inf)
    cost[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(max(1, i - band), min(n, i + band) + 1):
            way = min(cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1])
            cost[i, j] = (a[i - 1] - b[j - 1]) ** 2 + way
    return float(cost[n, n])


@pytest.mark.parametrize(("n", "band"), [(1, 1), (2, 1), (7, 1), (30, 4), (40, 60)])
def test_the_fast_distance_is_the_plain_one_and_its_path_costs_it(n: int, band: int) -> None:
    random = np.random.default_rng(n)
    for _ in range(5):
        a, b = random.normal(size=(2, n))
        assert distance_between(a, b, band=band) == pytest.approx(plain_distance(a, b, band))
        path = path_between(a, b, band=band)
        assert ((a[path[:, 0]] - b[path[:, 1]]) ** 2).sum() == pytest.approx(plain_distance(a, b, band))
        steps = np.diff(path, axis=0)
        assert path[0].tolist() == [0, 0]
        assert path[-1].tolist() == [n - 1, n - 1]
        assert np.isin(steps, (0, 1)).all()
        assert (steps.sum(axis=1) > 0).all()
        assert np.abs(path[:, 0] - path[:, 1]).max() <= band


def test_equal_series_are_not_warped() -> None:
    a = felt(TIME_S)
    np.testing.assert_array_equal(path_between(a, a, band=30), np.repeat(np.arange(600)[:, None], 2, axis=1))
    found = aligned(np.stack([a, a, a]), period_s=0.1)
    np.testing.assert_allclose(found.per_rater, np.stack([a, a, a]), atol=1e-12)


def warped_raters() -> np.ndarray:
    wobble = [1.0 * np.sin(TIME_S / 9), -1.2 * np.sin(TIME_S / 11), 0.8 * np.sin(TIME_S / 5 + 1)]
    return np.stack([felt(TIME_S + one) for one in wobble])


def test_the_aligned_mean_of_warped_copies_keeps_what_the_plain_mean_flattens() -> None:
    ratings = warped_raters()
    found = aligned(ratings, period_s=0.1)
    own = ratings[found.medoid]
    plain = np.sqrt(np.mean((ratings.mean(axis=0) - own) ** 2))
    warped = np.sqrt(np.mean((found.per_rater.mean(axis=0) - own) ** 2))
    assert warped < 0.35 * plain
    assert found.per_rater.mean(axis=0).std() > ratings.mean(axis=0).std()


def test_bias_and_gain_do_not_bend_time_and_stay_in_the_ratings() -> None:
    ratings = warped_raters()
    changed = ratings * np.array([[0.5], [1.0], [0.8]]) + np.array([[0.1], [-0.2], [0.0]])
    plain, found = aligned(ratings, period_s=0.1), aligned(changed, period_s=0.1)
    assert found.medoid == plain.medoid
    np.testing.assert_allclose(
        found.per_rater, plain.per_rater * [[0.5], [1.0], [0.8]] + [[0.1], [-0.2], [0.0]], atol=1e-9
    )


def test_gaps_silent_and_constant_raters_do_not_hinder_the_others() -> None:
    ratings = np.concatenate([warped_raters(), np.full((1, 600), np.nan), np.full((1, 600), 0.3)])
    ratings[1, 200:260] = np.nan
    found = aligned(ratings, period_s=0.1)
    assert np.isnan(found.per_rater[3]).all()
    np.testing.assert_allclose(found.per_rater[4], 0.3)
    assert 20 <= np.isnan(found.per_rater[1]).sum() <= 100
    assert np.isfinite(found.per_rater[0]).all()


def test_one_rater_cannot_be_aligned() -> None:
    with pytest.raises(TraceError, match="wanted two raters or more to align, found 1; use --method mean"):
        aligned(felt(TIME_S)[None], period_s=0.1)

"""Laws of weights: they sum to 1, know no order of raters, and give nothing for disagreement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.fusion.weights import WORDS, Weighting, weighted_mean, weights_of
from mavfer.errors import TraceError

AGREEING = [how for how in Weighting if how is not Weighting.EQUAL]


def raters(n: int, *, seed: int = 0, noise: float = 0.4, missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    ratings = np.sin(np.arange(200) / 15) + noise * random.normal(size=(n, 200))
    return np.where(random.random((n, 200)) < missing, np.nan, ratings) / 3


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(Weighting)), st.integers(2, 6), st.integers(0, 99), st.sampled_from([0.0, 0.3, 0.6])
)
def test_weights_sum_to_one_and_follow_their_raters(
    how: Weighting, n: int, seed: int, missing: float
) -> None:
    ratings = raters(n, seed=seed, missing=missing)
    weights = weights_of(ratings, how)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(weights_of(ratings[order], how), weights[order], atol=1e-12)
    np.testing.assert_allclose(
        weighted_mean(ratings[order], weights[order]), weighted_mean(ratings, weights), atol=1e-12
    )


@pytest.mark.parametrize("how", Weighting)
def test_raters_who_are_alike_count_alike_and_their_mean_is_what_they_say(how: Weighting) -> None:
    same = np.repeat(raters(1), 4, axis=0)
    weights = weights_of(same, how)
    np.testing.assert_allclose(weights, 0.25)
    np.testing.assert_allclose(weighted_mean(same, weights), same[0], atol=1e-12)


@pytest.mark.parametrize("how", AGREEING)
def test_noise_counts_for_less_and_the_opposite_for_nothing(how: Weighting) -> None:
    ratings = raters(6)
    ratings[4] = raters(1, seed=9, noise=2.0)[0] / 3  # as loud as the others: r-mean favours the loud
    ratings[5] = -raters(1, seed=8)[0]
    weights = weights_of(ratings, how)
    assert weights[5] == 0
    assert 0 < weights[4] < weights[:4].min()


@pytest.mark.parametrize("how", [Weighting.R_MEAN, Weighting.R_OTHERS, Weighting.R_PAIRS])
def test_r_knows_neither_bias_nor_gain_and_ccc_does(how: Weighting) -> None:
    ratings = raters(3)
    biased = ratings.copy()
    biased[0] += 5
    np.testing.assert_allclose(weights_of(biased, how), weights_of(ratings, how))
    assert weights_of(biased, Weighting.CCC_PAIRS)[0] < 0.05


@pytest.mark.parametrize("how", AGREEING)
def test_a_constant_rater_and_a_silent_one_count_for_nothing(how: Weighting) -> None:
    ratings = raters(4)
    ratings[1] = 0.2
    ratings[3] = np.nan
    np.testing.assert_array_equal(weights_of(ratings, how) > 0, [True, False, True, False])


@pytest.mark.parametrize("how", AGREEING)
def test_raters_who_leave_the_slider_alone_do_not_vouch_for_each_other(how: Weighting) -> None:
    ratings = raters(4)
    ratings[:2] = 0.2
    weights = weights_of(ratings, how)
    assert weights[:2].tolist() == [0, 0]
    np.testing.assert_allclose(weights[2:], weights_of(ratings[2:], how), atol=0.02)
    with pytest.raises(TraceError, match="found none"):
        weights_of(np.full((2, 50), 0.2), how)


def test_all_alike_counts_everyone_who_spoke() -> None:
    ratings = raters(3)
    ratings[1] = np.nan
    np.testing.assert_allclose(weights_of(ratings, Weighting.EQUAL), [0.5, 0, 0.5])


def test_the_readings_of_ewe_differ_and_each_has_its_words() -> None:
    ratings = raters(3, noise=0.3)
    ratings[2] = raters(1, seed=5, noise=1.5)[0]
    found = [tuple(np.round(weights_of(ratings, how), 4)) for how in AGREEING]
    assert len(set(found)) == len(AGREEING)
    assert set(WORDS) == set(Weighting)


def test_ewe_of_three_raters_is_what_the_formula_gives_by_hand() -> None:
    ratings = np.array([[1.0, 2, 3, 4], [2.0, 1, 4, 3], [1.0, 3, 2, 4]])
    r = [np.corrcoef(one, ratings.mean(axis=0))[0, 1] for one in ratings]
    np.testing.assert_allclose(weights_of(ratings, Weighting.R_MEAN), np.array(r) / sum(r))
    pairs = np.corrcoef(ratings)
    others = (pairs.sum(axis=0) - 1) / 2
    np.testing.assert_allclose(weights_of(ratings, Weighting.R_PAIRS), others / others.sum())


def test_a_missing_rater_leaves_the_weight_to_the_others() -> None:
    ratings = np.array([[0.2, np.nan, np.nan], [0.6, 0.6, np.nan]])
    np.testing.assert_allclose(weighted_mean(ratings, np.array([0.75, 0.25])), [0.3, 0.6, np.nan])
    np.testing.assert_allclose(weighted_mean(ratings, np.array([1.0, 0.0])), [0.2, np.nan, np.nan])


def test_weights_that_cannot_be_are_refused() -> None:
    one = raters(1)
    with pytest.raises(TraceError, match="not one value in any trace"):
        weights_of(np.full((2, 9), np.nan), Weighting.EQUAL)
    with pytest.raises(TraceError, match=r"two raters or more .*\(r-mean\), found 1"):
        weights_of(one, Weighting.R_MEAN)
    with pytest.raises(TraceError, match=r"found none \(r-others: all weights are 0\)"):
        weights_of(np.concatenate([one, -one]), Weighting.R_OTHERS)
    np.testing.assert_array_equal(weights_of(one, Weighting.EQUAL), [1.0])

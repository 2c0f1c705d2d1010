"""Laws of a recipe: its steps in their order, what it keeps of each rater, and what it says."""

import numpy as np
import pytest
from pydantic import ValidationError

from mavfer.annotate.fusion.gold import fuse, gold_standard
from mavfer.annotate.fusion.recipe import Lag, Method, Recipe
from mavfer.annotate.fusion.smoothing import Smooth
from mavfer.annotate.fusion.weights import Weighting
from mavfer.annotate.trace import Trace
from mavfer.errors import TraceError

TIME_S = np.arange(0, 60, 0.1)
METHODS = list(Method)


def felt(at_s: np.ndarray) -> np.ndarray:
    return 5 * np.sin(at_s / 2.3) + 3 * np.sin(at_s / 0.9)


def trace(value: np.ndarray, rater: str = "r1") -> Trace:
    return Trace("s", rater, "valence", TIME_S, np.clip(value, -10, 10))


def raters(n: int = 3, *, noise: float = 1.0) -> list[Trace]:
    random = np.random.default_rng(n)
    return [trace(felt(TIME_S) + noise * random.normal(size=len(TIME_S)), f"r{k}") for k in range(n)]


@pytest.mark.parametrize("method", METHODS)
def test_raters_who_are_alike_give_what_they_say_by_every_method(method: Method) -> None:
    same = [trace(felt(TIME_S), f"r{k}") for k in range(3)]
    gold = fuse(same, TIME_S, Recipe.model_validate({"method": method}))
    np.testing.assert_allclose(gold.value, felt(TIME_S) / 10, atol=1e-12)
    np.testing.assert_allclose(gold.weights, 1 / 3)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_raters_does_not_matter(method: Method) -> None:
    recipe = Recipe.model_validate({"method": method, "lag": "estimated", "centered": True})
    rated = [*raters(), trace(np.roll(felt(TIME_S), 12), "slow")]
    one, other = fuse(rated, TIME_S, recipe), fuse(rated[::-1], TIME_S, recipe)
    np.testing.assert_allclose(one.value, other.value, atol=1e-9)
    np.testing.assert_allclose(one.weights, other.weights[::-1], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("smoothing", Smooth)
def test_missing_ratings_anywhere_leave_labels_within_the_scale(method: Method, smoothing: Smooth) -> None:
    random = np.random.default_rng(1)
    rated = []
    for one in raters(4):
        value = np.where(random.random(len(TIME_S)) < 0.3, np.nan, one.value)
        start = random.integers(0, 500)
        value[start : start + 80] = np.nan
        rated.append(trace(value, one.rater))
    recipe = Recipe.model_validate(
        {"method": method, "smoothing": smoothing, "window_s": 0 if smoothing is Smooth.NONE else 1.5}
    )
    gold = fuse(rated, TIME_S, recipe)
    assert np.isfinite(gold.value).mean() > 0.9
    assert np.nanmax(np.abs(gold.value)) <= 1
    assert gold.per_rater.shape == (4, len(TIME_S))


def test_the_default_recipe_is_the_papers_mean() -> None:
    rated = raters()
    np.testing.assert_array_equal(fuse(rated, TIME_S, Recipe()).value, gold_standard(rated, TIME_S).value)


def test_a_fixed_lag_is_taken_out_of_all_and_recorded() -> None:
    late = [trace(felt(TIME_S - 2), "a"), trace(felt(TIME_S - 2), "b")]
    gold = fuse(late, TIME_S, Recipe(lag=Lag.FIXED, lag_s=2.0))
    known = TIME_S < 57.5
    np.testing.assert_allclose(gold.value[known], felt(TIME_S[known]) / 10, atol=1e-9)
    assert [(lag.rater, lag.lag_s, lag.source) for lag in gold.lags] == [
        ("a", 2.0, "fixed"),
        ("b", 2.0, "fixed"),
    ]


def test_estimated_lags_bring_back_what_a_plain_mean_blurs_and_say_that_they_are_relative() -> None:
    late = [trace(felt(TIME_S - lag_s), f"r{k}") for k, lag_s in enumerate((0.5, 1.5, 2.5))]
    plain = fuse(late, TIME_S, Recipe(lag=Lag.FIXED, lag_s=1.5))
    gold = fuse(late, TIME_S, Recipe(lag=Lag.ESTIMATED, lag_s=1.5))
    inside = (TIME_S > 3) & (TIME_S < 56)
    wanted = felt(TIME_S[inside]) / 10
    np.testing.assert_allclose(gold.value[inside], wanted, atol=0.01)
    assert np.abs(plain.value[inside] - wanted).max() > 0.1
    assert gold.remarks == (
        "lags are relative: raters alone do not tell what they have in common, taken as 1.5 s",
    )


def test_lags_against_a_reference_are_whole() -> None:
    late = [trace(felt(TIME_S - 1.2), "a"), trace(felt(TIME_S - 2), "b")]
    recipe = Recipe(lag=Lag.REFERENCE)
    gold = fuse(late, TIME_S, recipe, reference=(TIME_S, felt(TIME_S)))
    assert [lag.lag_s for lag in gold.lags] == pytest.approx([1.2, 2.0])
    with pytest.raises(TraceError, match="wanted a reference to estimate lags against, found none"):
        fuse(late, TIME_S, recipe)


def test_what_is_odd_about_a_rater_is_said() -> None:
    rated = [*raters(), trace(np.full(len(TIME_S), 4.0), "still"), trace(-felt(TIME_S), "against")]
    rated.append(trace(np.full(len(TIME_S), np.nan), "silent"))
    gold = fuse(rated, TIME_S, Recipe(method=Method.EWE, weighting=Weighting.R_OTHERS))
    assert gold.remarks == (
        "rater 'still' gives 4 throughout and counts for nothing, for a constant agrees with nobody",
        "rater 'against' counts for nothing: the agreement with the others is not above 0",
        "rater 'silent' gave no value and counts for nothing",
    )
    assert gold.weights[3:].tolist() == [0, 0, 0]


def test_moments_that_only_a_weightless_rater_rated_have_no_value_and_are_counted() -> None:
    ends = np.where(TIME_S < 30, felt(TIME_S), np.nan)
    rated = [trace(ends, f"r{k}") for k in range(3)] + [trace(-felt(TIME_S), "against")]
    gold = fuse(rated, TIME_S, Recipe(method=Method.EWE, weighting=Weighting.R_OTHERS))
    assert np.isnan(gold.value[TIME_S > 30.6]).all()
    assert any("moments have ratings only of raters who count for nothing" in line for line in gold.remarks)


def test_whose_time_an_aligned_mean_has_is_said() -> None:
    gold = fuse(raters(), TIME_S, Recipe(method=Method.DTW))
    assert any(line.startswith("moments are those of rater 'r") for line in gold.remarks)


def test_silence_and_what_does_not_belong_together_are_refused() -> None:
    silent = trace(np.full(len(TIME_S), np.nan))
    with pytest.raises(TraceError, match="not one value in any trace"):
        fuse([silent], TIME_S, Recipe())
    with pytest.raises(TraceError, match="found several of r1"):
        fuse([silent, silent], TIME_S, Recipe())
    with pytest.raises(
        TraceError, match=r"two raters or more to weight by their agreement \(r-mean\), found 1"
    ):
        fuse(raters(1), TIME_S, Recipe(method=Method.EWE))


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ({"method": "mean", "weighting": "r-mean"}, "wanted equal for mean, found r-mean"),
        ({"method": "ccc", "weighting": "r-pairs"}, "wanted ccc-pairs for ccc"),
        ({"smoothing": "savgol"}, "wanted a smoothing and the width"),
        ({"window_s": 2}, "wanted a smoothing and the width"),
        ({"lag_s": 2}, "wanted no lag, found 2 s"),
        ({"lag": "fixed", "lag_s": -1}, "greater than or equal to 0"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(recipe: dict, wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        Recipe.model_validate(recipe)


def test_a_recipe_says_itself_in_words() -> None:
    recipe = Recipe(
        method=Method.EWE, smoothing=Smooth.SAVGOL, window_s=2, lag=Lag.FIXED, lag_s=2, centered=True
    )
    assert recipe.weighting is Weighting.R_MEAN
    assert recipe.words == (
        "evaluator weighted estimator, weights: r with the mean of all raters, self included (Grimm and "
        "Kroschel 2005); a lag of 2 s taken out; each rater's mean replaced by that of all; smoothed by a "
        "Savitzky-Golay filter over 2 s"
    )

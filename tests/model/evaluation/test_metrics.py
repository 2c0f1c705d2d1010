import numpy as np
import pytest
import torch
import torchmetrics.functional.regression as reference

from mavfer.model.evaluation.metrics import cc, ccc, rmse, scores
from mavfer.model.evaluation.sums import measures_of_moments, moments


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=500)
    return 0.6 * truth + 0.3 * rng.normal(size=500) + 0.2, truth


def test_metrics_agree_with_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = pair
    p, t = torch.from_numpy(predicted), torch.from_numpy(truth)
    assert cc(predicted, truth) == pytest.approx(float(reference.pearson_corrcoef(p, t)), abs=1e-6)
    # torchmetrics counts with ddof 1, this module with ddof 0
    assert ccc(predicted, truth) == pytest.approx(float(reference.concordance_corrcoef(p, t)), abs=1e-3)
    assert rmse(predicted, truth) == pytest.approx(float(reference.mean_squared_error(p, t)) ** 0.5)


def test_ccc_of_three_points_is_what_equation_eight_gives_by_hand() -> None:
    # means 1 and 2, variances 2/3 and 2/3, covariance 2/3: 2*(2/3) / (4/3 + 1)
    assert ccc([0, 1, 2], [1, 2, 3]) == pytest.approx(4 / 7)
    assert cc([0, 1, 2], [1, 2, 3]) == pytest.approx(1)
    assert rmse([0, 1, 2], [1, 2, 3]) == pytest.approx(1)


def test_a_perfect_prediction_scores_one_and_its_mirror_image_minus_one() -> None:
    series = np.sin(np.arange(50.0))
    series -= series.mean()
    assert scores(series, series) == {"rmse": 0, "cc": pytest.approx(1), "ccc": pytest.approx(1)}
    assert ccc(-series, series) == pytest.approx(-1)


def test_ccc_punishes_shift_and_scale_that_cc_forgives(pair: tuple[np.ndarray, np.ndarray]) -> None:
    _, truth = pair
    assert cc(2 * truth + 3, truth) == pytest.approx(1)
    assert ccc(2 * truth + 3, truth) < 0.4


def test_a_constant_prediction_scores_zero() -> None:
    found = scores(np.full(10, 0.3), np.arange(10.0))
    assert (found["cc"], found["ccc"]) == (0, 0)


def test_frames_that_are_unknown_in_either_series_are_left_out() -> None:
    assert rmse([1, np.nan, 3, 4], [1, 2, np.nan, 5]) == pytest.approx(0.5**0.5)
    with pytest.raises(ValueError, match="found none"):
        rmse([np.nan], [1.0])
    with pytest.raises(ValueError, match="one length"):
        rmse([1.0, 2.0], [1.0])


def test_sums_and_series_agree_on_what_does_not_vary() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, 300)
    for spread in (1e-7, 1e-5):  # a network that says nearly the same of everybody, and one that does not
        predicted = 0.2 + spread * truth
        of_sums = measures_of_moments(moments(predicted, truth))
        assert cc(predicted, truth) == pytest.approx(float(of_sums["cc"]), abs=1e-4)
        assert ccc(predicted, truth) == pytest.approx(float(of_sums["ccc"]), abs=1e-9)
    assert cc(0.2 + 1e-7 * truth, truth) == 0

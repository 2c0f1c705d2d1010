"""Laws of labels: read where the rater's clock has got to, in [-1, 1], NaN where nobody rated."""

import numpy as np
import pytest

from mavfer.annotate.trace import Trace
from mavfer.preprocess.labels import labels_at

TIME_S = np.arange(0, 20, 0.25)


def ramp(rater: str, dimension: str = "valence", *, slope: float = 0.5, offset: float = 0.0) -> Trace:
    time_s = np.arange(0, 25, 0.1)
    return Trace("s", rater, dimension, time_s, np.clip(slope * time_s + offset, -10, 10))


@pytest.mark.parametrize("lag_s", [0.0, 1.5])
def test_a_label_is_what_the_rater_said_a_reaction_later(lag_s: float) -> None:
    labels = labels_at([ramp("A", slope=0.3)], TIME_S, lag_s=lag_s)
    np.testing.assert_allclose(labels.value["valence"], 0.03 * (TIME_S + lag_s), atol=1e-6)


def test_the_gold_standard_is_the_mean_of_the_raters() -> None:
    labels = labels_at([ramp("A", slope=0.2), ramp("B", slope=0.2, offset=2)], TIME_S, lag_s=0)
    assert labels.raters["valence"] == ("A", "B")
    assert labels.all_raters == ("A", "B")
    np.testing.assert_allclose(labels.value["valence"], labels.per_rater["valence"].mean(axis=0), atol=1e-6)
    assert np.all(np.abs(labels.value["valence"]) <= 1)


def test_a_dimension_that_nobody_rated_is_nan() -> None:
    labels = labels_at([ramp("A")], TIME_S, lag_s=0)
    assert np.all(np.isnan(labels.value["arousal"]))
    assert "arousal" not in labels.per_rater


def test_without_traces_all_is_nan() -> None:
    labels = labels_at([], TIME_S, lag_s=0)
    assert np.all(np.isnan(labels.value["valence"]))
    assert labels.all_raters == ()


def test_the_dimensions_do_not_mix() -> None:
    labels = labels_at([ramp("A", slope=0.1), ramp("A", "arousal", slope=-0.1)], TIME_S, lag_s=0)
    np.testing.assert_allclose(labels.value["valence"], -labels.value["arousal"], atol=1e-6)
    assert labels.value["valence"].dtype == np.float32

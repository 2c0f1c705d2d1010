"""Reliability: published tables, laws, and two public packages as oracles on random tables with gaps."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.agreement.measures import MEASURES, all_measures
from mavfer.annotate.agreement.pairs import ccc, overall_ccc, pearson
from mavfer.annotate.agreement.reliability import cronbach_alpha, icc, krippendorff_alpha

# Shrout and Fleiss, Psychological Bulletin 86, 1979, tables 2 and 4: 6 targets, 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]], np.float64
)
PUBLISHED_ICC = {"1": 0.17, "A1": 0.29, "C1": 0.71, "1k": 0.44, "Ak": 0.62, "Ck": 0.91}
NAN = np.nan
# Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C: 4 observers, 12 units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# Bland and Altman, Lancet 327, 1986, table 1, first readings of two peak flow meters (l/min).
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])
PINGOUIN = {
    "1": "ICC(1,1)",
    "A1": "ICC(A,1)",
    "C1": "ICC(C,1)",
    "1k": "ICC(1,k)",
    "Ak": "ICC(A,k)",
    "Ck": "ICC(C,k)",
}


def tables(*, missing: bool) -> st.SearchStrategy[np.ndarray]:
    """Return tables (K, T) of ratings, K 1 to 5, T 1 to 12, with constants, ties and, if asked, gaps."""
    step = st.sampled_from([-1.0, -0.3, 0.0, 0.1, 0.5, 1.0])
    one = st.one_of(step, st.just(np.nan)) if missing else step
    return st.tuples(st.integers(1, 5), st.integers(1, 12)).flatmap(
        lambda shape: st.lists(
            st.lists(one, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        ).map(np.array)
    )


@pytest.mark.parametrize("form", PUBLISHED_ICC)
def test_the_six_intraclass_correlations_are_those_of_shrout_and_fleiss(form: str) -> None:
    assert icc(SHROUT_FLEISS, form).value == pytest.approx(PUBLISHED_ICC[form], abs=0.005)


def test_krippendorffs_worked_example_has_his_interval_alpha() -> None:
    assert krippendorff_alpha(KRIPPENDORFF) == pytest.approx(0.849, abs=0.0005)


def test_lins_concordance_of_the_peak_flow_meters_is_precision_times_accuracy() -> None:
    scale = WRIGHT.std() / MINI.std()
    shift = (WRIGHT.mean() - MINI.mean()) / np.sqrt(WRIGHT.std() * MINI.std())
    accuracy = 2 / (scale + 1 / scale + shift**2)  # C_b of Lin 1989, p. 258
    assert ccc(WRIGHT, MINI) == pytest.approx(pearson(WRIGHT, MINI) * accuracy)
    assert ccc(WRIGHT, MINI) == pytest.approx(0.943, abs=0.0005)


@pytest.mark.parametrize(
    ("a", "b", "published"),
    [([0, 1, 0.5], [0.1, 0.9, 0.5], 0.97560976), ([1, 1, 0.2], [1, 0.9, 0.2], 0.98765432)],
)
def test_lins_concordance_is_that_of_the_example_in_the_reference_of_keras(
    a: list[float], b: list[float], published: float
) -> None:
    """The page of `keras.metrics.concordance_correlation` prints both to 8 digits; variances over n."""
    assert ccc(np.array(a), np.array(b)) == pytest.approx(published, abs=5e-9)


def random_tables(n_tables: int, *, missing: float) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    found = []
    while len(found) < n_tables:
        k, n = int(random.integers(2, 7)), int(random.integers(3, 40))
        truth = random.normal(size=n) * random.choice([0.2, 1.0, 3.0])
        bias = random.normal(size=(k, 1)) * random.choice([0.0, 1.0])
        table = truth * random.choice([1.0, 1.0, -1.0], size=(k, 1)) + bias + random.normal(size=(k, n))
        table[random.random(table.shape) < missing] = np.nan
        if random.random() < 0.3:
            table = np.round(table)
        found.append(table)
    return found


def test_krippendorffs_alpha_is_that_of_the_public_package_on_random_tables_with_gaps() -> None:
    import krippendorff

    compared = 0
    for table in random_tables(400, missing=0.3):
        if np.isnan(krippendorff_alpha(table)):
            continue
        expected = krippendorff.alpha(reliability_data=table, level_of_measurement="interval")
        assert krippendorff_alpha(table) == pytest.approx(expected, abs=1e-9)
        compared += 1
    assert compared > 380


def test_intraclass_correlations_and_their_intervals_are_those_of_pingouin_on_random_tables() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        import pingouin

        n_limits = 0
        for table in random_tables(100, missing=0.05):
            complete = table[:, np.isfinite(table).all(axis=0)]
            k, n = complete.shape
            if n < 3:
                continue
            rows = pd.DataFrame(
                {
                    "rater": np.repeat(np.arange(k), n),
                    "time": np.tile(np.arange(n), k),
                    "value": complete.ravel(),
                }
            )
            expected = pingouin.intraclass_corr(
                data=rows, targets="time", raters="rater", ratings="value"
            ).set_index("Type")
            limits = next(name for name in expected.columns if name.startswith("CI95"))
            for form, name in PINGOUIN.items():
                found, row = icc(table, form), expected.loc[name]
                assert found.value == pytest.approx(float(row["ICC"]), abs=1e-6)
                if np.isfinite(found.low):
                    limits_found = (found.low, found.high)
                    assert limits_found == pytest.approx(tuple(map(float, row[limits])), abs=0.0051)
                    n_limits += 1
            alpha, _ = pingouin.cronbach_alpha(data=pd.DataFrame(complete.T))
            assert cronbach_alpha(table) == pytest.approx(float(alpha), abs=1e-9)
        assert n_limits > 400


@settings(max_examples=300, deadline=None)
@given(tables(missing=True))
def test_every_measure_is_a_number_up_to_1_or_nan_on_any_table(table: np.ndarray) -> None:
    for name, found in all_measures(table).items():
        assert name in MEASURES
        assert np.isnan(found.value) or (np.isfinite(found.value) and found.value <= 4 + 1e-9)
        if name != "mse":
            assert not found.value > 1 + 1e-9
        if np.isfinite(found.low) and np.isfinite(found.high):
            assert found.low - 1e-9 <= found.value <= found.high + 1e-9


@settings(max_examples=100, deadline=None)
@given(tables(missing=True), st.randoms(use_true_random=False))
def test_no_measure_depends_on_the_order_of_raters_or_times(table: np.ndarray, random) -> None:
    raters, times = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(raters)
    random.shuffle(times)
    once, again = all_measures(table), all_measures(table[raters][:, times])
    for name, found in once.items():
        assert again[name].value == pytest.approx(found.value, abs=1e-6, nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(tables(missing=False))
def test_cronbachs_alpha_is_the_consistency_of_the_mean(table: np.ndarray) -> None:
    alpha, consistency = cronbach_alpha(table), icc(table, "Ck").value
    if np.isfinite(alpha) and np.isfinite(consistency) and abs(alpha) < 1e6:
        assert consistency == pytest.approx(alpha, abs=1e-6, rel=1e-6)


def test_of_two_raters_the_overall_ccc_is_the_ccc() -> None:
    table = np.random.default_rng(0).normal(size=(2, 50))
    assert overall_ccc(table) == pytest.approx(ccc(*table))


def test_equal_raters_agree_fully_in_every_measure() -> None:
    curve = np.sin(np.linspace(0, 20, 300))
    found = all_measures(np.stack([curve] * 3))
    for name in set(MEASURES) - {"positive", "mse"}:
        assert found[name].value == pytest.approx(1), name
    assert found["mse"].value == 0


def test_with_one_rater_or_nothing_in_common_only_the_share_above_0_is_known() -> None:
    alone = all_measures(np.array([[1.0, -1, 1, 1]]))
    assert alone["positive"].value == 0.75
    assert all(np.isnan(found.value) for name, found in alone.items() if name != "positive")
    apart = all_measures(np.array([[1.0, 0.5, NAN, NAN], [NAN, NAN, 1, 0]]))
    assert all(np.isnan(found.value) for name, found in apart.items() if name != "positive")


def test_constant_raters_who_differ_have_no_consistency_and_no_absolute_agreement() -> None:
    table = np.repeat([[0.1], [0.5], [0.7]], 20, axis=1)
    found = all_measures(table)
    assert np.isnan(found["icc_c1"].value)
    assert np.isnan(found["alpha"].value)
    assert found["icc_a1"].value == 0
    assert found["ccc"].value == pytest.approx(0)
    assert found["krippendorff"].value < 0


def test_bias_lowers_absolute_agreement_and_leaves_consistency() -> None:
    shifted = SHROUT_FLEISS + np.array([[0.0], [5], [-3], [1]])
    assert icc(shifted, "C1").value == pytest.approx(icc(SHROUT_FLEISS, "C1").value)
    aligned = SHROUT_FLEISS - SHROUT_FLEISS.mean(axis=1, keepdims=True)
    assert icc(aligned, "A1").value > icc(SHROUT_FLEISS, "A1").value


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted one of"):
        icc(SHROUT_FLEISS, "B7")

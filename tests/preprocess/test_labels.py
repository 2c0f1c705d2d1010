"""Laws of labels: read where the rater's clock has got to, in [-1, 1], NaN where nobody rated."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mavfer.annotate.trace import Trace
from mavfer.errors import TraceError
from mavfer.preprocess.labels.gold import Labels, check_lengths, labels_at

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


def rated(rater: str, value: np.ndarray, *, until_s: float = 20.0, dimension: str = "valence") -> Trace:
    time_s = np.linspace(0, until_s, len(value))
    return Trace("s", rater, dimension, time_s, value)


def both(value: np.ndarray, rater: str = "A", **options: float) -> list[Trace]:
    return [rated(rater, value, dimension=dimension, **options) for dimension in ("valence", "arousal")]


def wave(n: int = 201, *, phase: float = 0.0) -> np.ndarray:
    return 6 * np.sin(np.linspace(phase, 6 + phase, n))


def remarks(*traces: Trace, lag_s: float = 0.0) -> tuple[str, ...]:
    return labels_at(traces, TIME_S, lag_s=lag_s).remarks


def test_good_ratings_need_no_remark() -> None:
    assert remarks(*both(wave()), *both(wave(phase=0.2), "B")) == ()
    assert remarks() == ()


@pytest.mark.parametrize("lag_s", [0.0, 1.0, 2.5])
def test_where_ratings_end_with_the_film_the_last_lag_has_no_label(lag_s: float) -> None:
    labels = labels_at(both(wave(), until_s=TIME_S[-1]), TIME_S, lag_s=lag_s)
    np.testing.assert_array_equal(
        np.isfinite(labels.value["valence"]), TIME_S + lag_s <= TIME_S[-1] + 0.5 + 1e-9
    )
    if lag_s:
        (line,) = labels.remarks
        assert line.startswith("valence and arousal: the last ")
        assert f"nobody rated any more {lag_s:g} s later" in line


def test_a_rating_that_goes_on_after_the_film_labels_it_to_its_end() -> None:
    labels = labels_at(both(wave(), until_s=22.0), TIME_S, lag_s=2.0)
    assert np.isfinite(labels.value["arousal"]).all()
    assert labels.remarks == ()


def test_missing_ratings_are_bridged_within_the_limit_and_never_beyond() -> None:
    value = wave()
    value[50:80] = np.nan  # 3 s without, 3.1 s from rating to rating
    trace = rated("A", value)
    assert np.isfinite(labels_at([trace], TIME_S, lag_s=0, max_gap_s=3.2).value["valence"]).all()
    short = labels_at([trace], TIME_S, lag_s=0, max_gap_s=3.0)
    missing = np.isnan(short.value["valence"])
    np.testing.assert_array_equal(missing, (TIME_S > 4.9) & (TIME_S < 8.0))
    assert short.remarks[0].endswith("pauses 1 time for longer than 3 s, 3.1 s in all, which are not bridged")


def test_a_silent_rater_counts_for_nothing_and_is_named() -> None:
    labels = labels_at([*both(wave()), *both(np.full(9, np.nan), "B")], TIME_S, lag_s=0)
    alone = labels_at(both(wave()), TIME_S, lag_s=0)
    np.testing.assert_array_equal(labels.value["valence"], alone.value["valence"])
    assert labels.raters["valence"] == ("A", "B")
    assert labels.remarks == ("valence and arousal: rater 'B' gave no value at all, and counts for nothing",)


def test_a_session_whose_only_rating_is_empty_says_that_no_frame_has_a_label() -> None:
    lines = remarks(*both(np.full(9, np.nan)))
    assert lines[1] == "valence and arousal: no frame has a label"


def test_a_short_rating_labels_what_it_covers_and_is_named() -> None:
    labels = labels_at(both(wave(), until_s=10.0), TIME_S, lag_s=0)
    np.testing.assert_array_equal(np.isfinite(labels.value["valence"]), TIME_S <= 10.5)
    assert "rater 'A' ends at 10.0 s of 19.8 s" in labels.remarks[0]


def test_a_late_rating_leaves_the_frames_before_it_without_a_label() -> None:
    late = Trace("s", "A", "valence", np.arange(6, 21, 0.1), np.zeros(150))
    labels = labels_at([late], TIME_S, lag_s=2.0)
    np.testing.assert_array_equal(np.isfinite(labels.value["valence"])[:30], TIME_S[:30] >= 3.5)
    assert "begins at 6.0 s" in labels.remarks[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.full(201, 3.0), "gives 3 throughout"),
        (np.repeat([-10.0, 10.0, -10.0], 67), "gives only the values -10, 10: rated in steps"),
        (np.r_[wave(100), 10.0, wave(100)[1:] - 4], "jumps 2 times by half the scale or more"),
    ],
)
def test_odd_values_are_kept_and_remarked_on(value: np.ndarray, said: str) -> None:
    labels = labels_at(both(value), TIME_S, lag_s=0)
    assert np.isfinite(labels.value["valence"]).all()
    assert said in labels.remarks[0]


def test_a_rater_of_three_who_leaves_makes_the_mean_jump_and_it_says_so() -> None:
    traces = [rated("A", wave()), rated("B", wave()), rated("C", np.full(101, 9.0), until_s=10.0)]
    labels = labels_at(traces, TIME_S, lag_s=0)
    assert np.isfinite(labels.value["valence"]).all()
    assert any("the mean of only some of the raters, which jumps by up to" in x for x in labels.remarks)
    assert "arousal: nobody rated it; no frame has a label" in labels.remarks


def test_one_dimension_alone_may_be_another_raters() -> None:
    labels: Labels = labels_at([rated("A", wave()), rated("B", wave(), dimension="arousal")], TIME_S, lag_s=0)
    assert labels.raters == {"valence": ("A",), "arousal": ("B",)}
    assert labels.per_rater["arousal"].shape == (1, len(TIME_S))


def test_a_trace_of_another_session_is_refused() -> None:
    film = {"duration_s": 20.0, "path": Path("session")}
    check_lengths(both(wave(), until_s=31.9), lag_s=2, **film)
    with pytest.raises(
        TraceError, match=r"of 20\.0 s, found ratings until 32\.1 s in s\.A\.valence\.csv; is it .*session$"
    ):
        check_lengths(both(wave(), until_s=32.1), lag_s=2, **film)
    with pytest.raises(TraceError, match="are its times milliseconds"):
        check_lengths(both(wave(), until_s=20_000), lag_s=0, **film)
    late = Trace("s", "A", "valence", np.array([23.0, 24.0]), np.zeros(2))
    with pytest.raises(
        TraceError, match=r"first rating at 23\.0 s in s\.A\.valence\.csv; do its times count from"
    ):
        check_lengths([late], lag_s=1, **film)


def test_what_a_tool_pads_with_nothing_is_no_length() -> None:
    padded = np.r_[wave(), np.full(1000, np.nan)]
    check_lengths(both(padded, until_s=120.0), duration_s=20, lag_s=0, path=Path("session"))
    check_lengths(both(np.full(9, np.nan)), duration_s=1, lag_s=0, path=Path("session"))


SAMPLES = st.lists(st.one_of(st.none(), st.integers(-10, 10)), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(SAMPLES, st.sampled_from([0.02, 0.1, 1.0, 7.0])), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.sampled_from([0.0, 1.0, 5.0]),
    st.integers(1, 60),
)
def test_whatever_raters_do_labels_lie_within_what_they_said_and_remarks_are_lines(
    ratings: list[tuple[list[int | None], float]], lag_s: float, max_gap_s: float, n_frames: int
) -> None:
    traces = [
        Trace(
            "s",
            f"r{number}",
            "valence",
            np.arange(len(values)) * step_s,
            np.array([np.nan if one is None else one for one in values], float),
        )
        for number, (values, step_s) in enumerate(ratings)
    ]
    labels = labels_at(traces, TIME_S[:n_frames], lag_s=lag_s, max_gap_s=max_gap_s)
    known = np.isfinite(labels.value["valence"])
    np.testing.assert_array_equal(known, np.isfinite(labels.per_rater["valence"]).any(axis=0))
    said = [value / 10 for trace in traces for value in trace.value if np.isfinite(value)]
    if known.any():
        found = labels.value["valence"][known]
        assert min(said) - 1e-6 <= found.min() <= found.max() <= max(said) + 1e-6
    last_s = max(
        (trace.time_s[np.isfinite(trace.value)][-1] for trace in traces if np.isfinite(trace.value).any()),
        default=-9,
    )
    assert not known[TIME_S[:n_frames] + lag_s > last_s + 0.5 + 1e-5].any()
    assert all(line and "\n" not in line and "nan" not in line for line in labels.remarks)
    assert len(set(labels.remarks)) == len(labels.remarks)

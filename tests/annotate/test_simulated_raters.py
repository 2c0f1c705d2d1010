"""Simulated raters: late, in whole steps, with gaps, and still of the truth's opinion."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mavfer.annotate.agreement import ccc, pearson
from mavfer.annotate.fusion import gold_standard
from mavfer.annotate.simulated import simulated_traces
from mavfer.annotate.trace import read_traces, write_trace
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.truth import Truth
from mavfer.errors import TraceError


@pytest.fixture
def truth() -> Truth:
    tick_s = np.arange(0, 90, 0.1)
    return Truth(
        subject="S01",
        tick_s=tick_s,
        valence=0.9 * np.sin(2 * np.pi * tick_s / 17),
        arousal=0.8 * np.sin(2 * np.pi * tick_s / 11 + 1),
        landmarks_xyz_color_mm=np.zeros((len(tick_s), 68, 3)),
        rig=simulated_rig(),
    )


def test_each_rater_rates_both_dimensions_in_whole_steps(truth: Truth) -> None:
    traces = simulated_traces(truth, session="s", seed=0, n_raters=3)
    assert [(one.rater, one.dimension) for one in traces] == [
        (f"sim{k}", dimension) for k in (1, 2, 3) for dimension in ("valence", "arousal")
    ]
    values = np.concatenate([one.value for one in traces])
    present = values[np.isfinite(values)]
    assert 0.005 < np.mean(np.isnan(values)) < 0.2
    np.testing.assert_array_equal(present, np.round(present))
    assert np.abs(present).max() <= 10
    assert all(one.simulated for one in traces)


def test_the_same_seed_gives_the_same_traces_and_another_session_others(truth: Truth) -> None:
    first, again = (simulated_traces(truth, session="s", seed=3) for _ in range(2))
    other = simulated_traces(truth, session="t", seed=3)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.value, b.value)
    assert not all(
        np.array_equal(a.value, b.value, equal_nan=True) for a, b in zip(first, other, strict=True)
    )


def test_raters_are_one_to_two_and_a_half_seconds_late(truth: Truth) -> None:
    time_s = np.arange(5, 80, 0.1)
    for trace in simulated_traces(truth, session="s", seed=1, n_raters=4):
        curve = np.interp(time_s, truth.tick_s, getattr(truth, trace.dimension))
        lags_s = np.arange(0, 4, 0.1)
        fit = [pearson(gold_standard([trace], time_s, lag_s=lag).value, curve) for lag in lags_s]
        assert 0.8 <= lags_s[int(np.argmax(fit))] <= 2.7


def test_with_the_lag_taken_out_the_mean_over_raters_is_near_the_truth(truth: Truth) -> None:
    traces = [one for one in simulated_traces(truth, session="s", seed=2) if one.dimension == "valence"]
    gold = gold_standard(traces, truth.tick_s, lag_s=1.75)
    assert ccc(gold.value, truth.valence) > 0.85
    assert ccc(gold.value, truth.valence) > ccc(gold_standard(traces, truth.tick_s).value, truth.valence)


def test_simulated_traces_survive_their_files(truth: Truth, tmp_path: Path) -> None:
    for one in simulated_traces(truth, session="s", seed=4):
        write_trace(tmp_path, one)
    read = read_traces(tmp_path, "s")
    assert len(read) == 6
    assert all(one.simulated for one in read)


def test_a_board_feels_nothing(truth: Truth) -> None:
    board = replace(truth, valence=np.full(len(truth.tick_s), np.nan))
    with pytest.raises(TraceError, match="wanted a session with a face to rate"):
        simulated_traces(board, session="s", seed=0)

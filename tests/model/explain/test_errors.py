from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import DatasetError
from mavfer.model.evaluation.bootstrap import intervals
from mavfer.model.evaluation.classes import ClipClasses
from mavfer.model.evaluation.metrics import ccc, rmse
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.sums import sums_of
from mavfer.model.explain.errors import class_errors, groups_of, per_group, per_subject
from mavfer.model.explain.intervals import figure, ratio
from mavfer.model.explain.reliability import class_reliability, reliability_of

N = 400


def told(subject: str, truth: np.ndarray, predicted: np.ndarray) -> SessionPrediction:
    return SessionPrediction(
        session=f"{subject}-a",
        subject=subject,
        fps=10.0,
        time_s=np.arange(len(truth)) / 10,
        covered=np.ones(len(truth), bool),
        truth={"valence": truth},
        predicted={"valence": predicted},
        scores={},
    )


def people(n: int, *, noise: float = 0.2, gain: float = 1.0) -> list[SessionPrediction]:
    rng = np.random.default_rng(0)
    truth = [rng.uniform(-0.8, 0.8, N) for _ in range(n)]
    return [told(f"S{i:02}", t, gain * (t + noise * rng.normal(size=N))) for i, t in enumerate(truth)]


def test_errors_of_a_subject_are_those_of_the_metrics() -> None:
    sessions = people(3)
    sessions[1].truth["valence"][:5] = np.nan
    by_name = {one.name: one for one in per_subject(sessions, "valence")}
    for session in sessions:
        p, t = session.predicted["valence"], session.truth["valence"]
        one = by_name[session.subject]
        assert one.rmse.value == pytest.approx(rmse(p, t))
        assert one.ccc.value == pytest.approx(ccc(p, t))
        assert one.bias.value == pytest.approx(np.nanmean(p - t))
    assert by_name["S01"].n_frames == N - 5


def test_the_worst_subject_comes_first() -> None:
    sessions = [*people(2), told("wrong", np.ones(N), -np.ones(N))]
    assert per_subject(sessions, "valence")[0].name == "wrong"


def test_a_group_is_scored_as_its_frames_together_and_who_is_not_known_comes_last() -> None:
    sessions = people(6)
    groups = {"S00": "b", "S01": "b", "S02": "a"}
    found = per_group(sessions, "valence", groups)
    assert [(one.name, one.n_subjects) for one in found] == [("a", 1), ("b", 2), ("unknown", 3)]
    p, t = (
        np.concatenate([getattr(one, kind)["valence"] for one in sessions[:2]])
        for kind in ("predicted", "truth")
    )
    assert found[1].ccc.value == pytest.approx(ccc(p, t))


def test_few_subjects_have_no_interval_and_more_have_one_around_the_value() -> None:
    few, more = (per_group(people(n), "valence", {})[0] for n in (4, 12))
    assert np.isnan(few.ccc.low)
    assert few.ccc.value == pytest.approx(float(str(few.ccc)), abs=1e-3)
    assert more.ccc.low < more.ccc.value < more.ccc.high


def test_subjects_that_are_alike_leave_nothing_open() -> None:
    sums = np.tile([2.0, 4.0], (8, 1))
    found = figure(sums, ratio)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_groups_come_from_the_table_of_subjects_and_ages_by_decades(tmp_path: Path) -> None:
    rows = [f"S{i:02},{20 + 4 * i},{'female' if i % 2 else 'male'},{i % 6 + 1}" for i in range(8)]
    (tmp_path / "subjects.csv").write_text("\n".join(["subject,age,sex,tone", *rows]), encoding="utf-8")
    found = groups_of(tmp_path, ["S00", "S03", "s07", "S99"])
    assert found["age"] == {"S00": "20-29", "S03": "30-39", "s07": "40-49"}
    assert found["tone"] == {"S00": "1", "S03": "4", "s07": "2"}
    assert found["sex"] == {"S00": "male", "S03": "female", "s07": "female"}


def test_without_a_table_no_group_is_known_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    assert groups_of(tmp_path, ["S00"]) == {}
    (tmp_path / "subjects.csv").write_bytes(b"subject,s\xffex\nS00,x\n")
    with pytest.raises(DatasetError, match="readable table"):
        groups_of(tmp_path, ["S00"])


def test_what_is_said_as_it_is_found_has_slope_one_and_no_error() -> None:
    found = reliability_of(people(6, noise=0.0), "valence")
    assert found.slope.value == pytest.approx(1)
    assert found.intercept.value == pytest.approx(0, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.count.sum() == 6 * N


def test_a_network_that_exaggerates_twofold_has_slope_one_half() -> None:
    found = reliability_of(people(6, noise=0.0, gain=2.0), "valence")
    assert found.slope.value == pytest.approx(0.5)
    assert found.error > 0.2
    assert found.slope.low <= 0.5 + 1e-9


def test_a_constant_prediction_has_no_slope() -> None:
    found = reliability_of([told("S00", np.linspace(-1, 1, N), np.full(N, 0.25))], "valence")
    assert np.isnan(found.slope.value)
    assert found.error == pytest.approx(0.25)


def test_classes_are_calibrated_where_the_share_told_right_is_the_probability() -> None:
    truth = np.array([0] * 3 + [1])
    probabilities = np.tile([0.75, 0.25], (4, 1))
    clips = ClipClasses(np.arange(4) * 8, truth, probabilities)
    session = told("S00", np.zeros(40), np.zeros(40))
    session = SessionPrediction(
        **{name: getattr(session, name) for name in ("session", "subject", "fps", "time_s", "covered")},
        truth={}, predicted={}, scores={}, clips=clips,
    )  # fmt: skip
    found = class_reliability([session])
    assert found.error == pytest.approx(0)
    assert found.count.tolist() == [4]
    assert found.said.tolist() == [0.75]


def test_limits_are_those_of_an_evaluation() -> None:
    sessions = people(9, noise=0.6)
    found = per_group(sessions, "valence", {})[0]
    wanted = intervals(sums_of([sessions], "valence"))
    assert (found.ccc.low, found.ccc.high) == pytest.approx(wanted["ccc"])
    assert (found.rmse.low, found.rmse.high) == pytest.approx(wanted["rmse"])


def test_of_classes_the_share_told_right_is_counted_by_subject_and_by_group() -> None:
    right = {"S0": (3, 4), "S1": (0, 2), "S2": (5, 5)}
    sessions = [
        replace(
            told(name, np.zeros(4), np.zeros(4)),
            clips=ClipClasses(
                np.arange(n + 1), np.array([0] * n + [-1]), np.eye(2)[[0] * k + [1] * (n - k) + [1]]
            ),
        )
        for name, (k, n) in right.items()
    ]
    by_subject = class_errors([*sessions, sessions[0]])
    assert [(one.name, one.n_clips) for one in by_subject] == [("S0", 8), ("S1", 2), ("S2", 5)]
    assert [one.accuracy.value for one in by_subject] == pytest.approx([3 / 4, 0, 1])
    by_group = class_errors(sessions, {"S0": "b", "S1": "b"})
    assert [(one.name, one.n_subjects, one.n_clips) for one in by_group] == [("b", 2, 6), ("unknown", 1, 5)]
    assert by_group[0].accuracy.value == pytest.approx(3 / 6)

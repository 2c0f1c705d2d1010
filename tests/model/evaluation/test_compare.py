from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import ModelError, UsageError
from mavfer.model.evaluation.compare import compare, outside_in_favour
from mavfer.model.evaluation.evaluate import summed_up
from mavfer.model.evaluation.evaluation_file import Evaluation, write_evaluation
from mavfer.model.evaluation.pooling import Pooled, pooled
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.systems import named_systems

Draw = Callable[..., SessionPrediction]
DrawEvaluation = Callable[..., Evaluation]


@pytest.fixture
def system(draw_session: Draw, draw_evaluation: DrawEvaluation) -> Callable[..., Evaluation]:
    """Return what makes an evaluation of ten subjects at a quality; truth and noise are always alike."""

    def make(quality: float, run: Path = Path("run"), **more: object) -> Evaluation:
        sessions = tuple(draw_session(f"S{k}", np.random.default_rng(k), quality=quality) for k in range(10))
        return summed_up(draw_evaluation(run, sessions, **more))

    return make


def of(*evaluations: Evaluation) -> Pooled:
    return pooled(evaluations)


def test_the_first_system_stands_against_each_other_one(system: Callable[..., Evaluation]) -> None:
    systems = {"good": of(system(0.9)), "poor": of(system(0.3)), "same": of(system(0.9))}
    told: list[tuple[int, int]] = []
    found = compare(systems, on_progress=lambda *now: told.append(now))
    n_pairs = 2 * len(systems["good"].outputs)
    assert told == [(number, n_pairs) for number in range(n_pairs)]
    assert {(one.a, one.b) for one in found} == {("good", "poor"), ("good", "same")}
    assert outside_in_favour(found, output="valence") == {"poor": True, "same": False}
    assert outside_in_favour(found, output="valence", measure="rmse") == {"poor": True, "same": False}
    turned = compare({"poor": of(system(0.3)), "good": of(system(0.9))})
    assert outside_in_favour(turned, output="valence") == {"good": False}
    for one in found:
        assert one.p_holm is not None
        assert one.paired.p_value is not None
        assert one.p_holm >= one.paired.p_value


def test_differences_are_those_of_the_pooled_scores(system: Callable[..., Evaluation]) -> None:
    a, b = of(system(0.9)), of(system(0.5))
    for one in compare({"a": a, "b": b}):
        wanted = a.scores["valence"][one.measure] - b.scores["valence"][one.measure]
        assert one.paired.difference == pytest.approx(wanted)


def test_only_frames_that_both_predict_count(system: Callable[..., Evaluation]) -> None:
    whole, part = system(0.5), system(0.9)
    gone = replace(part.sessions[0], predicted={"valence": np.full(60, np.nan)})
    fewer = replace(part, sessions=(gone, *part.sessions[1:]))
    (first, *_) = compare({"a": of(whole), "b": of(fewer)})
    wanted = of(replace(whole, sessions=whole.sessions[1:])).scores["valence"]["rmse"]
    assert first.measure == "rmse"
    assert first.paired.a == pytest.approx(wanted)


def test_processed_series_are_compared_where_asked(system: Callable[..., Evaluation]) -> None:
    one = system(0.5)
    better = tuple(replace(s, processed={"valence": s.truth["valence"]}) for s in one.sessions)
    a, b = of(replace(one, sessions=better)), of(one)
    raw = {c.measure: c.paired.difference for c in compare({"a": a, "b": b})}
    after = {c.measure: c.paired.a for c in compare({"a": a, "b": b}, processed=True)}
    assert raw["ccc"] == 0
    assert after["ccc"] == pytest.approx(1)
    with pytest.raises(ModelError, match="after post-processing, 'c' has none"):
        compare({"a": a, "c": of(replace(one, chains={}))}, processed=True)


def test_systems_of_other_sessions_labels_or_outputs_are_refused(
    system: Callable[..., Evaluation], make_class_session: Callable[..., SessionPrediction]
) -> None:
    one = system(0.5)
    with pytest.raises(ModelError, match="same sessions, 'a' and 'b' differ in 'S0-a'"):
        compare({"a": of(one), "b": of(replace(one, sessions=one.sessions[1:]))})
    moved = replace(one.sessions[0], truth={"valence": one.sessions[0].truth["valence"] + 0.1})
    with pytest.raises(ModelError, match="same labels, 'a' and 'b' differ in session 'S0-a'"):
        compare({"a": of(one), "b": of(replace(one, sessions=(moved, *one.sessions[1:])))})
    with pytest.raises(ModelError, match="at least two systems"):
        compare({"a": of(one)})
    classes = summed_up(
        replace(
            one,
            sessions=(make_class_session("S0", [0, 1], [0, 1], 2),),
            dimensions=(),
            class_names=("a", "b"),
            chains={},
        )
    )
    with pytest.raises(ModelError, match="wanted systems that predict valence"):
        compare({"a": of(one), "b": of(classes)})


def test_systems_are_named_by_folder_or_label(system: Callable[..., Evaluation], tmp_path: Path) -> None:
    for name, seed, quality in (("mran", 0, 0.9), ("mran-1", 1, 0.8), ("uran", 0, 0.5)):
        run = tmp_path / name
        run.mkdir()
        write_evaluation(system(quality, run, seed=seed), dataset="../d", dataset_sha256="0" * 64)
    mran, again, uran = (str(tmp_path / name) for name in ("mran", "mran-1", "uran"))
    found = named_systems([f"{mran},{again}", f"colour only={uran}"])
    assert list(found) == ["mran,mran-1", "colour only"]
    assert found["mran,mran-1"].seeds == (0, 1)
    assert list(named_systems([mran, uran])) == ["mran", "uran"]
    with pytest.raises(UsageError, match="found 'mran' twice"):
        named_systems([mran, mran])
    with pytest.raises(UsageError, match="two systems or more"):
        named_systems([mran])
    with pytest.raises(ModelError, match=r"found no run\.toml"):
        named_systems([mran, str(tmp_path / "no")])
    with pytest.raises(UsageError, match="found nothing"):
        named_systems([mran, "x="])

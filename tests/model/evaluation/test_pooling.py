from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import ModelError
from mavfer.model.evaluation.classes import BY_CLIP, BY_SESSION
from mavfer.model.evaluation.evaluate import evaluate, summed_up
from mavfer.model.evaluation.evaluation_file import Evaluation, write_evaluation
from mavfer.model.evaluation.metrics import scores
from mavfer.model.evaluation.pooling import pooled, pooled_runs, runs_in
from mavfer.model.evaluation.series import SessionPrediction

Draw = Callable[..., SessionPrediction]
DrawEvaluation = Callable[..., Evaluation]


@pytest.fixture
def folds(draw_session: Draw, draw_evaluation: DrawEvaluation) -> Callable[..., list[Evaluation]]:
    """Return what makes three folds of two subjects each, under one seed."""

    def make(seed: int = 0, **more: object) -> list[Evaluation]:
        found = []
        for fold in range(3):
            rng = np.random.default_rng(10 * seed + fold)
            sessions = tuple(
                draw_session(
                    f"S{2 * fold + k}", np.random.default_rng(2 * fold + k), quality=rng.uniform(0.5, 0.9)
                )
                for k in range(2)
            )
            given = {
                "seed": seed,
                "fold": fold,
                "split_name": "kfold3",
                "training_means": {"valence": 0.1 * fold},
            }
            found.append(
                summed_up(draw_evaluation(Path("runs") / f"{seed}-{fold}", sessions, **(given | more)))
            )
        return found

    return make


def joined(evaluations: list[Evaluation]) -> dict[str, float]:
    sessions = [one for evaluation in evaluations for one in evaluation.sessions]
    return scores(
        np.concatenate([one.predicted["valence"] for one in sessions]),
        np.concatenate([one.truth["valence"] for one in sessions]),
    )


def test_folds_are_pooled_over_all_frames_and_not_averaged(folds: Callable[..., list[Evaluation]]) -> None:
    evaluations = folds()
    result = pooled(evaluations)
    assert result.scores["valence"] == pytest.approx(joined(evaluations))
    mean = np.mean([one.scores["valence"]["ccc"] for one in evaluations])
    assert result.scores["valence"]["ccc"] != pytest.approx(mean, abs=1e-4)
    assert result.folds == (0, 1, 2)
    assert result.subjects == tuple(f"S{k}" for k in range(6))
    low, high = result.intervals["valence"]["ccc"]
    assert low < result.scores["valence"]["ccc"] < high
    assert result.spread == {}
    assert set(result.processed) == {"valence"}


def test_the_constant_of_pooled_folds_is_each_folds_own(folds: Callable[..., list[Evaluation]]) -> None:
    evaluations = folds()
    truth = np.concatenate([one.truth["valence"] for e in evaluations for one in e.sessions])
    said = np.concatenate(
        [np.full(len(one.time_s), e.training_means["valence"]) for e in evaluations for one in e.sessions]
    )
    assert pooled(evaluations).constant["valence"] == pytest.approx(scores(said, truth))


def test_seeds_are_averaged_and_their_spread_is_told(folds: Callable[..., list[Evaluation]]) -> None:
    of_seeds = [folds(seed) for seed in range(3)]
    result = pooled([one for evaluations in of_seeds for one in evaluations])
    single = [joined(evaluations)["ccc"] for evaluations in of_seeds]
    assert result.seeds == (0, 1, 2)
    assert result.scores["valence"]["ccc"] == pytest.approx(np.mean(single))
    assert result.spread["valence"]["ccc"] == pytest.approx(np.std(single, ddof=1))
    assert result.n_frames == 6 * 60


def test_the_order_of_runs_does_not_matter(folds: Callable[..., list[Evaluation]]) -> None:
    evaluations = [*folds(0), *folds(1)]
    turned = pooled(evaluations[::-1])
    assert turned.scores["valence"] == pytest.approx(pooled(evaluations).scores["valence"], rel=1e-12)


def test_runs_that_do_not_fit_together_are_refused(folds: Callable[..., list[Evaluation]]) -> None:
    with pytest.raises(ModelError, match="wanted runs of one network to pool, found 'mran' and 'uran'"):
        pooled([*folds(), *folds(1, model="uran")])
    with pytest.raises(ModelError, match="wanted runs of one split"):
        pooled([*folds(), *folds(1, split_name="other")])
    with pytest.raises(ModelError, match="seed 0, found 'S0-a' twice"):
        pooled([*folds(), *folds()])
    with pytest.raises(ModelError, match=r"seed 1 lacks 'S0-a' \(2 in all\)"):
        pooled([*folds(), *folds(1)[1:]])
    with pytest.raises(ModelError, match="at least one evaluation"):
        pooled([])


def test_post_processing_that_one_run_lacks_is_in_no_pooled_score(
    folds: Callable[..., list[Evaluation]],
) -> None:
    assert pooled([*folds()[:2], folds(chains={})[2]]).processed == {}


def test_runs_are_found_in_a_folder_and_pooled_from_their_files(
    folds: Callable[..., list[Evaluation]], tmp_path: Path
) -> None:
    evaluations = folds()
    for evaluation in evaluations:
        run = tmp_path / "mran" / f"fold{evaluation.fold}"
        run.mkdir(parents=True)
        (run / "run.toml").touch()
    (tmp_path / "mran" / ".fold3.partial-1").mkdir()
    (tmp_path / "mran" / ".fold3.partial-1" / "run.toml").touch()
    assert runs_in(tmp_path / "mran") == [tmp_path / "mran" / f"fold{k}" for k in range(3)]
    assert runs_in(tmp_path / "mran" / "fold1") == [tmp_path / "mran" / "fold1"]
    with pytest.raises(ModelError, match=r"found no run\.toml"):
        runs_in(tmp_path / "nothing")
    with pytest.raises(ModelError, match="run `mavfer evaluate`"):
        pooled_runs(runs_in(tmp_path / "mran"))


def test_classes_are_pooled_by_their_counts(
    make_class_session: Callable[..., SessionPrediction], draw_evaluation: DrawEvaluation, tmp_path: Path
) -> None:
    sessions = (
        make_class_session("S0", [0, 0, 0, 0], [0, 0, 1, 2], 3),
        make_class_session("S1", [1, 1], [1, 1], 3),
        make_class_session("S2", [2, -1], [0, 2], 3),
    )
    kind = {
        "dimensions": (),
        "class_names": ("a", "b", "c"),
        "chains": {},
        "training_means": {"b": 0.6, "a": 0.4},
    }
    evaluations = [
        summed_up(draw_evaluation(tmp_path, (one,), fold=k, **kind)) for k, one in enumerate(sessions)
    ]
    result = pooled(evaluations)
    assert result.outputs == (BY_CLIP, BY_SESSION)
    assert result.scores[BY_CLIP]["accuracy"] == pytest.approx(4 / 7)
    # F1: a 2*2/(4+3), b 2*2/(2+3), c 0 of (1+1)
    assert result.scores[BY_CLIP]["macro_f1"] == pytest.approx((4 / 7 + 4 / 5 + 0) / 3)
    # S2's clips of mean probability (0.45, 0.1, 0.45): the first of equals
    assert result.scores[BY_SESSION]["accuracy"] == pytest.approx(2 / 3)
    assert result.constant[BY_CLIP]["accuracy"] == pytest.approx(2 / 7)


def test_written_classes_are_read_again(
    make_class_session: Callable[..., SessionPrediction], draw_evaluation: DrawEvaluation, tmp_path: Path
) -> None:
    sessions = (make_class_session("S0", [0, 1], [0, 0], 2), make_class_session("S1", [], [], 2))
    kind = {"dimensions": (), "class_names": ("a", "b"), "chains": {}, "training_means": {"a": 1.0}}
    evaluation = summed_up(draw_evaluation(tmp_path, sessions, **kind))
    write_evaluation(evaluation, dataset="../dataset", dataset_sha256="0" * 64)
    again = pooled_runs([tmp_path])
    assert again.scores == evaluation.scores
    assert again.repeats[0][1].clips is not None
    assert again.repeats[0][1].clips.probabilities.shape == (0, 2)


def test_networks_of_one_name_that_see_other_streams_are_not_folds_or_seeds_of_one(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    splits = {"S1": "train", "S2": "validation", "S3": "test"}
    dataset = make_dataset(tmp_path / "dataset", splits=splits, n_frames=16)
    runs = [
        make_run(tmp_path / name, dataset, seed=seed, modalities=modalities)
        for seed, (name, modalities) in enumerate({"one": ("color",), "two": ("color", "depth")}.items())
    ]
    for run in runs:
        evaluate(run, postprocess_on="none")
    with pytest.raises(ModelError, match="runs of one system to pool, these differ in modalities") as caught:
        pooled_runs(runs)
    assert "\n" not in str(caught.value)
    same = make_run(tmp_path / "three", dataset, seed=2, modalities=("color",))
    evaluate(same, postprocess_on="none")
    assert pooled_runs([runs[0], same]).seeds == (0, 2)

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
import torch

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError, ModelError
from mavfer.model.checkpoint import RUN_NAME, WEIGHTS_NAME, open_run
from mavfer.model.data.opening import source_of
from mavfer.model.data.source import ClipIndex
from mavfer.model.evaluation import metrics
from mavfer.model.evaluation.constant import constant_prediction
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.model.evaluation.evaluation_file import read_evaluation
from mavfer.model.evaluation.predicting import predict_clips
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset

SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test", "S05": "test"}


@pytest.fixture(scope="module")
def folder(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with a dataset and a run on it."""
    folder = tmp_path_factory.mktemp("scored")
    make_dataset(folder / "dataset", splits=SPLITS, n_frames=30)
    make_run(folder / "run", folder / "dataset")
    return folder


def test_scores_are_pooled_over_the_frames_of_all_test_sessions(folder: Path) -> None:
    evaluation = evaluate(folder / "run")
    assert [one.subject for one in evaluation.sessions] == ["S04", "S05"]
    assert evaluation.n_frames == 60
    for name in ("valence", "arousal"):
        truth = np.concatenate([one.truth[name] for one in evaluation.sessions])
        predicted = np.concatenate([one.predicted[name] for one in evaluation.sessions])
        assert evaluation.scores[name] == metrics.scores(predicted, truth)
    assert evaluation.simulated
    assert evaluation.unseen_subjects
    assert evaluation.intervals == {}  # of two subjects nothing can be said


def test_predictions_are_those_of_the_run_averaged_over_overlapping_clips(folder: Path) -> None:
    run = open_run(folder / "run")
    data = open_dataset(folder / "dataset")
    source = source_of(run.record, data.split("test"), data)
    clips = source.test_clips()
    found = predict_clips(run.network, source, clips, batch=3)
    mine = evaluate(folder / "run", batch=5, postprocess_on="none").sessions[1].predicted["valence"]
    n = run.record.inputs.n_frames
    for frame in (0, 7, 29):
        over = [
            score[0] if score.ndim == 1 else score[frame - clip.start, 0]
            for clip, score in zip(clips, found, strict=True)
            if clip.session == 1 and clip.start <= frame < clip.start + n
        ]
        assert mine[frame] == pytest.approx(np.mean(over), abs=1e-5)


def test_the_constant_is_the_mean_training_label_and_has_no_agreement(folder: Path) -> None:
    evaluation = evaluate(folder / "run", postprocess_on="none")
    training = open_dataset(folder / "dataset").split("train")
    labels = np.concatenate([one.read("valence") for one in training])
    truth = np.concatenate([one.truth["valence"] for one in evaluation.sessions])
    constant = constant_prediction(float(labels.mean(dtype=np.float64)), len(truth))
    assert evaluation.constant["valence"] == pytest.approx(metrics.scores(constant, truth), abs=1e-6)
    assert evaluation.constant["valence"]["ccc"] == pytest.approx(0, abs=1e-12)


def test_what_is_found_is_saved_and_read_again(folder: Path) -> None:
    evaluation = evaluate(folder / "run")
    assert json.loads((folder / "run" / "evaluation.json").read_text())["simulated"] is True
    again = read_evaluation(folder / "run")
    assert again.scores == evaluation.scores
    assert again.chains == evaluation.chains
    for one, other in zip(again.sessions, evaluation.sessions, strict=True):
        np.testing.assert_allclose(one.processed["arousal"], other.processed["arousal"], atol=1e-6)
        np.testing.assert_array_equal(one.covered, other.covered)


def watched(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    seen: set[str] = set()
    read = DatasetSession.read

    def reading(self: DatasetSession, *args: Any, **kwargs: Any) -> Any:
        seen.add(self.subject)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(DatasetSession, "read", reading)
    return seen


def test_training_sessions_are_never_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    evaluation = evaluate(folder / "run")
    assert evaluation.fitted_on == "validation subjects S03"
    assert seen == {"S03", "S04", "S05"}
    with pytest.raises(ModelError, match="which the run has seen"):
        evaluate(folder / "run", split="train")


def test_post_processing_is_never_fitted_on_those_who_are_scored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch)
    evaluation = evaluate(folder / "run", split="validation")
    assert evaluation.chains == {}
    assert evaluation.processed == {}
    assert "who are scored" in evaluation.fitted_on
    assert seen == {"S03"}
    assert evaluate(folder / "run", split="validation", postprocess_on="train").chains
    assert seen == {"S01", "S02", "S03"}


def test_the_post_processing_of_a_test_does_not_depend_on_its_labels(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    def other_labels(subject: str, columns: dict[str, np.ndarray]) -> None:
        if SPLITS[subject] == "test":
            columns["valence"][:] = -0.3 * columns["arousal"]

    make_dataset(tmp_path / "dataset", splits=SPLITS, n_frames=30, change=other_labels)
    make_run(tmp_path / "run", tmp_path / "dataset")
    own, other = evaluate(folder / "run"), evaluate(tmp_path / "run")
    assert own.chains == other.chains
    assert own.scores != other.scores


def test_a_dataset_that_tests_on_a_subject_that_was_seen_is_refused(
    folder: Path, make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S07": "train", "s02": "test"}, n_frames=20)
    with pytest.raises(ModelError, match="it was trained on s02"):
        evaluate(folder / "run", dataset=other)
    make_run(tmp_path / "pretrained", folder / "dataset", pretrained=("S04",))
    with pytest.raises(ModelError, match="weights or features were learned from S04"):
        evaluate(tmp_path / "pretrained")


def test_another_dataset_of_new_subjects_is_scored_with_the_runs_own_post_processing(
    folder: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S09": "test"}, n_frames=20)
    evaluation = evaluate(folder / "run", dataset=other)
    assert [one.subject for one in evaluation.sessions] == ["S09"]
    assert evaluation.fitted_on == "validation subjects S03"
    with pytest.raises(DatasetError, match="'validation' split, found none"):
        evaluate(folder / "run", dataset=other, split="validation")


def test_a_validation_subject_that_another_dataset_scores_is_not_fitted_on(
    folder: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S03": "validation", "S09": "test"}, n_frames=20)
    evaluation = evaluate(folder / "run", dataset=other, split="validation", postprocess_on="train")
    assert evaluation.fitted_on == "train subjects S01, S02"


def test_a_run_whose_dataset_is_gone_is_scored_without_post_processing(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_dataset(tmp_path / "dataset", splits=SPLITS, n_frames=20)
    make_run(tmp_path / "run", path)
    path.rename(tmp_path / "moved")
    evaluation = evaluate(tmp_path / "run", dataset=tmp_path / "moved")
    assert evaluation.chains == {}
    assert "not at hand" in evaluation.fitted_on
    with pytest.raises(DatasetError, match="wanted a dataset folder"):
        evaluate(tmp_path / "run")


def test_frames_without_a_face_are_interpolated_and_marked(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    def gap(subject: str, columns: dict[str, np.ndarray]) -> None:
        if subject == "S04":
            columns["valid_color"][10:15] = False
        if subject == "S05":
            columns["valid_color"][:] = False

    path = make_dataset(tmp_path / "dataset", splits=SPLITS, n_frames=30, change=gap)
    dropped, without = evaluate(make_run(tmp_path / "run", path), postprocess_on="none").sessions
    np.testing.assert_array_equal(np.flatnonzero(~dropped.covered), np.arange(10, 15))
    series = dropped.predicted["valence"]
    np.testing.assert_allclose(np.diff(series[9:16], 2), 0, atol=1e-6)
    assert not without.covered.any()
    assert without.scores == {}


def test_a_stream_or_labels_that_are_missing_are_one_line(
    folder: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    bare = make_dataset(tmp_path / "bare", splits={"S09": "test"}, n_frames=20, streams=(Stream.COLOR,))
    with pytest.raises(DatasetError, match="wanted stream 'depth'"):
        evaluate(folder / "run", dataset=bare)

    def forget(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["arousal"][:] = np.nan

    unlabelled = make_dataset(tmp_path / "unlabelled", splits={"S09": "test"}, n_frames=20, change=forget)
    with pytest.raises(DatasetError, match="wanted arousal labels in the test split, found none"):
        evaluate(folder / "run", dataset=unlabelled)


def test_a_network_that_gives_no_numbers_is_refused(folder: Path) -> None:
    run = open_run(folder / "run")
    data = open_dataset(folder / "dataset")
    source = source_of(run.record, data.split("test"), data)
    for weights in run.network.parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"wanted finite scores, .*frames 0 to 4 of session 'S04-a'"):
        predict_clips(run.network, source, source.test_clips(), batch=4)


def test_classes_are_scored_by_clip_and_by_session(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_dataset(tmp_path / "dataset", splits=SPLITS, n_frames=20)
    said = {"S01": "joy", "S02": "anger", "S03": "joy", "S04": "joy", "S05": "anger"}
    table = "session,emotion\n" + "".join(f"{one}-a,{word}\n" for one, word in said.items())
    (path / "classes.csv").write_text(table)
    evaluation = evaluate(make_run(tmp_path / "run", path, classes="emotion"))
    assert evaluation.class_names == ("anger", "joy")
    assert set(evaluation.scores) == {"class", "class of session"}
    assert set(evaluation.scores["class"]) == {"accuracy", "macro_f1"}
    clips = [one.clips for one in evaluation.sessions]
    truth = np.concatenate([one.truth for one in clips if one is not None])
    predicted = np.concatenate([one.predicted for one in clips if one is not None])
    assert evaluation.scores["class"]["accuracy"] == pytest.approx((truth == predicted).mean())
    assert sorted(set(truth.tolist())) == [0, 1]
    again = read_evaluation(tmp_path / "run")
    assert again.scores == evaluation.scores
    assert again.sessions[0].clips is not None
    np.testing.assert_allclose(again.sessions[0].clips.probabilities.sum(1), 1, atol=1e-5)


def test_damaged_and_foreign_runs_are_one_line_each(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    shutil.copytree(folder / "dataset", tmp_path / "dataset")
    with pytest.raises(ModelError, match="wanted a run folder"):
        evaluate(tmp_path)
    weights = run / WEIGHTS_NAME
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged file") as caught:
        evaluate(run)
    assert "\n" not in str(caught.value)
    torch.save({"other": torch.zeros(1)}, weights)
    with pytest.raises(ModelError, match="wanted weights of transformer"):
        evaluate(run)
    weights.unlink()
    with pytest.raises(ModelError, match="found none"):
        evaluate(run)
    (run / RUN_NAME).write_text("schema_version = 9\n")
    with pytest.raises(ModelError, match="schema_version"):
        evaluate(run)


def test_a_run_on_a_dataset_of_another_schema_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    path = tmp_path / "run" / RUN_NAME
    table = tomlkit.parse(path.read_text())
    table["dataset_schema"] = 7
    path.write_text(tomlkit.dumps(table))
    with pytest.raises(ModelError, match="learned from a dataset of schema 7, this one is of schema 2"):
        evaluate(tmp_path / "run", dataset=folder / "dataset")


def test_an_evaluation_writes_the_model_card_with_its_scores(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    evaluation = evaluate(run, dataset=folder / "dataset", postprocess_on="none")
    card = (run / "model-card.md").read_text(encoding="utf-8")
    assert f"{evaluation.scores['valence']['ccc']:.3f}" in card
    assert (run / "model-card.html").is_file()


def test_a_person_who_is_spelled_in_two_ways_is_one_subject(
    make_dataset: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S08": "test", "s08": "test"}, n_frames=20)
    sessions = evaluate(folder / "run", dataset=other, postprocess_on="none").sessions
    assert len(sessions) == 2
    assert len({one.subject for one in sessions}) == 1


def test_a_batch_that_memory_does_not_hold_is_halved_and_changes_no_score(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(folder / "run")
    data = open_dataset(folder / "dataset")
    source = source_of(run.record, data.split("test"), data)
    clips, progress = source.test_clips(), list[tuple[int, int]]()
    wanted = predict_clips(run.network, source, clips, batch=2)
    inputs = source.inputs

    def narrow(fits: int) -> None:
        def some(clips: Sequence[ClipIndex], device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
            if len(clips) > fits:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return inputs(clips, device)

        monkeypatch.setattr(source, "inputs", some)

    narrow(2)
    found = predict_clips(run.network, source, clips, batch=8, on_progress=lambda *one: progress.append(one))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert progress[-1] == (len(clips), len(clips))
    narrow(0)
    with pytest.raises(ModelError, match="wanted memory for one clip"):
        predict_clips(run.network, source, clips, batch=8)

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mavfer.errors import DatasetError, ModelError
from mavfer.model import metrics
from mavfer.model.attention import attention_maps
from mavfer.model.baselines import constant_prediction
from mavfer.model.checkpoint import RUN_NAME, WEIGHTS_NAME, open_run
from mavfer.model.evaluate import evaluate
from mavfer.model.presets import TrainConfig
from mavfer.model.train import train
from mavfer.preprocess.dataset.clips import DatasetSession, open_dataset

SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test", "S05": "test"}


@pytest.fixture(scope="module")
def trained(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset and a run of uran on it."""
    folder = tmp_path_factory.mktemp("trained")
    make_dataset(folder / "dataset", splits=SPLITS, size_px=48, n_frames=44)
    config = TrainConfig(model="uran", size="small", epochs=1, batch=2, threads=1)
    train(folder / "dataset", config=config, out=folder / "run")
    return folder


@pytest.fixture
def own_copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def test_scores_are_pooled_over_the_frames_of_all_test_sessions(trained: Path) -> None:
    evaluation = evaluate(trained / "run")
    assert [s.subject for s in evaluation.sessions] == ["S04", "S05"]
    assert evaluation.n_frames == 88
    for name in ("valence", "arousal"):
        truth = np.concatenate([s.truth[name] for s in evaluation.sessions])
        predicted = np.concatenate([s.predicted[name] for s in evaluation.sessions])
        assert evaluation.scores[name] == metrics.scores(predicted, truth)
    assert evaluation.simulated
    assert evaluation.unseen_subjects


def test_the_constant_is_the_mean_training_label_and_has_no_agreement(trained: Path) -> None:
    evaluation = evaluate(trained / "run")
    training = open_dataset(trained / "dataset").split("train")
    labels = np.concatenate([s.read("valence") for s in training])
    truth = np.concatenate([s.truth["valence"] for s in evaluation.sessions])
    constant = constant_prediction(float(labels.mean(dtype=np.float64)), len(truth))
    assert evaluation.constant["valence"] == pytest.approx(metrics.scores(constant, truth), abs=1e-6)
    assert evaluation.constant["valence"]["ccc"] == pytest.approx(0, abs=1e-12)


def test_predictions_and_scores_are_saved(trained: Path) -> None:
    evaluation = evaluate(trained / "run")
    saved = json.loads((trained / "run" / "evaluation.json").read_text())
    assert saved["simulated"] is True
    assert saved["scores"] == evaluation.scores
    first = evaluation.sessions[0]
    np.testing.assert_allclose(
        saved["sessions"][0]["predicted"]["valence"], first.predicted["valence"], atol=1e-5
    )


def test_training_sessions_are_never_read(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    read = DatasetSession.read

    def watched(self: DatasetSession, *args: Any, **kwargs: Any) -> Any:
        seen.add(self.subject)
        return read(self, *args, **kwargs)

    monkeypatch.setattr(DatasetSession, "read", watched)
    evaluate(trained / "run")
    assert seen == {"S04", "S05"}
    with pytest.raises(ModelError, match="which the run has seen"):
        evaluate(trained / "run", split="train")


def test_a_dataset_that_tests_on_a_training_subject_is_refused(
    trained: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S07": "train", "S02": "test"}, size_px=48)
    with pytest.raises(ModelError, match="it was trained on S02"):
        evaluate(trained / "run", dataset=other)


def test_another_dataset_of_new_subjects_is_scored(
    trained: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"S09": "test"}, size_px=48)
    assert [s.subject for s in evaluate(trained / "run", dataset=other).sessions] == ["S09"]
    with pytest.raises(DatasetError, match="'validation' split, found none"):
        evaluate(trained / "run", dataset=other, split="validation")


def test_damaged_and_foreign_runs_are_one_line_each(own_copy: Path) -> None:
    with pytest.raises(ModelError, match="wanted a run folder"):
        open_run(own_copy)
    weights = own_copy / "run" / WEIGHTS_NAME
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged file") as caught:
        open_run(own_copy / "run")
    assert "\n" not in str(caught.value)
    torch.save({"other": torch.zeros(1)}, weights)
    with pytest.raises(ModelError, match="wanted weights of uran"):
        open_run(own_copy / "run")
    weights.unlink()
    with pytest.raises(ModelError, match="found none"):
        open_run(own_copy / "run")
    (own_copy / "run" / RUN_NAME).write_text("schema_version = 9\n")
    with pytest.raises(ModelError, match="schema_version"):
        open_run(own_copy / "run")


def test_attention_lies_over_the_crop_with_mean_one(trained: Path) -> None:
    session = open_dataset(trained / "dataset").split("test")[0]
    maps = attention_maps(trained / "run", session, 10)
    assert maps.shape == (16, 48, 48)
    np.testing.assert_allclose(maps.mean((1, 2)), 1, atol=1e-5)
    with pytest.raises(ModelError, match="session 'S04-a' has 44"):
        attention_maps(trained / "run", session, 30)

"""Laws of a run and its split: it keeps to its own, and meets nobody it has seen."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.errors import DatasetError, ModelError
from mavfer.model.evaluation.evaluate import evaluate
from mavfer.preprocess.dataset.record import Part, SplitScheme
from mavfer.preprocess.splits.store import add_split, remove_split

SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
FOLDS = SplitScheme(name="kfold4", by="fold", folds={"S01": 0, "S02": 1, "S03": 2, "S04": 3})


@pytest.fixture(scope="module")
def both(
    make_dataset: Callable[..., Path], make_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a folder with a dataset and two runs on it: "run", and "fold1" of the split kfold4."""
    folder = tmp_path_factory.mktemp("folds")
    make_dataset(folder / "dataset", splits=SPLITS, n_frames=20, more_splits=[FOLDS])
    make_run(folder / "run", folder / "dataset")
    make_run(folder / "fold1", folder / "dataset", split="kfold4", fold=1)
    return folder


@pytest.fixture
def own_copy(both: Path, tmp_path: Path) -> Path:
    shutil.copytree(both, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_is_scored_on_the_subject_that_its_fold_leaves_out(both: Path) -> None:
    evaluation = evaluate(both / "fold1")
    assert [one.subject for one in evaluation.sessions] == ["S02"]
    assert (evaluation.split_name, evaluation.fold) == ("kfold4", 1)
    assert evaluation.fitted_on == "validation subjects S03"
    page = json.loads((both / "fold1" / "evaluation.json").read_text())
    assert (page["schema_version"], page["split_name"], page["fold"]) == (3, "kfold4", 1)
    assert evaluate(both / "run").split_name == "default"


def test_nobody_that_a_run_has_seen_is_tested_in_another_fold_or_split(both: Path) -> None:
    with pytest.raises(ModelError, match="it was trained on S01"):
        evaluate(both / "fold1", fold=0)
    with pytest.raises(ModelError, match="its epoch was chosen by S03"):
        evaluate(both / "fold1", fold=2)
    with pytest.raises(ModelError, match="it was trained on S04"):
        evaluate(both / "fold1", split_name="default")
    assert evaluate(both / "run", split_name="kfold4", fold=3).sessions[0].subject == "S04"


def test_a_run_whose_split_is_gone_says_so_and_another_dataset_is_scored_on_its_default(
    own_copy: Path, make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(own_copy / "other", splits={"S09": "test"}, n_frames=20)
    evaluation = evaluate(own_copy / "fold1", dataset=other)
    assert (evaluation.split_name, evaluation.fold) == ("default", None)
    assert [one.subject for one in evaluation.sessions] == ["S09"]
    remove_split(own_copy / "dataset", "kfold4")
    with pytest.raises(DatasetError, match="wanted a split 'kfold4', the dataset has default"):
        evaluate(own_copy / "fold1")
    assert "not at hand" in evaluate(own_copy / "fold1", dataset=other).fitted_on


def test_a_subject_who_changed_sides_since_is_refused(own_copy: Path) -> None:
    swapped = SPLITS | {"S01": "test", "S04": "train"}
    add_split(own_copy / "dataset", SplitScheme(by="subject", subjects=swapped), overwrite=True)
    with pytest.raises(ModelError, match="it was trained on S01"):
        evaluate(own_copy / "run")


def test_a_subject_who_validates_since_is_not_fitted_on(own_copy: Path) -> None:
    moved = SPLITS | {"S02": "validation"}
    add_split(own_copy / "dataset", SplitScheme(by="subject", subjects=moved), overwrite=True)
    assert evaluate(own_copy / "run").fitted_on == "validation subjects S03"


def test_a_run_in_time_is_scored_on_its_own_dataset_whatever_splits_come_to_it(
    own_copy: Path, make_run: Callable[..., Path]
) -> None:
    parts = (
        Part(split="train", start=0, stop=8),
        Part(split="validation", start=8, stop=14),
        Part(split="test", start=14, stop=20),
    )
    in_time = SplitScheme(name="in-time", by="time", parts={f"{one}-a": parts for one in SPLITS})
    add_split(own_copy / "dataset", in_time)
    make_run(own_copy / "timed", own_copy / "dataset", split="in-time")
    remove_split(own_copy / "dataset", "kfold4")
    evaluation = evaluate(own_copy / "timed")
    assert not evaluation.unseen_subjects
    assert len(evaluation.sessions) == 4
    assert evaluation.fitted_on == "validation subjects S01, S02, S03, S04"

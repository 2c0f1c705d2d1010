"""Laws of a run and its split: it keeps to its own, meets nobody it has seen, and old runs are read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tomlkit
import typer
from typer.testing import CliRunner

from mavfer.config import read_toml
from mavfer.errors import DatasetError, ModelError
from mavfer.model import commands
from mavfer.model.checkpoint import (
    RUN_NAME,
    RunRecord,
    learned_from,
    open_run,
    read_run_record,
    sha256_of_dataset,
)
from mavfer.model.evaluate import evaluate
from mavfer.model.presets import TrainConfig
from mavfer.model.train import train
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.record import Part, SplitScheme
from mavfer.preprocess.splits.store import add_split, remove_split

GOLDEN = Path(__file__).parent / "golden" / "run-v1"
SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
FOLDS = SplitScheme(name="kfold4", by="fold", folds={"S01": 0, "S02": 1, "S03": 2, "S04": 3})
QUICK = {"model": "uran", "size": "small", "epochs": 1, "batch": 2, "threads": 1}


@pytest.fixture(scope="module")
def trained(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset and two runs of uran on it: "run", and "fold1" of the split kfold4."""
    folder = tmp_path_factory.mktemp("trained")
    make_dataset(folder / "dataset", splits=SPLITS, size_px=48, n_frames=40, more_splits=[FOLDS])
    train(folder / "dataset", config=TrainConfig(**QUICK), out=folder / "run")
    config = TrainConfig(**QUICK, split="kfold4", fold=1)
    train(folder / "dataset", config=config, out=folder / "fold1")
    return folder


@pytest.fixture
def own_copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_run_learns_from_its_folds_subjects_and_is_scored_on_the_one_left_out(trained: Path) -> None:
    record = read_run_record(trained / "fold1")
    assert (record.config.split, record.config.fold) == ("kfold4", 1)
    assert record.training_subjects == ("S01", "S04")
    assert record.validation_subjects == ("S03",)
    evaluation = evaluate(trained / "fold1")
    assert [one.subject for one in evaluation.sessions] == ["S02"]
    assert (evaluation.split_name, evaluation.fold) == ("kfold4", 1)
    page = json.loads((trained / "fold1" / "evaluation.json").read_text())
    assert (page["schema_version"], page["split_name"], page["fold"]) == (2, "kfold4", 1)
    assert evaluate(trained / "run").split_name == "default"


def test_nobody_that_a_run_has_seen_is_tested_in_another_fold_or_split(trained: Path) -> None:
    with pytest.raises(ModelError, match="it was trained on S01"):
        evaluate(trained / "fold1", fold=0)
    with pytest.raises(ModelError, match="its epoch was chosen by S03"):
        evaluate(trained / "fold1", fold=2)
    with pytest.raises(ModelError, match="it was trained on S04"):
        evaluate(trained / "fold1", split_name="default")
    assert evaluate(trained / "run", split_name="kfold4", fold=3).sessions[0].subject == "S04"


def test_a_fold_goes_with_a_split_in_folds_and_with_no_other(trained: Path, tmp_path: Path) -> None:
    for options, said in (
        ({"split": "kfold4"}, "split 'kfold4' is in folds: pass --fold 0 to 3: .*dataset$"),
        ({"split": "kfold4", "fold": 4}, "wanted a fold of 0 to 3"),
        ({"fold": 0}, "wanted no fold for split 'default'"),
        ({"split": "other"}, "wanted a split 'other', the dataset has default, kfold4"),
    ):
        with pytest.raises(DatasetError, match=said):
            train(trained / "dataset", config=TrainConfig(**QUICK, **options), out=tmp_path / "run")


def test_the_hash_is_of_the_files_and_the_split_in_use_alone(own_copy: Path) -> None:
    dataset = own_copy / "dataset"
    before = sha256_of_dataset(open_dataset(dataset))
    of_folds = {sha256_of_dataset(open_dataset(dataset, split_name="kfold4", fold=k)) for k in range(4)}
    assert len(of_folds | {before}) == 5
    add_split(dataset, SplitScheme(name="more", by="subject", subjects=SPLITS))
    assert sha256_of_dataset(open_dataset(dataset)) == before
    assert sha256_of_dataset(open_dataset(dataset, split_name="more")) == before  # the same division
    remove_split(dataset, "kfold4")
    assert learned_from(read_run_record(own_copy / "run"), open_dataset(dataset))
    swapped = SPLITS | {"S01": "test", "S04": "train"}
    add_split(dataset, SplitScheme(by="subject", subjects=swapped), overwrite=True)
    assert not learned_from(read_run_record(own_copy / "run"), open_dataset(dataset))
    with pytest.raises(ModelError, match="it was trained on S01"):
        evaluate(own_copy / "run")


def test_a_run_whose_split_is_gone_says_so_and_another_dataset_is_scored_on_its_default(
    own_copy: Path, make_dataset: Callable[..., Path]
) -> None:
    other = make_dataset(own_copy / "other", splits={"S09": "test"}, size_px=48)
    evaluation = evaluate(own_copy / "fold1", dataset=other)
    assert (evaluation.split_name, evaluation.fold) == ("default", None)
    assert [one.subject for one in evaluation.sessions] == ["S09"]
    remove_split(own_copy / "dataset", "kfold4")
    with pytest.raises(DatasetError, match="wanted a split 'kfold4', the dataset has default"):
        evaluate(own_copy / "fold1")


def test_spellings_that_differ_in_case_alone_are_one_person(
    trained: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    other = make_dataset(tmp_path / "other", splits={"s01": "test"}, size_px=48)
    with pytest.raises(ModelError, match="it was trained on s01"):
        evaluate(trained / "run", dataset=other)


def test_a_run_in_time_is_scored_on_its_own_dataset_whatever_splits_come_to_it(
    own_copy: Path,
) -> None:
    parts = (
        Part(split="train", start=0, stop=20),
        Part(split="test", start=20, stop=40),
    )
    in_time = SplitScheme(name="in-time", by="time", parts={f"{one}-a": parts for one in SPLITS})
    add_split(own_copy / "dataset", in_time)
    train(own_copy / "dataset", config=TrainConfig(**QUICK, split="in-time"), out=own_copy / "timed")
    remove_split(own_copy / "dataset", "kfold4")
    evaluation = evaluate(own_copy / "timed")
    assert not evaluation.unseen_subjects
    assert len(evaluation.sessions) == 4


def test_a_run_of_schema_1_is_read_and_knows_its_dataset(own_copy: Path) -> None:
    record = read_toml(GOLDEN / RUN_NAME, RunRecord)
    assert record.schema_version == 2
    assert record.dataset_sha256 is None
    assert record.dataset_toml_sha256 is not None
    assert (record.config.split, record.config.fold) == ("default", None)
    table = tomlkit.parse((GOLDEN / RUN_NAME).read_text()).unwrap()
    table["dataset_sha256"] = sha256_of_file(own_copy / "dataset" / "dataset.toml")
    (own_copy / "run" / RUN_NAME).write_text(tomlkit.dumps(table))
    run = open_run(own_copy / "run")
    data = open_dataset(own_copy / "dataset")
    assert learned_from(run.record, data)
    assert evaluate(own_copy / "run").n_frames == 40
    add_split(own_copy / "dataset", SplitScheme(name="more", by="subject", subjects=SPLITS))
    assert not learned_from(run.record, data)


def test_the_commands_name_the_split_and_the_fold(trained: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command("train")(commands.train)
    app.command("evaluate")(commands.evaluate)
    run = ["--out", str(tmp_path / "run"), "--model", "uran", "--size", "small", "--epochs", "1"]
    split = ["--split", "kfold4", "--fold", "2", "--batch", "2", "--threads", "1"]
    done = CliRunner().invoke(app, ["train", str(trained / "dataset"), *run, *split])
    assert done.exit_code == 0, done.output
    assert "split 'kfold4', fold 2" in done.stdout
    shutil.copytree(trained / "dataset", tmp_path / "dataset")
    command = ["evaluate", str(tmp_path / "run"), "--dataset", str(tmp_path / "dataset")]
    scored = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert scored.exit_code == 0, scored.output
    assert "S03-a" in scored.stdout
    assert "never trained on (split 'kfold4', fold 2)" in scored.stdout

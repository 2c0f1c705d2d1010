"""Laws of a run folder: it keeps to its own split, knows its dataset, and old runs are read."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tomlkit
import torch

from mavfer.config import read_toml
from mavfer.errors import DatasetError, ModelError
from mavfer.model.checkpoint import (
    RUN_NAME,
    WEIGHTS_NAME,
    RunRecord,
    learned_from,
    open_run,
    read_run_record,
    sha256_of_dataset,
)
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.state import read_state
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.record import SplitScheme
from mavfer.preprocess.splits.store import add_split, remove_split

GOLDEN = Path(__file__).parent / "golden" / "run-v1"
SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
FOLDS = SplitScheme(name="kfold4", by="fold", folds={"S01": 0, "S02": 1, "S03": 2, "S04": 3})
QUICK = {"model": "cnn", "size": "small", "steps": 2, "batch": 2, "threads": 1}


@pytest.fixture(scope="module")
def trained(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset and two runs on it: "run", and "fold1" of the split kfold4."""
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


def test_a_run_learns_from_its_folds_subjects(trained: Path) -> None:
    record = read_run_record(trained / "fold1")
    assert (record.config.split, record.config.fold) == ("kfold4", 1)
    assert record.training_subjects == ("S01", "S04")
    assert record.validation_subjects == ("S03",)


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


def test_a_record_of_schema_1_is_read_and_knows_its_dataset(own_copy: Path) -> None:
    record = read_toml(GOLDEN / RUN_NAME, RunRecord)
    assert record.schema_version == 3
    assert record.dataset_sha256 is None
    assert record.dataset_toml_sha256 is not None
    assert (record.config.split, record.config.fold) == ("default", None)
    table = tomlkit.parse((GOLDEN / RUN_NAME).read_text()).unwrap()
    table["dataset_sha256"] = sha256_of_file(own_copy / "dataset" / "dataset.toml")
    (own_copy / "run" / RUN_NAME).write_text(tomlkit.dumps(table))
    record = read_run_record(own_copy / "run")
    data = open_dataset(own_copy / "dataset")
    assert learned_from(record, data)
    add_split(own_copy / "dataset", SplitScheme(name="more", by="subject", subjects=SPLITS))
    assert not learned_from(record, data)


def test_a_record_that_says_whether_it_was_compiled_is_read(own_copy: Path) -> None:
    record = read_run_record(own_copy / "run")
    table = tomlkit.parse((own_copy / "run" / RUN_NAME).read_text()).unwrap()
    table["config"]["compile"] = False
    (own_copy / "run" / RUN_NAME).write_text(tomlkit.dumps(table))
    assert read_run_record(own_copy / "run") == record


def test_weights_damaged_anywhere_are_one_line(own_copy: Path) -> None:
    path = own_copy / "run" / WEIGHTS_NAME
    whole, chance = path.read_bytes(), random.Random(0)
    for trial in range(60):
        damaged = bytearray(whole)
        first = 0 if trial % 2 else len(damaged) - 1500  # the pickle, and the archive's directory
        for _ in range(20):
            damaged[first + chance.randrange(1500)] = chance.randrange(256)
        path.write_bytes(damaged)
        for read in (lambda: open_run(own_copy / "run"), lambda: read_state(path, asked={})):
            with pytest.raises(ModelError, match=r"damaged"):
                read()


def test_weights_of_another_network_and_damaged_ones_are_one_line(own_copy: Path) -> None:
    weights = own_copy / "run" / WEIGHTS_NAME
    torch.save({"a": torch.zeros(2)}, weights)
    with pytest.raises(ModelError, match=r"wanted weights of cnn.*Missing key.*model\.pt$") as caught:
        open_run(own_copy / "run")
    assert "\n" not in str(caught.value)
    weights.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="damaged file"):
        open_run(own_copy / "run")
    weights.unlink()
    with pytest.raises(ModelError, match="found none"):
        open_run(own_copy / "run")
    with pytest.raises(ModelError, match="run `mavfer train`"):
        open_run(own_copy / "dataset")


def test_weights_that_hold_code_are_refused_and_the_code_is_not_run(own_copy: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (own_copy / "sprung",)

    torch.save(Trap(), own_copy / "run" / WEIGHTS_NAME)
    with pytest.raises(ModelError, match="damaged file"):
        open_run(own_copy / "run")
    assert not (own_copy / "sprung").exists()

"""Laws of opening a dataset for a training or a run: classes in the run's order, nobody of the test split."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.errors import DatasetError, ModelError
from mavfer.model.checkpoint import read_run_record
from mavfer.model.data.classes import QUADRANTS, read_classes
from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.opening import source_of, sources_of_split
from mavfer.model.extraction import extract_features
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset

SPLITS = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
COLOR = InputOptions(modalities=("color",), size_px=16)


@pytest.fixture(scope="module")
def classified(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a dataset of classes, and a run on it."""
    folder = tmp_path_factory.mktemp("classified")
    make_dataset(folder / "dataset", splits=SPLITS, size_px=48)
    rows = ["session,feeling", "S01-a,joy", "S02-a,anger", "S03-a,joy", "S04-a,"]
    (folder / "dataset" / "classes.csv").write_text("\n".join(rows))
    config = TrainConfig(model="cnn", size="small", steps=2, batch=2, threads=1, classes="feeling")
    train(folder / "dataset", config=config, out=folder / "run")
    return folder


def test_training_and_validation_alone_are_opened(dataset: Path) -> None:
    training, validation = sources_of_split(open_dataset(dataset), inputs=COLOR, dimensions=("valence",))
    assert [s.subject for s in training.sessions] == ["S01", "S02"]
    assert [s.subject for s in validation.sessions] == ["S03"]


def test_a_run_of_classes_sees_them_in_its_own_order(classified: Path) -> None:
    record = read_run_record(classified / "run")
    assert record.classes == ("anger", "joy")
    data = open_dataset(classified / "dataset")
    source = source_of(record, data.split("train"), data)
    clips = source.test_clips()
    by_subject = {
        source.sessions[c.session].subject: int(t) for c, t in zip(clips, source.targets(clips), strict=True)
    }
    assert by_subject == {"S01": 1, "S02": 0}
    unknown = source_of(record, data.split("test"), data)
    assert set(unknown.targets(unknown.test_clips()).tolist()) == {-1}


def test_a_dataset_of_another_schema_is_refused(classified: Path, tmp_path: Path) -> None:
    data = open_dataset(classified / "dataset")
    older = read_run_record(classified / "run").model_copy(update={"dataset_schema": 1})
    with pytest.raises(ModelError, match=r"a dataset of schema 1, this one is of schema 2; train again"):
        source_of(older, data.split("test"), data)
    shutil.copytree(classified / "run", tmp_path / "run")
    text = (tmp_path / "run" / "run.toml").read_text(encoding="utf-8")
    (tmp_path / "run" / "run.toml").write_text(text.replace("dataset_schema = 2", "dataset_schema = 1"))
    with pytest.raises(ModelError, match="this one is of schema 2"):
        extract_features(tmp_path / "run", classified / "dataset", out=tmp_path / "features")


def test_classes_that_a_run_does_not_know_are_refused_unless_labels_are_of_no_interest(
    classified: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    record = read_run_record(classified / "run")
    other = make_dataset(tmp_path / "other", splits={"S08": "test", "S09": "test"}, size_px=48)
    (other / "classes.csv").write_text("session,feeling\nS08-a,joy\nS09-a,boredom\n")
    data = open_dataset(other)
    with pytest.raises(DatasetError, match=r"\(anger, joy\), found 'boredom'"):
        source_of(record, data.split("test"), data)
    (other / "classes.csv").unlink()
    with pytest.raises(DatasetError, match=r"classes\.csv"):
        source_of(record, data.split("test"), data)
    assert len(source_of(record, data.split("test"), data, labelled=False).sessions) == 2


def test_a_clips_quadrant_is_that_of_its_mean(dataset: Path) -> None:
    data = open_dataset(dataset)
    classes = read_classes(data, "quadrants")
    assert classes.names == QUADRANTS
    session = data.split("train")[0]
    valence, arousal = (session.read(name, 0, 16).mean() for name in ("valence", "arousal"))
    name = QUADRANTS[classes.of_clip(session, 0, 16)]
    assert name == f"{'high' if arousal >= 0 else 'low'}-{'positive' if valence >= 0 else 'negative'}"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("session,mood\nS01-a,joy\n", "wanted column 'feeling'"),
        ("session,feeling\nS01-a,joy\nS01-a,joy\n", "found 'S01-a' twice"),
        ("session,feeling\nX,joy\nS01-a,fear\n", "wanted sessions of the dataset, found 'X'"),
        ("session,feeling\nS01-a,joy\n", "at least two classes"),
    ],
)
def test_a_table_of_classes_that_does_not_fit_is_one_line(dataset: Path, table: str, said: str) -> None:
    (dataset / "classes.csv").write_text(table)
    with pytest.raises(DatasetError, match=said):
        read_classes(open_dataset(dataset), "feeling")


def test_a_table_of_subjects_is_wanted_where_a_network_is_trained_on_it(dataset: Path) -> None:
    data = open_dataset(dataset)
    with pytest.raises(DatasetError, match=r"subjects\.csv"):
        sources_of_split(data, inputs=COLOR, dimensions=("valence",), attributes=("sex",))
    (dataset / "subjects.csv").write_text("subject,sex\ns01,female\nS01,male\n")
    with pytest.raises(
        DatasetError, match=r"wanted each subject once, found 's01' again in other letters: .*subjects\.csv"
    ):
        sources_of_split(data, inputs=COLOR, dimensions=("valence",), attributes=("sex",))
    (dataset / "subjects.csv").write_text("subject,sex\ns01,female\nS02,male\nS03,\n")
    training, validation = sources_of_split(data, inputs=COLOR, dimensions=("valence",), attributes=("sex",))
    codes = training.attributes_of(training.test_clips(), ("sex",))
    assert codes is not None
    assert set(codes.flatten().tolist()) == {0, 1}
    unknown = validation.attributes_of(validation.test_clips(), ("sex",))
    assert unknown is not None
    assert set(unknown.flatten().tolist()) == {-1}

"""Laws of a merge: nothing is built again, nobody is mixed up, and what differs is said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import DatasetError, OutputError, UsageError
from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.dataset.record import (
    ClipConfig,
    Compression,
    Part,
    SplitScheme,
    read_record,
    write_record,
)
from mavfer.preprocess.exchange.merge import merge_datasets

GOLDEN = Path(__file__).parent.with_name("golden")
Write = Callable[..., Path]


@pytest.fixture
def two(tmp_path: Path, write_dataset: Write) -> tuple[Path, Path]:
    """Two datasets of other people, the second uncompressed, one failed session in each."""
    first = write_dataset(tmp_path / "one", {"a": "S01", "b": "S02"}, failed=["x"])
    second = write_dataset(tmp_path / "two", {"c": "S03"}, compression=Compression.NONE, failed=["x"])
    return first, second


@pytest.mark.parametrize("copy", [False, True])
def test_a_merged_dataset_has_all_sessions_and_no_problem(tmp_path: Path, two: tuple[Path, Path], copy: bool):
    told: list[tuple[int, int]] = []
    report = merge_datasets(two, out=tmp_path / "m", copy=copy, on_progress=lambda *now: told.append(now))
    assert told == [(0, 1)] * 3  # megabytes
    assert check_dataset(tmp_path / "m").problems == ()
    assert (report.n_linked, report.n_copied) == ((0, 3) if copy else (3, 0))
    merged = {session.id: session for session in open_dataset(tmp_path / "m").sessions}
    assert set(merged) == {"a", "b", "c"}
    for path in two:
        for session in open_dataset(path).sessions:
            np.testing.assert_array_equal(merged[session.id].read("depth"), session.read("depth"))
    assert [entry.id for entry in report.record.failed] == ["x"]
    assert report.remarks == ("session 'x' failed in two and is elsewhere too: left out",)
    assert report.record.scheme().subjects == dict.fromkeys(("S01", "S02", "S03"), "train")


def test_the_parts_stay_as_they_were(tmp_path: Path, two: tuple[Path, Path]):
    before = {file: file.read_bytes() for path in two for file in path.iterdir()}
    merge_datasets(two, out=tmp_path / "m")
    assert {file: file.read_bytes() for path in two for file in path.iterdir()} == before


def test_one_session_id_in_both_wants_prefixes(tmp_path: Path, write_dataset: Write):
    paths = [write_dataset(tmp_path / name) for name in ("one", "two")]
    with pytest.raises(DatasetError, match=r"found 's' in both; give each dataset a --prefix"):
        merge_datasets(paths, out=tmp_path / "m")
    merge_datasets(paths, out=tmp_path / "m", prefixes=("lab1", "lab2"))
    assert check_dataset(tmp_path / "m").problems == ()
    record = read_record(tmp_path / "m")
    assert [(entry.id, entry.subject, entry.file) for entry in record.built] == [
        ("lab1-s", "lab1-S01", "lab1-s.h5"),
        ("lab2-s", "lab2-S01", "lab2-s.h5"),
    ]
    assert record.scheme().subjects == {"lab1-S01": "train", "lab2-S01": "train"}


def test_one_subject_id_in_both_is_one_person_only_if_said(tmp_path: Path, write_dataset: Write):
    paths = [write_dataset(tmp_path / "one", {"a": "S01"}), write_dataset(tmp_path / "two", {"b": "s01"})]
    with pytest.raises(DatasetError, match="found s01 in two; pass --same-subjects if they are the same"):
        merge_datasets(paths, out=tmp_path / "m")
    merge_datasets(paths, out=tmp_path / "m", same_subjects=True)
    assert len(read_record(tmp_path / "m").built) == 2


def test_configurations_that_differ_are_refused_and_every_difference_is_named(
    tmp_path: Path, write_dataset: Write
):
    first = write_dataset(tmp_path / "one", {"a": "S01"})
    config = ClipConfig(size_px=32, fps=10, margin=0.1, compression=Compression.GZIP)
    second = write_dataset(tmp_path / "two", {"b": "S02"}, config=config)
    with pytest.raises(
        DatasetError, match=r"found fps 4\.0 and 10\.0; margin 0\.0 and 0\.1; build one of them"
    ):
        merge_datasets((first, second), out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def by_subject(**splits: str) -> tuple[SplitScheme, ...]:
    return (SplitScheme.model_validate({"by": "subject", "subjects": splits}),)


def test_splits_that_disagree_on_somebody_are_drawn_anew_and_said(tmp_path: Path, write_dataset: Write):
    one = write_dataset(
        tmp_path / "one", {"a": "S01", "b": "S02"}, splits=by_subject(S01="train", S02="test")
    )
    two = write_dataset(
        tmp_path / "two", {"c": "S01", "d": "S03"}, splits=by_subject(S01="test", S03="train")
    )
    report = merge_datasets((one, two), out=tmp_path / "m", same_subjects=True)
    (remark,) = report.remarks
    assert remark == "split 'default' drawn anew: subject 'S01' is in train here and in test there"
    assert set(report.record.scheme().subjects) == {"S01", "S02", "S03"}
    assert check_dataset(tmp_path / "m").problems == ()


def test_splits_in_time_of_two_people_become_a_split_of_people(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=24), Part(split="test", start=24, stop=40))
    paths = [
        write_dataset(
            tmp_path / name, {name: f"S-{name}"}, splits=[SplitScheme(by="time", parts={name: parts})]
        )
        for name in ("one", "two")
    ]
    report = merge_datasets(paths, out=tmp_path / "m")
    assert report.record.scheme().by == "subject"
    assert report.remarks == (
        "split 'default' drawn anew: it is in time, for one subject, and there are now 2",
    )


def test_a_split_that_is_in_time_by_name_stays_in_time(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=10), Part(split="test", start=10, stop=40))
    paths = []
    for name in ("one", "two", "three"):
        by_person = SplitScheme(by="subject", subjects={f"S-{name}": "train"})
        in_time = SplitScheme(name="in-time", by="time", parts={name: parts})
        splits = (by_person,) if name == "three" else (by_person, in_time)
        paths.append(write_dataset(tmp_path / name, {name: f"S-{name}"}, splits=splits))
    report = merge_datasets(paths[:2], out=tmp_path / "m")
    assert report.record.scheme("in-time").parts == {"one": parts, "two": parts}
    assert report.remarks == ()
    report = merge_datasets(paths, out=tmp_path / "n")
    assert report.remarks == ("split 'in-time' drawn anew: 2 of 3 datasets have it",)
    assert report.record.scheme("in-time").by == "time"
    assert check_dataset(tmp_path / "n").problems == ()


def test_a_split_that_one_dataset_lacks_is_drawn_anew_or_left_out(tmp_path: Path, write_dataset: Write):
    folds = SplitScheme(name="kfold2", by="fold", folds={"S01": 0, "S02": 1})
    splits = (*by_subject(S01="train", S02="test"), folds)
    one = write_dataset(tmp_path / "one", {"a": "S01", "b": "S02"}, splits=splits)
    two = write_dataset(tmp_path / "two", {"c": "S03"})
    report = merge_datasets((one, two), out=tmp_path / "m")
    assert report.remarks == ("split 'kfold2' drawn anew: 1 of 2 datasets have it",)
    assert report.record.scheme("kfold2").n_folds == 2
    assert set(report.record.scheme("kfold2").folds) == {"S01", "S02", "S03"}


def test_misuse_is_named(tmp_path: Path, two: tuple[Path, Path]):
    with pytest.raises(UsageError, match="wanted two datasets or more to merge, found 1"):
        merge_datasets(two[:1], out=tmp_path / "m")
    with pytest.raises(UsageError, match="wanted a --prefix for each of 2 datasets, found 1"):
        merge_datasets(two, out=tmp_path / "m", prefixes=("a",))
    with pytest.raises(UsageError, match=r"wanted a --prefix of letters, digits, - and _, found '\.\./b'"):
        merge_datasets(two, out=tmp_path / "m", prefixes=("a", "../b"))
    with pytest.raises(OutputError, match="one of its parts"):
        merge_datasets(two, out=two[0], overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        merge_datasets(two, out=two[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_datasets_of_both_schemas_merge_where_they_are_made_alike(tmp_path: Path, write_dataset: Write):
    old = GOLDEN / "dataset-v1"
    config = read_record(old).config
    new = write_dataset(tmp_path / "new", {"n": "S77"}, config=config, compression=Compression.GZIP)
    merge_datasets((old, new), out=tmp_path / "m", copy=True)
    sessions = {session.session_id: session for session in open_dataset(tmp_path / "m").sessions}
    assert len(sessions["take"].read_ticks("row")) == 50
    assert len(sessions["n"].read_ticks("row")) == 80


def test_one_recording_under_two_names_is_refused(tmp_path: Path, two: tuple[Path, Path]):
    for path in two:
        record = read_record(path)
        entries = [entry.model_copy(update={"source_sha256": f"of {entry.id}"}) for entry in record.sessions]
        write_record(path, record.model_copy(update={"sessions": tuple(entries)}), overwrite=True)
    with pytest.raises(
        DatasetError, match=r"found one as 'x-c' and as 'y-c', which a split may part; .*two$"
    ):
        merge_datasets((two[1], two[1]), out=tmp_path / "m", prefixes=("x", "y"))
    assert not (tmp_path / "m").exists()
    report = merge_datasets(two, out=tmp_path / "n", prefixes=("x", "y"))
    assert len(report.record.built) == 3

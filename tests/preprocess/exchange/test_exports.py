"""Laws of exports: what others read is what is in the dataset, and the same dataset gives the same bytes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from webdataset.autodecode import Decoder, basichandlers
from webdataset.tariterators import group_by_keys, tar_file_expander

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError, OutputError, UsageError
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file
from mavfer.preprocess.dataset.record import Part, Reason, SplitScheme
from mavfer.preprocess.exchange.frames import export_frames
from mavfer.preprocess.exchange.webdataset import export_webdataset

Write = Callable[..., Path]


def some_missing(name: str, columns: dict[str, NDArray]) -> None:
    """Of every session, rows 5 and 6 have no depth, row 7 is occluded; row 2 has no label."""
    assert name in ("a", "b.2")
    columns["reason_depth"][5:7], columns["reason_depth"][7] = Reason.NO_DEPTH, Reason.OCCLUDED
    columns["valid_depth"][5:8] = False
    columns["depth"][5:7] = 0
    columns["valence"][2] = np.nan


@pytest.fixture
def dataset(tmp_path: Path, write_dataset: Write) -> Path:
    """Two sessions of forty rows, one to train on and one to test."""
    split = SplitScheme.model_validate({"by": "subject", "subjects": {"S01": "train", "S02": "test"}})
    subjects = {"a": "S01", "b.2": "S02"}
    return write_dataset(tmp_path / "d", subjects, change=some_missing, splits=[split])


def lines_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "frames.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_pictures_are_the_pixels(tmp_path: Path, dataset: Path):
    opened = open_dataset(dataset)
    report = export_frames(opened, out=tmp_path / "out")
    assert (report.n_sessions, report.n_frames, report.n_files) == (2, 80, 2 * (3 * 40 + 38))
    for session in opened.sessions:
        folder = tmp_path / "out" / session.session_id
        for stream in session.streams:
            pixels = session.read(stream)
            for i in (0, 7, 39):
                picture = cv2.imread(str(folder / stream / f"{i:06d}.png"), cv2.IMREAD_UNCHANGED)
                assert picture.dtype == pixels.dtype
                np.testing.assert_array_equal(picture[..., ::-1] if picture.ndim == 3 else picture, pixels[i])
    assert not (tmp_path / "out" / "a" / "depth" / "000005.png").exists()


def test_the_table_has_every_column_and_says_why_in_words(tmp_path: Path, dataset: Path):
    opened = open_dataset(dataset)
    export_frames(opened, out=tmp_path / "out")
    lines = lines_of(tmp_path / "out")
    assert [(line["session"], line["subject"], line["split"], line["row"]) for line in lines[38:42]] == [
        ("a", "S01", "train", "38"),
        ("a", "S01", "train", "39"),
        ("b.2", "S02", "test", "0"),
        ("b.2", "S02", "test", "1"),
    ]
    session = opened.sessions[0]
    mine = lines[:40]
    for cell, values in {
        "valence": session.read("valence"),
        "time_s": session.read("time_s"),
        "pose_deg_pitch": session.read("pose_deg")[:, 1],
        "box_bottom": session.read("box")[:, 3],
        "landmarks_67_y": session.read("landmarks")[:, 67, 1],
        "transforms_thermal_12": session.read("transforms_thermal")[:, 1, 2],
        "valence_by_B": session.read("raters_valence")[1],
    }.items():
        found = np.array([float(line[cell] or "nan") for line in mine]).astype(values.dtype)
        np.testing.assert_array_equal(found, values)
    assert [line["reason_depth"] for line in mine[4:9]] == ["ok", "no_depth", "no_depth", "occluded", "ok"]
    assert [line["depth_png"] for line in mine[6:8]] == ["", "a/depth/000007.png"]
    assert (mine[0]["found"], mine[2]["valence"], mine[7]["valid_depth"]) == ("region", "", "0")


def test_parts_and_streams_can_be_chosen(tmp_path: Path, dataset: Path):
    report = export_frames(
        open_dataset(dataset), out=tmp_path / "out", parts=["test"], streams=[Stream.DEPTH]
    )
    assert (report.n_frames, report.n_files) == (40, 38)
    assert {line["session"] for line in lines_of(tmp_path / "out")} == {"b.2"}
    assert [path.name for path in (tmp_path / "out" / "b.2").iterdir()] == ["depth"]
    with pytest.raises(DatasetError, match="wanted sessions of validation, found none in this split"):
        export_frames(open_dataset(dataset), out=tmp_path / "none", parts=["validation"])


def test_parts_in_time_keep_the_files_row_numbers(tmp_path: Path, write_dataset: Write):
    parts = (Part(split="train", start=0, stop=24), Part(split="test", start=24, stop=40))
    folder = write_dataset(tmp_path / "d", splits=[SplitScheme(by="time", parts={"s": parts})])
    export_frames(open_dataset(folder), out=tmp_path / "out")
    lines = lines_of(tmp_path / "out")
    assert [line["row"] for line in lines] == [str(i) for i in range(40)]
    assert len(list((tmp_path / "out" / "s" / "color").iterdir())) == 40


def samples(folder: Path, split: str) -> list[dict]:
    """The samples of a split as the webdataset package groups and decodes them; shards are closed here."""
    decode = Decoder([basichandlers])
    found = []
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        with shard.open("rb") as stream:
            found += map(decode, group_by_keys(tar_file_expander([{"url": str(shard), "stream": stream}])))
    return found


def test_webdataset_reads_every_clip(tmp_path: Path, dataset: Path):
    opened = open_dataset(dataset)
    report = export_webdataset(opened, out=tmp_path / "out", clips_per_shard=1)
    train, test = opened.sessions
    for split, session, starts in (("train", train, [0, 16]), ("test", test, [0, 8, 16, 24])):
        found = samples(tmp_path / "out", split)
        assert [sample["json"]["row"] for sample in found] == starts
        for sample, start in zip(found, starts, strict=True):
            for stream in session.streams:
                np.testing.assert_array_equal(
                    sample[f"{stream}.npy"], session.read(stream, start, start + 16)
                )
            facts = sample["json"]
            assert (facts["session"], facts["subject"], facts["split"]) == (
                session.session_id,
                session.subject,
                split,
            )
            valence = session.read("valence", start, start + 16)
            told = np.array(facts["per_frame"]["valence"], float).astype(np.float32)
            np.testing.assert_array_equal(told, valence)
            assert (facts["valence"] is None) == bool(np.isnan(valence).any())
            np.testing.assert_array_equal(
                facts["valid"]["depth"], session.read("valid_depth", start, start + 16)
            )
    first = samples(tmp_path / "out", "train")[0]["json"]
    assert first["reason"]["depth"][4:9] == ["ok", "no_depth", "no_depth", "occluded", "ok"]
    index = json.loads((tmp_path / "out" / "clips.json").read_text())
    assert (report.n_clips, report.n_files, len(index["shards"])) == (6, 6, 6)
    for shard in index["shards"]:
        assert sha256_of_file(tmp_path / "out" / shard["name"]) == shard["sha256"]


def test_length_step_and_labels_decide_which_clips(tmp_path: Path, dataset: Path):
    opened = open_dataset(dataset)
    export_webdataset(opened, out=tmp_path / "out", length=10, step=5, labelled=True, parts=["train"])
    rows = [sample["json"]["row"] for sample in samples(tmp_path / "out", "train")]
    assert rows == [3, 8, 13, 18, 23, 28, 30]
    assert samples(tmp_path / "out", "test") == []


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path, dataset: Path):
    for name in ("one", "two"):
        export_webdataset(open_dataset(dataset), out=tmp_path / name)
        export_frames(open_dataset(dataset), out=tmp_path / name / "frames")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    for file in files:
        if (tmp_path / "one" / file).is_file():
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert len(files) > 300


def test_a_session_without_a_stream_is_refused_unless_others_are_named(tmp_path: Path, write_dataset: Write):
    folder = write_dataset(tmp_path / "d", {"a": "S01"})
    color = write_dataset(tmp_path / "c", {"b": "S02"}, streams=[Stream.COLOR])
    from mavfer.preprocess.exchange.merge import merge_datasets

    merge_datasets((folder, color), out=tmp_path / "m")
    with pytest.raises(
        DatasetError, match="wanted 'depth' in every session, 'b' has color; name the streams"
    ):
        export_webdataset(open_dataset(tmp_path / "m"), out=tmp_path / "out")
    export_webdataset(open_dataset(tmp_path / "m"), out=tmp_path / "out", streams=[Stream.COLOR])
    export_frames(open_dataset(tmp_path / "m"), out=tmp_path / "frames")
    assert lines_of(tmp_path / "frames")[-1]["depth_png"] == ""


def test_nothing_is_overwritten_and_nothing_half_written_stays(tmp_path: Path, dataset: Path):
    opened = open_dataset(dataset)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for export in (export_frames, export_webdataset):
        with pytest.raises(OutputError):
            export(opened, out=tmp_path / "mine")
        with pytest.raises(OutputError, match="--overwrite replaces only"):
            export(opened, out=tmp_path / "mine", overwrite=True)
        content = bytearray((dataset / "a.h5").read_bytes())
        content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
        damaged = tmp_path / "damaged"
        damaged.mkdir(exist_ok=True)
        for file in dataset.iterdir():
            (damaged / file.name).write_bytes(bytes(content) if file.name == "a.h5" else file.read_bytes())
        with pytest.raises(DatasetError):
            export(open_dataset(damaged), out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "damaged", "mine"]


def test_clips_of_no_frame_and_clips_that_nobody_has_are_refused(tmp_path: Path, dataset: Path):
    with pytest.raises(UsageError, match="wanted a length of at least 1, found 0"):
        export_webdataset(open_dataset(dataset), out=tmp_path / "out", length=0)
    with pytest.raises(DatasetError, match="wanted clips of 41 frames, found none"):
        export_webdataset(open_dataset(dataset), out=tmp_path / "out", length=41)

"""Exported networks give the run's scores, in programs that know nothing of mavfer."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tomlkit
import torch
from typer.testing import CliRunner

from mavfer.command_line import command_line
from mavfer.errors import DatasetError, ModelError, OutputError
from mavfer.model.checkpoint import open_run
from mavfer.model.data.source import ClipSource
from mavfer.model.use import export
from mavfer.model.use.export import METADATA_NAME, ExportReport, export_model
from mavfer.preprocess.dataset.clips import open_dataset, sha256_of_file

MakeRun = Callable[..., Path]
WIDTH = {"width": 1 / 16, "size_px": 48}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, make_dataset: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("data") / "dataset"
    return make_dataset(folder, splits={"S01": "train", "S02": "test"}, n_frames=16, size_px=48)


def exported(
    make_run: MakeRun, clips: Path, folder: Path, *, format: str, model: str, **config: object
) -> tuple[Path, ExportReport]:
    run = make_run(folder / "run", dataset=clips, model=model, n_frames=4, **config)
    return run, export_model(run, format=format, out=folder / f"network.{format}")


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("uran", {"set": WIDTH}),
        ("cnn-rnn", {"set": WIDTH}),
        ("early-fusion", {"set": WIDTH, "classes": "mood", "n_classes": 3}),
    ],
)
@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_what_is_exported_gives_the_runs_scores_for_any_number_of_clips(
    make_run: MakeRun, clips: Path, tmp_path: Path, format: str, model: str, config: dict
) -> None:
    run, report = exported(make_run, clips, tmp_path, format=format, model=model, **config)
    assert report.batch == "any"
    assert report.max_abs_diff <= 1e-5
    assert sha256_of_file(run / "model.pt").encode() in report.path.read_bytes()  # where forgetting looks
    opened = open_run(run)
    source = ClipSource(open_dataset(clips).sessions, options=opened.record.inputs, dimensions=())
    inputs = source.inputs(source.test_clips()[3:6])
    with torch.inference_mode():
        wanted = opened.network(inputs).numpy()
    if format == "onnx":
        session = onnxruntime.InferenceSession(str(report.path), providers=["CPUExecutionProvider"])
        found = session.run(None, {name: x.numpy() for name, x in inputs.items()})[0]
    else:
        with torch.no_grad(), report.path.open("rb") as file:
            found = torch.export.load(file).module()(*inputs.values()).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_with_json_the_command_says_how_far_the_export_is_from_the_run(
    make_run: MakeRun, clips: Path, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", dataset=clips, model="cnn", n_frames=4, set=WIDTH)
    words = ["export-model", str(run), "--out", str(tmp_path / "cnn.onnx"), "--json"]
    done = CliRunner().invoke(command_line(), words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["max_abs_diff"] <= 1e-5
    assert (told["format"], told["batch"], told["n_clips"]) == ("onnx", "any", 7)
    assert told["size_bytes"] == (tmp_path / "cnn.onnx").stat().st_size


def test_the_file_says_what_to_feed_it(make_run: MakeRun, clips: Path, tmp_path: Path) -> None:
    run, report = exported(make_run, clips, tmp_path, format="onnx", model="early-fusion", set=WIDTH)
    (said,) = (one for one in onnx.load(str(report.path)).metadata_props if one.key == METADATA_NAME)
    metadata = json.loads(said.value)
    assert metadata["outputs"] == ["valence", "arousal"]
    assert metadata["weights_sha256"] == sha256_of_file(run / "model.pt")
    assert not {"S01", "S02", "S03"} & set(re.findall(r"\w+", said.value))
    assert metadata["simulated"] is True
    assert metadata["frames_per_second"] == 4.0
    assert [one["name"] for one in metadata["inputs"]] == ["color", "depth", "thermal"]
    assert metadata["inputs"][1]["shape"] == ["clips", 4, 1, 48, 48]
    assert "/ 100" in metadata["inputs"][1]["made_by"]


def test_crops_and_their_rate_are_the_datasets_also_where_every_tick_was_kept(
    make_run: MakeRun, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_dataset(tmp_path / "dataset", splits={"S01": "train"}, n_frames=8, size_px=96)
    path = data / "dataset.toml"
    table = tomlkit.parse(path.read_text(encoding="utf-8"))
    table["config"]["fps"] = 0.0  # pyright: ignore[reportIndexIssue]
    path.write_text(tomlkit.dumps(table), encoding="utf-8")
    _, report = exported(make_run, data, tmp_path, format="torch", model="cnn", set=WIDTH)
    said = {METADATA_NAME: ""}
    with report.path.open("rb") as file:
        torch.export.load(file, extra_files=said)
    metadata = json.loads(said[METADATA_NAME])
    record = open_dataset(data).record
    assert metadata["frames_per_second"] == record.built[0].fps > 0
    assert metadata["crop"]["size_px"] == record.config.size_px
    assert metadata["averaged_down_to_px"] == 48


def test_a_network_that_gives_other_scores_when_read_back_is_refused_and_nothing_is_left(
    make_run: MakeRun, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", dataset=clips, model="cnn", n_frames=4, set=WIDTH)
    monkeypatch.setattr(export, "MOST_DIFFERENCE", -1.0)  # stricter than equal
    with pytest.raises(ModelError, match="what was exported differs by"):
        export_model(run, format="torch", out=tmp_path / "network.pt2")
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_nothing_is_replaced_and_a_run_without_its_dataset_cannot_be_checked(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run", dataset=tmp_path / "gone", model="cnn", n_frames=4)
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="would replace"):
        export_model(run, format="torch", out=tmp_path / "there")
    with pytest.raises(DatasetError, match="wanted a dataset folder"):
        export_model(run, format="torch", out=tmp_path / "other")

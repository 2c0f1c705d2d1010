import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.errors import ModelError, OutputError
from mavfer.model.checkpoint import RunRecord, write_run
from mavfer.model.data.features import read_feature_record, read_features
from mavfer.model.extraction import Tap, extract_features, frame_features, tap_of, whole_sessions
from mavfer.model.families import NAMES, family
from mavfer.model.network import CHANNELS, Network
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.preprocess.dataset.clips import open_dataset

PIXEL_NETWORKS = [name for name in NAMES if not family(name).of_features]
BY_FRAME = [n for n in PIXEL_NETWORKS if n not in ("mran-3d", "early-fusion", "transformer", "cnn-rnn")]
"""Whose features of a frame are made of that frame alone."""


def small(model: str) -> tuple[Network, dict[str, torch.Tensor]]:
    recipe = recipe_of(TrainConfig(model=model, size="small", n_frames=4))
    torch.manual_seed(0)
    network = new_network(model, recipe.options).eval()
    side = recipe.options.size_px
    inputs = {name: torch.rand(2, 4, CHANNELS[name], side, side) for name in recipe.options.modalities}
    if recipe.inputs.landmarks:
        inputs["landmarks"] = torch.rand(2, 4, 68, 2)
    return network, inputs


@pytest.mark.parametrize("model", PIXEL_NETWORKS)
def test_every_network_of_pixels_gives_features_of_each_frame(model: str) -> None:
    network, inputs = small(model)
    tap = tap_of(network, model)
    found = frame_features(network, inputs, tap=tap)
    assert found.shape[:2] == (2, 4)
    assert found.shape[2] >= 16
    assert torch.isfinite(found).all()
    first = next(iter(inputs))
    other = inputs | {first: inputs[first].clone()}
    other[first][1, 2] = 1 - other[first][1, 2]
    changed = (frame_features(network, other, tap=tap) != found).any(-1)
    assert not changed[0].any()
    assert changed[1, 2]
    if model in BY_FRAME:
        assert changed[1].tolist() == [False, False, True, False]


def new_run(folder: Path, dataset: Path, *, model: str = "uran", n_frames: int = 8) -> Path:
    config = TrainConfig(model=model, size="small", n_frames=n_frames, set={"size_px": 32})
    recipe = recipe_of(config)
    torch.manual_seed(0)
    network = new_network(model, recipe.options)
    folder.mkdir()
    record = RunRecord(
        model=model,
        options=recipe.options.model_dump(mode="json"),
        inputs=recipe.inputs,
        dimensions=config.dimensions,
        config=config,
        loss="mse",
        n_parameters=1,
        dataset=str(dataset),
        simulated=False,
        split_by="subject",
        training_subjects=("S01", "S02"),
        validation_subjects=("S03",),
        pretrained_subjects=("S09",),
        training_means={"valence": 0.0, "arousal": 0.0},
        n_clips=1,
        n_steps=1,
        n_epochs=1,
        kept_epoch=1,
        seconds=1.0,
        device="cpu",
        precision="fp32",
        software={},
        created_utc=datetime(2020, 1, 1, tzinfo=UTC).isoformat(),
    )
    write_run(folder, record=record, state=network.state_dict(), history=[{"epoch": 1.0}])
    return folder


def test_a_feature_set_is_read_again_and_says_whom_its_maker_has_seen(dataset: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", dataset)
    report = extract_features(run, dataset, out=tmp_path / "features")
    record = read_feature_record(tmp_path / "features")
    assert record == report.record
    assert record.subjects_seen == ("S01", "S02", "S03", "S09")
    assert record.simulated
    assert (report.n_sessions, report.n_frames, report.empty) == (4, 4 * 48, ())
    for session in open_dataset(dataset).sessions:
        values = read_features(session, {"face": str(tmp_path / "features")})["face"]
        assert values.shape == (48, record.n_values)
        assert values.std(0).max() > 0


def test_features_are_those_of_the_frame_wherever_its_clip_began(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    dataset = make_dataset(tmp_path / "d", splits={"S01": "train"}, n_frames=20)
    for n_frames in (8, 16):
        run = new_run(tmp_path / f"run{n_frames}", dataset, n_frames=n_frames)
        extract_features(run, dataset, out=tmp_path / f"f{n_frames}", layer="encoders.color")
    a, b = (np.load(tmp_path / f"f{n}" / "S01-a.npy") for n in (8, 16))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_session_without_a_clip_is_zero_and_named(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def faceless(subject: str, columns: dict[str, np.ndarray]) -> None:
        if subject == "S02":
            columns["valid_color"][:] = False

    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "test"}, n_frames=16, change=faceless)
    report = extract_features(new_run(tmp_path / "run", path), path, out=tmp_path / "features")
    assert report.empty == ("S02-a",)
    assert not np.load(tmp_path / "features" / "S02-a.npy").any()
    assert np.load(tmp_path / "features" / "S01-a.npy").any()


def test_whole_sessions_join_what_a_split_in_time_has_parted(dataset: Path) -> None:
    sessions = whole_sessions(open_dataset(dataset))
    assert [one.id for one in sessions] == ["S01-a", "S02-a", "S03-a", "S04-a"]
    assert all((one.start, one.n_frames) == (0, 48) for one in sessions)


def test_a_layer_that_is_none_or_gives_nothing_per_frame_is_one_line(dataset: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", dataset)
    with pytest.raises(ModelError, match=r"wanted a layer of uran \(.*encoders.*\), found 'nose'"):
        extract_features(run, dataset, out=tmp_path / "f", layer="nose")
    with pytest.raises(ModelError, match=r"one vector or map for each of 8 frames, 'recognition.fc2'"):
        extract_features(run, dataset, out=tmp_path / "f", layer="recognition.fc2")
    assert not (tmp_path / "f").exists()
    network, inputs = small("uran")
    with pytest.raises(ModelError, match="gives several"):
        frame_features(network, inputs, tap=Tap("color_decoder"))


def test_nothing_is_overwritten_unasked(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d", splits={"S01": "train"}, n_frames=8)
    run = new_run(tmp_path / "run", dataset)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "mine").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        extract_features(run, dataset, out=tmp_path / "f")
    shutil.rmtree(tmp_path / "f")
    extract_features(run, dataset, out=tmp_path / "f")
    extract_features(run, dataset, out=tmp_path / "f", overwrite=True)

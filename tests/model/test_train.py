import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError, ModelError, OutputError
from mavfer.model.checkpoint import HISTORY_NAME, open_run
from mavfer.model.data import ClipIndex, ClipSource, InputOptions
from mavfer.model.mran import MRAN, MranOptions
from mavfer.model.presets import Recipe, TrainConfig, recipe_of
from mavfer.model.train import fit, lr_share, non_finite_layer, train
from mavfer.preprocess.dataset.clips import open_dataset

QUICK = {"size": "small", "epochs": 1, "batch": 2, "threads": 1}


@pytest.fixture
def dataset48(make_dataset: Callable[..., Path], tmp_path: Path) -> Path:
    splits = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    return make_dataset(tmp_path / "dataset48", splits=splits, size_px=48, n_frames=40)


@pytest.mark.parametrize("model", ["mran", "uran", "early-fusion"])
def test_a_run_comes_back_from_disk_as_it_was(dataset48: Path, tmp_path: Path, model: Any) -> None:
    report = train(dataset48, config=TrainConfig(model=model, **QUICK), out=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert run.record == report.record
    assert run.record.simulated
    assert run.record.training_subjects == ("S01", "S02")
    assert run.record.validation_subjects == ("S03",)
    header = (tmp_path / "run" / HISTORY_NAME).read_text().splitlines()[0]
    assert header.startswith("epoch,step,seconds,train_loss,validation_valence_rmse")


def test_one_seed_gives_one_result_and_another_seed_another(dataset48: Path, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        train(dataset48, config=TrainConfig(model="uran", seed=seed, **QUICK), out=tmp_path / name)
        return open_run(tmp_path / name).network.state_dict()

    a, b, c = weights("a", 5), weights("b", 5), weights("c", 6)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_training_leaves_torchs_seed_and_threads_to_the_caller(dataset48: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    wanted, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train(dataset48, config=TrainConfig(model="early-fusion", **QUICK), out=tmp_path / "run")
    assert torch.equal(torch.random.get_rng_state(), wanted)
    assert torch.get_num_threads() == threads


def test_a_small_mran_overfits_four_clips(dataset: Path) -> None:
    options = MranOptions(width=0.25, size_px=32, dropout=0.0)
    inputs = InputOptions(modalities=options.modalities, size_px=32)
    source = ClipSource(
        open_dataset(dataset).split("train"), options=inputs, dimensions=("valence", "arousal")
    )
    torch.manual_seed(0)
    network = MRAN(options)
    clips = [ClipIndex(0, 0), ClipIndex(0, 20), ClipIndex(1, 5), ClipIndex(1, 30)]
    x, y = source.inputs(clips), source.targets(clips)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    before = float((network(x) - y).square().mean().detach())
    for _ in range(40):
        optimizer.zero_grad()
        loss = (network(x) - y).square().mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05 * before


def test_bf16_trains_too(dataset48: Path, tmp_path: Path) -> None:
    config = TrainConfig(precision="bf16", **QUICK)
    assert train(dataset48, config=config, out=tmp_path / "run").record.precision == "bf16"


class Poisoned(nn.Module):
    """A network whose second layer has a gradient that is not a number."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, 2), nn.Linear(1, 2)

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        x = inputs["color"].mean((1, 2, 3, 4))[:, None]
        return self.first(x) + (self.second(x) * 0).sqrt() * 0


def test_a_gradient_that_is_not_finite_ends_training_and_its_layer_is_named(dataset: Path) -> None:
    options = InputOptions(modalities=("color",), size_px=32)
    data = open_dataset(dataset)
    training, validation = (
        ClipSource(data.split(s), options=options, dimensions=("valence", "arousal"))
        for s in ("train", "validation")
    )
    recipe = Recipe(
        options=MranOptions(), inputs=options, epochs=1, steps=1, batch=2, lr=1e-3, precision="fp32"
    )
    with pytest.raises(ModelError, match=r"step 1 in layer 'second\.weight'"):
        fit(Poisoned(), training, validation, recipe=recipe)
    assert non_finite_layer(nn.Linear(1, 1)) is None


def test_an_interruption_leaves_nothing(dataset48: Path, tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "runs" / "run"
    with pytest.raises(KeyboardInterrupt):
        train(dataset48, config=TrainConfig(model="uran", **QUICK), out=out, on_progress=interrupt)
    assert list(out.parent.iterdir()) == []


def test_nothing_is_overwritten_unasked(dataset48: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        train(dataset48, config=TrainConfig(**QUICK), out=out)
    with pytest.raises(OutputError, match=r"only a folder with a run\.toml"):
        train(dataset48, config=TrainConfig(**QUICK), out=out, overwrite=True)
    assert (out / "mine").exists()
    (out / "run.toml").touch()
    train(dataset48, config=TrainConfig(model="uran", **QUICK), out=out, overwrite=True)
    assert not (out / "mine").exists()


def test_a_time_budget_ends_training_early(dataset48: Path, tmp_path: Path) -> None:
    config = TrainConfig(model="uran", size="small", epochs=1000, batch=2, threads=1, max_minutes=1e-4)
    record = train(dataset48, config=config, out=tmp_path / "run").record
    assert (record.n_epochs, record.n_steps) == (1, 1)


def test_progress_counts_steps_to_the_end(dataset48: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    train(
        dataset48,
        config=TrainConfig(model="uran", **QUICK),
        out=tmp_path / "run",
        on_progress=lambda done, total: calls.append((done, total)),
    )
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))


def test_without_validation_subjects_the_last_epoch_is_kept(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "test"}, size_px=48, n_frames=40)
    config = TrainConfig(model="uran", size="small", epochs=2, batch=2, threads=1)
    record = train(path, config=config, out=tmp_path / "run").record
    assert (record.kept_epoch, record.validation_ccc) == (2, None)


def test_mran_without_thermal_is_one_line(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    streams = (Stream.COLOR,)
    path = make_dataset(tmp_path / "d", splits={"S01": "train"}, streams=streams, size_px=48)
    with pytest.raises(DatasetError, match="wanted stream 'depth'") as caught:
        train(path, config=TrainConfig(**QUICK), out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_unlabelled_and_too_short_datasets_are_refused(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def unlabelled(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["arousal"][:] = np.nan

    bare = make_dataset(tmp_path / "bare", splits={"S01": "train"}, size_px=48, change=unlabelled)
    with pytest.raises(DatasetError, match="wanted arousal labels"):
        train(bare, config=TrainConfig(model="uran", **QUICK), out=tmp_path / "run")
    short = make_dataset(tmp_path / "short", splits={"S01": "train"}, size_px=48, n_frames=15)
    with pytest.raises(DatasetError, match="runs of at least 16 frames"):
        train(short, config=TrainConfig(model="uran", **QUICK), out=tmp_path / "run")


def test_the_learning_rate_rises_then_falls_to_its_end() -> None:
    assert lr_share(0, 0.0) < 0.05
    shares = [lr_share(1000, done) for done in np.linspace(0, 1, 20)]
    assert shares[0] == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.02)


def test_presets_are_the_papers_where_it_says_and_faithful_prints_the_softmax() -> None:
    full = recipe_of(TrainConfig())
    assert (full.options.width, full.options.size_px, full.options.dropout) == (1.0, 96, 0.5)
    assert (full.lr, full.batch) == (1e-4, 4)
    assert (full.options.attention_scale, full.options.temperature) == ("hw", 0.2)
    assert recipe_of(TrainConfig(model="uran")).batch == 8
    faithful = recipe_of(TrainConfig(faithful=True)).options
    wanted = dataclasses.replace(
        full.options, attention_scale="none", temperature=1.0, forget_input="paper", xavier_gain="one"
    )
    assert faithful == wanted
    with pytest.raises(ModelError, match="each dimension once"):
        recipe_of(TrainConfig(dimensions=("valence", "valence")))

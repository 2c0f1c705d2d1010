from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.errors import DatasetError, ModelError, OutputError
from mavfer.model.checkpoint import read_run_record
from mavfer.model.masked import Mask, MaskedAutoencoder, draw_mask
from mavfer.model.network import CHANNELS
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.pretrain import _loss, pretrain
from mavfer.model.training.pretrain_config import PretrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.training.train import train
from mavfer.model.transformer import TransformerOptions, VideoTransformer

TINY = {
    "size_px": 16,
    "patch_px": 4,
    "n_values": 32,
    "n_blocks": 2,
    "n_heads": 2,
    "n_frames": 4,
    "dropout": 0.0,
}
QUICK = PretrainConfig(size="small", set=TINY, steps=4, batch=4, threads=1, device="cpu")


@pytest.fixture
def unlabelled(make_dataset: Callable[..., Path], tmp_path: Path) -> Path:
    def forget(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["valence"][:] = columns["arousal"][:] = np.nan

    splits = {"S01": "train", "S02": "train", "S03": "validation", "S04": "test"}
    return make_dataset(tmp_path / "unlabelled", splits=splits, n_frames=40, change=forget)


def test_hidden_places_are_guessed_far_better_than_by_their_mean(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def one_level(subject: str, columns: dict[str, np.ndarray]) -> None:
        level = np.sin(1.3 * np.arange(40) + int(subject[1:]))[:, None, None]
        columns["color"][:] = (128 + 60 * level)[..., None]
        columns["depth"][:] = 800 + 60 * level
        columns["thermal"][:] = 30700 + 150 * level

    path = make_dataset(
        tmp_path / "d", splits={"S01": "train", "S02": "train"}, n_frames=40, change=one_level
    )
    config = QUICK.model_copy(update={"steps": 60, "batch": 8, "lr": 3e-3})
    last = pretrain(path, config=config, out=tmp_path / "run").history[-1]
    assert last["mean_loss"] == pytest.approx(1, abs=0.1)
    assert last["loss"] < 0.4 * last["mean_loss"]


def test_a_run_says_who_was_seen_and_nothing_was_chosen_by_others(unlabelled: Path, tmp_path: Path) -> None:
    report = pretrain(unlabelled, config=QUICK, out=tmp_path / "run")
    assert read_run_record(tmp_path / "run") == report.record
    assert report.record.training_subjects == ("S01", "S02")
    assert report.record.validation_subjects == ()
    assert report.record.loss == "masked"
    assert report.record.simulated


def test_one_seed_gives_one_result(unlabelled: Path, tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        pretrain(unlabelled, config=QUICK.model_copy(update={"seed": seed}), out=tmp_path / name)
        return torch.load(tmp_path / name / "model.pt", weights_only=True)

    a, b, c = weights("a", 1), weights("b", 1), weights("c", 2)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_sessions_that_do_not_fit_into_memory_take_turns(unlabelled: Path, tmp_path: Path) -> None:
    config = QUICK.model_copy(update={"steps": 10, "memory_mb": 0.001})
    report = pretrain(unlabelled, config=config, out=tmp_path / "run")
    whole = pretrain(unlabelled, config=config.model_copy(update={"memory_mb": 100}), out=tmp_path / "whole")
    assert report.record.n_clips == pytest.approx(whole.record.n_clips, abs=6)
    assert report.record.n_steps == 10


def test_training_starts_from_the_weights_and_counts_their_subjects_as_seen(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "train", "S03": "test"}, n_frames=24)
    pretrain(path, config=QUICK, out=tmp_path / "pretrained")
    config = TrainConfig(
        model="transformer", size="small", set=TINY, steps=1, batch=2, lr=1e-9, threads=1, device="cpu",
        weights=str(tmp_path / "pretrained"),
    )  # fmt: skip
    record = train(path, config=config, out=tmp_path / "run").record
    assert record.pretrained_subjects == ("S01", "S02")
    assert record.started_from is not None
    before = torch.load(tmp_path / "pretrained" / "model.pt", weights_only=True)
    after = torch.load(tmp_path / "run" / "model.pt", weights_only=True)
    torch.manual_seed(config.seed)
    fresh = new_network("transformer", record.network_options).state_dict()
    assert before
    for name in before:  # the last layer is not pre-trained: each training draws its own
        source = fresh if name.startswith("head.") else before
        assert torch.allclose(source[name], after[name], atol=1e-6), name
    assert any(not torch.allclose(before[name], fresh[name], atol=1e-4) for name in before)


def test_an_interruption_leaves_nothing(unlabelled: Path, tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(unlabelled, config=QUICK, out=tmp_path / "runs" / "run", on_progress=interrupt)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_step_that_memory_does_not_hold_is_one_line() -> None:
    class Hungry(MaskedAutoencoder):
        def training_loss(self, inputs: Mapping[str, torch.Tensor], mask: Mask) -> torch.Tensor:
            return super().training_loss(inputs, mask) + torch.empty(2**50)[0]

    options = recipe_of(QUICK.as_training).options
    assert isinstance(options, TransformerOptions)
    mask = draw_mask(2, options, share=0.75, chance=torch.Generator())
    inputs = {name: torch.zeros(2, 4, CHANNELS[name], 16, 16) for name in options.modalities}
    with pytest.raises(ModelError, match=r"memory for a step of 2 clips, found too little; lower --batch"):
        _loss(Hungry(VideoTransformer(options)), inputs, mask, device=torch.device("cpu"))


def test_what_cannot_be_pretrained_is_one_line(
    unlabelled: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    short = make_dataset(tmp_path / "short", splits={"S01": "train"}, n_frames=3)
    with pytest.raises(DatasetError, match="runs of at least 4 usable frames"):
        pretrain(short, config=QUICK, out=tmp_path / "run")
    nobody = make_dataset(tmp_path / "nobody", splits={"S01": "test"}, n_frames=8)
    with pytest.raises(DatasetError, match="wanted sessions in the 'train' split"):
        pretrain(nobody, config=QUICK, out=tmp_path / "run")
    wild = QUICK.model_copy(update={"lr": 1e30, "steps": 40})
    with pytest.raises(ModelError, match=r"pre-training diverged: .* lower --lr"):
        pretrain(unlabelled, config=wild, out=tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        pretrain(unlabelled, config=QUICK, out=tmp_path / "run")

"""Laws of a training from end to end: what it leaves behind, and what it refuses in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mavfer.capture.streams import Stream
from mavfer.errors import DatasetError, MavferError, ModelError, OutputError
from mavfer.model.checkpoint import HISTORY_NAME, open_run
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.training.saving import unfinished
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset


@pytest.mark.parametrize("model", ["mran", "cnn"])
def test_a_run_comes_back_from_disk_as_it_was(
    dataset48: Path, tmp_path: Path, quick: dict, model: Any
) -> None:
    report = train(dataset48, config=TrainConfig(**quick | {"model": model}), out=tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert run.record == report.record
    assert run.record.simulated
    assert run.record.training_subjects == ("S01", "S02")
    assert run.record.validation_subjects == ("S03",)
    assert run.record.n_steps == 6
    header = (tmp_path / "run" / HISTORY_NAME).read_text().splitlines()[0]
    assert header.startswith("epoch,step,seconds,train_loss,validation_valence_rmse")
    assert not unfinished(tmp_path / "run").exists()


def test_one_seed_gives_one_result_and_another_seed_another(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
        config = TrainConfig(**quick | {"model": "mran", "steps": 2, "seed": seed, "modality_dropout": 0.3})
        train(dataset48, config=config, out=tmp_path / name)
        return open_run(tmp_path / name).network.state_dict()

    a, b, c = weights("a", 5), weights("b", 5), weights("c", 6)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_a_small_network_learns_what_is_drawn(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    def loss_of(steps: int) -> float:
        config = TrainConfig(**quick | {"steps": steps, "lr": 2e-3, "set": {"dropout": 0.0}})
        report = train(dataset48, config=config, out=tmp_path / f"run{steps}")
        return report.history[-1]["train_loss"]

    assert loss_of(40) < 0.5 * loss_of(1)


def test_training_leaves_torchs_seed_and_threads_to_the_caller(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    torch.manual_seed(9)
    wanted, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train(dataset48, config=TrainConfig(**quick), out=tmp_path / "run")
    assert torch.equal(torch.random.get_rng_state(), wanted)
    assert torch.get_num_threads() == threads


def test_an_interruption_leaves_nothing_under_the_runs_name(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "runs" / "run"
    with pytest.raises(KeyboardInterrupt):
        train(dataset48, config=TrainConfig(**quick), out=out, on_progress=interrupt)
    assert list(out.parent.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        train(dataset48, config=TrainConfig(**quick), out=out, on_progress=interrupt, state_every_s=0)
    assert list(out.parent.iterdir()) == [unfinished(out)]
    with pytest.raises(OutputError, match="--resume"):
        train(dataset48, config=TrainConfig(**quick), out=out)
    train(dataset48, config=TrainConfig(**quick), out=out, overwrite=True)
    assert list(out.parent.iterdir()) == [out]


def test_nothing_is_overwritten_unasked(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        train(dataset48, config=TrainConfig(**quick), out=out)
    with pytest.raises(OutputError, match=r"only a folder with a run\.toml"):
        train(dataset48, config=TrainConfig(**quick), out=out, overwrite=True)
    assert (out / "mine").exists()
    (out / "run.toml").touch()
    train(dataset48, config=TrainConfig(**quick), out=out, overwrite=True)
    assert not (out / "mine").exists()


def test_a_time_budget_ends_training_early(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    config = TrainConfig(**quick | {"steps": 10_000, "max_minutes": 1e-5})
    record = train(dataset48, config=config, out=tmp_path / "run").record
    assert (record.n_epochs, record.n_steps) == (1, 1)


def test_progress_counts_steps_to_the_end(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    calls: list[tuple[int, int]] = []
    config = TrainConfig(**quick)
    train(dataset48, config=config, out=tmp_path / "run", on_progress=lambda *call: calls.append(call))
    assert calls == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("seed", range(4))
def test_as_many_epochs_are_trained_as_are_asked_for(
    dataset48: Path, tmp_path: Path, quick: dict, seed: int
) -> None:
    """An epoch has two to four clips of 20 frames here, as its grid falls: a step or two."""
    calls: list[tuple[int, int]] = []
    config = TrainConfig(**quick | {"steps": None, "epochs": 5, "n_frames": 20, "seed": seed})
    report = train(
        dataset48, config=config, out=tmp_path / "run", on_progress=lambda *call: calls.append(call)
    )
    assert report.record.n_epochs == 5
    assert calls[-1] == (report.record.n_steps, report.record.n_steps)


def test_one_score_alone_has_no_concordance_to_learn_by(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    config = TrainConfig(**quick | {"model": "uran", "loss": "ccc", "batch": 1})
    refused(dataset48, config, tmp_path / "run", ModelError, "two clips or more for loss 'ccc'")


def test_training_ends_when_patience_does(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    config = TrainConfig(**quick | {"steps": 5000, "patience": 2, "lr": 1e-9})
    record = train(dataset48, config=config, out=tmp_path / "run").record
    assert record.n_steps < 5000
    assert record.n_epochs == record.kept_epoch + 2


def test_without_validation_subjects_the_last_epoch_is_kept(
    make_dataset: Callable[..., Path], tmp_path: Path, quick: dict
) -> None:
    path = make_dataset(tmp_path / "d", splits={"S01": "train", "S02": "test"}, size_px=48, n_frames=40)
    said: list[str] = []
    record = train(path, config=TrainConfig(**quick), out=tmp_path / "run", on_message=said.append).record
    assert (record.kept_epoch, record.validation_score) == (record.n_epochs, None)
    assert any("one subject alone is trained on, S01" in line for line in said)
    with pytest.raises(ModelError, match="leave --patience out"):
        train(path, config=TrainConfig(**quick, patience=3), out=tmp_path / "patient")


def test_validation_subjects_without_labels_are_told_and_cannot_be_patient_with(
    make_dataset: Callable[..., Path], tmp_path: Path, quick: dict
) -> None:
    def unlabelled(subject: str, columns: dict[str, np.ndarray]) -> None:
        if subject == "S02":
            columns["valence"][:] = np.nan

    splits = {"S01": "train", "S02": "validation"}
    path = make_dataset(tmp_path / "d", splits=splits, size_px=48, n_frames=40, change=unlabelled)
    said: list[str] = []
    record = train(path, config=TrainConfig(**quick), out=tmp_path / "run", on_message=said.append).record
    assert "no labelled clips of validation subjects: the last epoch is kept" in said
    assert (record.kept_epoch, record.validation_score) == (record.n_epochs, None)
    patient = TrainConfig(**quick, patience=1)
    refused(path, patient, tmp_path / "patient", ModelError, "wanted labelled validation clips")


def test_classes_are_learned_by_cross_entropy(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    config = TrainConfig(**quick | {"classes": "quadrants"})
    report = train(dataset48, config=config, out=tmp_path / "run")
    assert report.record.loss == "cross entropy"
    assert (report.record.dimensions, len(report.record.classes)) == ((), 4)
    assert sum(report.record.training_means.values()) == pytest.approx(1)
    assert 0 <= report.history[-1]["validation_accuracy"] <= 1
    assert open_run(tmp_path / "run").network.options.output == "classes"


def refused(path: Path, config: TrainConfig, out: Path, kind: type[MavferError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        train(path, config=config, out=out)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not unfinished(out).exists()


def test_a_network_pinned_at_the_ends_of_its_range_is_said_to_have_diverged(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    config = TrainConfig(**quick | {"lr": 50.0, "steps": 40})
    refused(dataset48, config, tmp_path / "run", ModelError, "training diverged.*lower --lr")


def test_the_printed_softmax_is_warned_of_where_there_is_one(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    said: list[str] = []
    train(
        dataset48,
        config=TrainConfig(**quick | {"preset": "faithful"}),
        out=tmp_path / "cnn",
        on_message=said.append,
    )
    assert not any("softmax" in line for line in said)
    config = TrainConfig(model="uran", size="small", steps=1, batch=2, threads=1, preset="faithful")
    train(dataset48, config=config, out=tmp_path / "uran", on_message=said.append)
    assert any("softmax as printed" in line for line in said)


def test_mran_without_thermal_is_one_line(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "d", splits={"S01": "train"}, streams=(Stream.COLOR,), size_px=48)
    refused(path, TrainConfig(size="small"), tmp_path / "run", DatasetError, "wanted stream 'depth'")


def test_unlabelled_and_too_short_and_empty_datasets_are_one_line(
    make_dataset: Callable[..., Path], tmp_path: Path, quick: dict
) -> None:
    def unlabelled(_: str, columns: dict[str, np.ndarray]) -> None:
        columns["arousal"][:] = np.nan

    bare = make_dataset(tmp_path / "bare", splits={"S01": "train"}, size_px=48, change=unlabelled)
    short = make_dataset(tmp_path / "short", splits={"S01": "train"}, size_px=48, n_frames=15)
    nobody = make_dataset(tmp_path / "nobody", splits={"S01": "test"}, size_px=48)
    config, out = TrainConfig(**quick), tmp_path / "run"
    refused(bare, config, out, DatasetError, "wanted arousal labels")
    refused(short, config, out, DatasetError, "runs of at least 16 frames")
    refused(nobody, config, out, DatasetError, "wanted sessions in the 'train' split")
    refused(tmp_path / "none", config, out, DatasetError, "none")


def test_options_that_a_network_lacks_and_weights_that_are_none_are_one_line(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    out = tmp_path / "run"
    refused(dataset48, TrainConfig(**quick | {"set": {"depth": 3}}), out, ModelError, "options of cnn")
    refused(
        dataset48,
        TrainConfig(**quick | {"model": "uran", "modalities": ("color", "depth")}),
        out,
        ModelError,
        "alone",
    )
    (tmp_path / "w.pt").write_bytes(b"no weights")
    refused(dataset48, TrainConfig(**quick, weights=str(tmp_path / "w.pt")), out, ModelError, "w.pt")
    refused(dataset48, TrainConfig(**quick, devices=2), out, ModelError, "torchrun --nproc-per-node 2")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"set": {"n_outputs": 1}}, "'n_outputs' follows from --dimensions or --classes"),
        ({"set": {"modalities": ["depth"]}}, "'modalities' follows from --modalities"),
        ({"set": {"output": "classes"}}, "found --set output=classes without it"),
        ({"set": {"output": "linear"}, "classes": "quadrants"}, "found --set output=linear with it"),
    ],
)
def test_options_that_follow_from_others_cannot_be_set_apart_from_them(
    dataset48: Path, tmp_path: Path, quick: dict, changes: dict, said: str
) -> None:
    refused(dataset48, TrainConfig(**quick | changes), tmp_path / "run", ModelError, said)


def test_a_network_on_its_runs_weights_starts_where_that_one_ended(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    train(dataset48, config=TrainConfig(**quick), out=tmp_path / "first")
    config = TrainConfig(**quick | {"seed": 4, "lr": 1e-12, "weights": str(tmp_path / "first")})
    record = train(dataset48, config=config, out=tmp_path / "second").record
    assert record.pretrained_subjects == ("S01", "S02", "S03")
    assert record.started_from is not None
    a, b = (open_run(tmp_path / name).network.state_dict() for name in ("first", "second"))
    inner = [name for name in a if a[name].ndim > 2]
    assert inner
    for name in inner:
        torch.testing.assert_close(a[name], b[name], atol=1e-6, rtol=0)


def test_the_kept_weights_give_the_score_that_the_record_tells(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    from mavfer.model.training.validation import validate

    record = train(dataset48, config=TrainConfig(**quick | {"steps": 20}), out=tmp_path / "run").record
    recipe = recipe_of(TrainConfig(**quick))
    source = ClipSource(
        open_dataset(dataset48).split("validation"), options=recipe.inputs, dimensions=("valence", "arousal")
    )
    network = open_run(tmp_path / "run").network
    score, _ = validate(network, source, source.test_clips(), batch=4, device="cpu")
    assert score == pytest.approx(record.validation_score, abs=1e-6)
    fresh, _ = validate(new_network("cnn", recipe.options), source, [ClipIndex(0, 0)], batch=1, device="cpu")
    assert fresh != pytest.approx(score, abs=1e-3)


def test_tensorboard_gets_the_history_and_a_logger_that_is_not_there_is_one_line(
    dataset48: Path, tmp_path: Path, quick: dict
) -> None:
    train(dataset48, config=TrainConfig(**quick, logs=("tensorboard",)), out=tmp_path / "run")
    assert [path.name for path in (tmp_path / "run" / "tensorboard").iterdir()]
    from importlib.util import find_spec

    if find_spec("wandb") is None:
        refused(dataset48, TrainConfig(**quick, logs=("wandb",)), tmp_path / "w", ModelError, "pip install")

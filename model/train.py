"""Training: a plain loop on Lightning Fabric, from a dataset to a RUN folder.

The weights kept are those of the epoch with the best CCC on the validation subjects, or the last epoch's
where the dataset has none. Test subjects are never read here.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from ..errors import DatasetError, ModelError
from ..output import new_folder, require_folder_free
from ..preprocess.dataset.clips import open_dataset
from .checkpoint import RUN_NAME, RunRecord, path_from, sha256_of_dataset, write_run
from .data import ClipIndex, ClipSource, augment
from .evaluate import pooled_scores, predict_clips
from .losses import LOSSES, LossName
from .presets import Dimension, Recipe, TrainConfig, new_network, recipe_of

WARM_UP_STEPS = 30
LAST_LR_SHARE = 0.02
GRADIENT_LIMIT = 1.0
"""Norm to which a step's gradient is clipped; steps of a healthy training stay below it after the warm-up."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training came to; the same facts stand in `run.toml`, the epochs in `history.csv`."""

    path: Path
    record: RunRecord
    history: tuple[dict[str, float], ...]


def train(
    dataset: Path,
    *,
    config: TrainConfig,
    out: Path,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrainReport:
    """Train a network on the training subjects of `dataset` and write it to the folder `out`.

    An interruption leaves nothing under `out`.

    Parameters
    ----------
    on_progress : called with the steps done and the steps planned

    Raises
    ------
    DatasetError
        The dataset is missing, or lacks the split, a stream, labels, or enough frames for one batch.
    ModelError
        The options contradict each other, or a gradient became non-finite: the layer is named.
    """
    require_folder_free(out, marker=RUN_NAME, overwrite=overwrite)
    recipe = recipe_of(config)
    data = open_dataset(dataset, split_name=config.split, fold=config.fold)
    training, validation = (
        ClipSource(data.split(split), options=recipe.inputs, dimensions=config.dimensions)
        for split in ("train", "validation")
    )
    means: dict[Dimension, float] = {
        name: _mean_label(training, i, dataset) for i, name in enumerate(config.dimensions)
    }
    with _torch_settings(config), new_folder(out, marker=RUN_NAME, overwrite=overwrite) as folder:
        started = time.monotonic()
        network = new_network(config.model, recipe.options)
        fitted = fit(
            network,
            training,
            validation,
            recipe=recipe,
            loss=config.loss,
            seed=config.seed,
            accelerator=config.device,
            max_seconds=None if config.max_minutes is None else 60 * config.max_minutes,
            on_progress=on_progress,
        )
        record = RunRecord(
            model=config.model,
            options=recipe.options,
            inputs=recipe.inputs,
            dimensions=config.dimensions,
            config=config,
            n_parameters=sum(p.numel() for p in network.parameters()),
            dataset=path_from(out, dataset),
            dataset_sha256=sha256_of_dataset(data),
            simulated=data.record.simulated,
            split_by=data.split_by,
            training_subjects=tuple(sorted({s.subject for s in training.sessions})),
            validation_subjects=tuple(sorted({s.subject for s in validation.sessions})),
            training_means=means,
            n_clips=fitted.n_clips,
            n_steps=fitted.n_steps,
            n_epochs=len(fitted.history),
            kept_epoch=fitted.kept_epoch,
            validation_ccc=fitted.validation_ccc,
            seconds=round(time.monotonic() - started, 3),
            device=fitted.device,
            precision=recipe.precision,
            software={name: version(name) for name in ("mavfer", "torch", "numpy", "lightning-fabric")},
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_run(folder, record=record, state=fitted.state, history=fitted.history)
    return TrainReport(out, record, fitted.history)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The weights kept and how they came to be."""

    state: dict[str, Tensor]
    history: tuple[dict[str, float], ...]
    kept_epoch: int
    validation_ccc: float | None
    n_clips: int
    n_steps: int
    device: str


def fit(
    network: nn.Module,
    training: ClipSource,
    validation: ClipSource,
    *,
    recipe: Recipe,
    loss: LossName = "mse",
    seed: int = 0,
    accelerator: str = "cpu",
    max_seconds: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fit `network`, which is changed in place, and return the best weights seen; see `train`."""
    fabric = _new_fabric(accelerator, recipe.precision)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr)
    model, optimizer = fabric.setup(network, optimizer)
    phase = np.random.default_rng(seed)
    chance = torch.Generator().manual_seed(seed)
    n_clips = len(training.training_clips(np.random.default_rng(seed)))
    if n_clips == 0:
        raise DatasetError(
            f"wanted labelled runs of at least {recipe.inputs.n_frames} frames to draw training clips from, "
            f"found none: {training.sessions[0].path.parent}"
        )
    n_planned = recipe.steps if recipe.epochs is None else recipe.epochs * max(1, n_clips // recipe.batch)
    validation_clips = validation.test_clips()
    history: list[dict[str, float]] = []
    kept: tuple[float, int, dict[str, Tensor]] = (-math.inf, 0, {})
    step, share, started = 0, 0.0, time.monotonic()
    while share < 1:
        losses = []
        for clips in _batches(training.training_clips(phase), recipe.batch, phase):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * lr_share(step, share)
            inputs = augment(training.inputs(clips, fabric.device), chance)
            targets = training.targets(clips, fabric.device)
            losses.append(_step(fabric, model, optimizer, inputs, targets, loss=loss, step=step))
            step += 1
            share = _share_done(step / n_planned, started, max_seconds)
            if on_progress is not None:
                on_progress(min(step, n_planned), n_planned)
            if share >= 1:
                break
        row = {"epoch": len(history) + 1, "step": step, "seconds": round(time.monotonic() - started, 3)}
        row["train_loss"] = float(np.mean(losses))
        score = _validate(
            model, validation, validation_clips, row, batch=2 * recipe.batch, device=fabric.device
        )
        history.append(row)
        if math.isnan(score) or score > kept[0]:
            state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
            kept = (score, len(history), state)
    best, epoch, state = kept
    return Fitted(
        state=state,
        history=tuple(history),
        kept_epoch=epoch,
        validation_ccc=None if math.isnan(best) else best,
        n_clips=n_clips,
        n_steps=step,
        device=str(fabric.device),
    )


def lr_share(step: int, share_done: float) -> float:
    """Return the learning rate as a share of its peak: a short rise, then a half cosine down to 2 %."""
    rise = min(1.0, (step + 1) / WARM_UP_STEPS)
    return rise * (LAST_LR_SHARE + (1 - LAST_LR_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, share_done))))


def non_finite_layer(network: nn.Module) -> str | None:
    """Return the name of the first parameter whose gradient is not finite, or None."""
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return name
    return None


def _step(
    fabric: lightning_fabric.Fabric,
    model: Any,
    optimizer: Any,
    inputs: dict[str, Tensor],
    targets: Tensor,
    *,
    loss: LossName,
    step: int,
) -> float:
    """Change the weights by one batch and return its loss; raise ModelError at a non-finite gradient."""
    optimizer.zero_grad()
    value = LOSSES[loss](model(inputs), targets)
    fabric.backward(value)
    parameters = list(model.parameters())
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if not torch.isfinite(norm):
        raise ModelError(
            f"wanted finite gradients, found others at step {step + 1} in layer "
            f"{non_finite_layer(model.module)!r}; lower --lr, or train with --precision fp32"
        )
    nn.utils.clip_grads_with_norm_(parameters, GRADIENT_LIMIT, norm)
    optimizer.step()
    return value.item()


def _batches(
    clips: list[ClipIndex], batch: int, chance: np.random.Generator
) -> Iterator[Sequence[ClipIndex]]:
    """Yield shuffled batches; the clips that do not fill the last one come in another epoch's order."""
    batch = min(batch, len(clips))
    order = chance.permutation(len(clips))
    for first in range(0, len(clips) - batch + 1, batch):
        yield [clips[i] for i in order[first : first + batch]]


def _validate(
    model: nn.Module,
    validation: ClipSource,
    clips: Sequence[ClipIndex],
    row: dict[str, float],
    *,
    batch: int,
    device: torch.device,
) -> float:
    """Add the validation scores to the epoch's row; return their mean CCC, NaN where there are none."""
    if not clips:
        return math.nan
    pooled = pooled_scores(
        validation, clips, predict_clips(model, validation, clips, batch=batch, device=device)
    )
    if pooled is None:
        return math.nan
    for name, found in pooled.items():
        row |= {f"validation_{name}_{metric}": value for metric, value in found.items()}
    return float(np.mean([found["ccc"] for found in pooled.values()]))


def _mean_label(training: ClipSource, dimension: int, dataset: Path) -> float:
    name = training.dimensions[dimension]
    if not training.sessions:
        raise DatasetError(f"wanted sessions in the 'train' split, found none: {dataset}")
    labels = np.concatenate([found[:, dimension] for found in training.labels]).astype(np.float64)
    if not np.isfinite(labels).any():
        raise DatasetError(
            f"wanted {name} labels, found none; build the dataset with --traces, "
            f"or leave {name} out of --dimensions: {dataset}"
        )
    return float(np.nanmean(labels))


def _share_done(steps_share: float, started: float, max_seconds: float | None) -> float:
    """Return how much of the training is over: by steps, or by time where that is further."""
    if max_seconds is None:
        return steps_share
    return max(steps_share, (time.monotonic() - started) / max_seconds)


def _new_fabric(accelerator: str, precision: str) -> lightning_fabric.Fabric:
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its greeting is no result
    return lightning_fabric.Fabric(
        accelerator=accelerator, devices=1, precision="bf16-mixed" if precision == "bf16" else "32-true"
    )


@contextmanager
def _torch_settings(config: TrainConfig) -> Iterator[None]:
    """Seed torch and set its threads for the block; the caller's state comes back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

"""Training from end to end: a dataset and what is asked of it in, a RUN folder out.

The loop is in loop.py. Test subjects are never read here.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning_fabric
import numpy as np

from ...errors import DatasetError
from ...output import new_folder, require_folder_free
from ...preprocess.dataset.clips import Dataset, open_dataset
from ..card import write_card
from ..checkpoint import (
    RUN_NAME,
    RunRecord,
    clip_config_of_dataset,
    path_from,
    sha256_of_dataset,
    write_run,
)
from ..data.classes import Classes, read_classes
from ..data.features import read_feature_record
from ..data.opening import of_subjects, sources_of_split
from ..data.source import ClipSource
from ..network import Network, NetworkOptions
from .config import TrainConfig
from .logs import TENSORBOARD_NAME, open_logs, require_installed
from .loop import Fitted, Watching, fit
from .recipe import Recipe, new_network, recipe_of
from .saving import EVERY_S, Saving, unfinished, working_folder
from .settings import new_fabric, torch_settings
from .starting import Start, start_from
from .validation import can_validate

MAY_CHANGE = ("max_minutes", "logs")
"""What may be asked for otherwise when a training goes on. The rate follows the time that is left, so another
`max_minutes` gives other weights from there on; whoever gives one means it."""


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
    resume: bool = False,
    state_every_s: float = EVERY_S,
    on_progress: Callable[[int, int], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> TrainReport:
    """Train a network on the training subjects of `dataset` and write it to the folder `out`.

    While it runs, its state stands in the folder `unfinished(out)`. Killed at any moment it goes on from
    there with `resume`, to the weights that it would have had; a kill leaves nothing under `out`.

    Parameters
    ----------
    resume : go on where an unfinished training stands; begin where none does
    state_every_s : least time between two states on disk; 0: one after every step
    on_progress : called with the steps done and the steps planned
    on_message : called with a line for the person at the screen

    Raises
    ------
    DatasetError
        The dataset is missing, or lacks the split, a stream, labels, or enough frames for one batch.
    ModelError
        The options contradict each other, weights to start from do not fit, training diverged, or memory
        did not suffice; one line says what to do.
    OutputError
        Something stands at `out`, or an unfinished training does and neither `resume` nor `overwrite` says
        what becomes of it.
    """
    say = on_message or (lambda _line: None)
    require_folder_free(out, marker=RUN_NAME, overwrite=overwrite)
    require_installed(config.logs)
    data = open_dataset(dataset, split_name=config.split, fold=config.fold)
    classes = None if config.classes is None else read_classes(data, config.classes)
    recipe = recipe_of(config, n_classes=0 if classes is None else len(classes.names))
    with torch_settings(seed=config.seed, threads=config.threads):
        network = new_network(config.model, recipe.options)
        training, validation = sources_of_split(
            of_subjects(data, config.subjects),
            inputs=recipe.inputs,
            dimensions=() if classes is not None else config.dimensions,
            classes=classes,
            attributes=network.trained_as,
        )
        means = _means(training, dataset)
        _warn(data, training, validation, config, recipe.options, say)
        start = start_from(network, config, color_reference=recipe.inputs.color_reference, on_message=say)
        fabric = new_fabric(config.device, devices=config.devices)
        asked = _asked(config, data, start, fabric)
        saving = Saving(unfinished(out), asked, every_s=state_every_s, resume=resume)
        saving.read()  # what does not fit is refused before anything is touched
        with working_folder(out, overwrite=overwrite, resume=resume) as work:
            fitted = _fit(
                network, training, validation, config=config, recipe=recipe, fabric=fabric, saving=saving,
                on_progress=on_progress, say=say,
            )  # fmt: skip
            record = _record(
                config, recipe, data, training, validation,
                out=out, classes=classes, means=means, start=start, fitted=fitted,
                n_parameters=sum(p.numel() for p in network.parameters()),
            )  # fmt: skip
            if fabric.global_rank == 0:
                with new_folder(out, marker=RUN_NAME, overwrite=overwrite) as folder:
                    write_run(folder, record=record, state=fitted.state, history=fitted.history)
                    if (work / TENSORBOARD_NAME).is_dir():
                        shutil.copytree(work / TENSORBOARD_NAME, folder / TENSORBOARD_NAME)
                write_card(out)
            fabric.barrier()
    return TrainReport(out, record, fitted.history)


def _fit(
    network: Network, training: ClipSource, validation: ClipSource, *, config: TrainConfig, recipe: Recipe,
    fabric: lightning_fabric.Fabric, saving: Saving, on_progress: Callable[[int, int], None] | None,
    say: Callable[[str], None],
) -> Fitted:  # fmt: skip
    speaks = fabric.global_rank == 0
    state = saving.read()
    with open_logs(
        saving.folder,
        loggers=config.logs if speaks else (),
        config=config,
        from_step=0 if state is None else state.position.step,
    ) as logs:
        watching = Watching(on_message=say)
        if speaks:
            watching = Watching(
                on_progress=on_progress or watching.on_progress,
                on_step=logs.on_step,
                on_epoch=logs.on_epoch,
                on_message=say,
            )
        return fit(
            network,
            training,
            validation,
            recipe=recipe,
            seed=config.seed,
            fabric=fabric,
            max_seconds=None if config.max_minutes is None else 60 * config.max_minutes,
            saving=saving,
            watching=watching,
        )


def _asked(
    config: TrainConfig, data: Dataset, start: Start, fabric: lightning_fabric.Fabric
) -> dict[str, Any]:
    """Return what makes a training the one that it is, for its state."""
    asked = config.model_dump(mode="json", exclude=set(MAY_CHANGE))
    more = {"dataset": sha256_of_dataset(data), "start": start.weights, "processes": fabric.world_size}
    return asked | more | {"device": str(fabric.device.type), "torch": version("torch")}


def _means(training: ClipSource, dataset: Path) -> dict[str, float]:
    """Return the mean training label by dimension, or the share of each class among clips."""
    if training.classes is not None:
        clips = training.training_clips(np.random.default_rng(0))
        if not clips:
            raise DatasetError(
                f"wanted runs of {training.options.n_frames} frames with a class to train on, "
                f"found none: {dataset}"
            )
        counts = np.bincount(training.targets(clips).numpy(), minlength=len(training.classes.names))
        shares = counts / counts.sum()
        return dict(zip(training.classes.names, shares.tolist(), strict=True))
    means = {}
    for k, name in enumerate(training.dimensions):
        labels = np.concatenate([found[:, k] for found in training.labels]).astype(np.float64)
        if not np.isfinite(labels).any():
            raise DatasetError(
                f"wanted {name} labels, found none; build the dataset with --traces, "
                f"or leave {name} out of --dimensions: {dataset}"
            )
        means[name] = float(np.nanmean(labels))
    return means


def _warn(
    data: Dataset,
    training: ClipSource,
    validation: ClipSource,
    config: TrainConfig,
    options: NetworkOptions,
    say: Callable[[str], None],
) -> None:
    """Say what a person may not expect, and yet may want."""
    if config.preset == "faithful" and getattr(options, "attention_scale", None) == "none":
        say(
            "warning: the softmax as printed dims the features by the number of pixels; "
            "in our runs it gave a constant prediction"
        )
    subjects = {s.subject.casefold() for s in training.sessions}
    if data.split_by == "time":
        say("warning: the dataset is split in time: every split shows the same subjects")
    elif len(subjects) == 1:
        say(
            f"warning: one subject alone is trained on, {training.sessions[0].subject}; "
            "what is learned of one face says little of another"
        )
    if not can_validate(validation, validation.test_clips()):
        of_whom = "labelled clips of " if validation.sessions else ""
        say(f"no {of_whom}validation subjects: the last epoch is kept")


def _record(
    config: TrainConfig, recipe: Recipe, data: Dataset, training: ClipSource, validation: ClipSource, *,
    out: Path, classes: Classes | None, means: Mapping[str, float], start: Start, fitted: Fitted,
    n_parameters: int,
) -> RunRecord:  # fmt: skip
    return RunRecord(
        model=config.model,
        options=recipe.options.model_dump(mode="json"),
        inputs=recipe.inputs,
        dimensions=() if classes is not None else config.dimensions,
        classes=() if classes is None else classes.names,
        config=config,
        loss=recipe.loss,
        n_parameters=n_parameters,
        dataset=path_from(out, data.path),
        dataset_schema=data.record.schema_version,
        dataset_sha256=sha256_of_dataset(data),
        clip_config=clip_config_of_dataset(data.record),
        simulated=data.record.simulated or _features_simulated(config),
        split_by=data.split_by,
        training_subjects=tuple(sorted({s.subject for s in training.sessions})),
        validation_subjects=tuple(sorted({s.subject for s in validation.sessions})),
        pretrained_subjects=start.subjects,
        started_from=start.weights,
        training_means=dict(means),
        n_clips=fitted.n_clips,
        n_steps=fitted.n_steps,
        n_epochs=len(fitted.history),
        kept_epoch=fitted.kept_epoch,
        validation_score=fitted.validation_score,
        seconds=fitted.seconds,
        device=fitted.device,
        n_processes=fitted.n_processes,
        precision=recipe.precision,
        fp32_layers=fitted.fp32_layers,
        software={name: version(name) for name in ("mavfer", "torch", "numpy", "lightning-fabric")},
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _features_simulated(config: TrainConfig) -> bool:
    return any(read_feature_record(Path(folder)).simulated for folder in config.features.values())

"""What is to be trained: one job per system, fold and seed, in the order that a cut-off hurts least.

A run's folder is named after all that its result depends on, so that tables share runs, a later call finds
them again, and a changed option or preset is another run.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import DatasetError, MavferError, ModelError
from ...preprocess.dataset.clips import open_dataset, sha256_of_file
from ...preprocess.dataset.record import DEFAULT_SPLIT, DatasetRecord, read_record
from ..checkpoint import RUN_NAME, WEIGHTS_NAME, sha256_of_dataset
from ..evaluation.evaluation_file import EVALUATION_NAME
from ..training.config import Dimension, Precision, SizeName, TrainConfig
from ..training.recipe import recipe_of
from ..weight_name import parted
from .plan import CORE, System, Table

CHANGES_NOTHING = {"threads", "max_minutes", "logs", "devices", "device"}
"""Of a TrainConfig: where and how long, not what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all runs of the tables have in common.

    Attributes
    ----------
    split, folds : of the dataset; `(None,)` for a split that is not in folds
    seeds : each gives a run of every system and fold
    steps : in place of the presets' lengths; None: those
    weights : by model, a file or run to start from
    device : "auto" takes a GPU where there is one
    """

    size: SizeName = "full"
    dimensions: tuple[Dimension, ...] = ("valence",)
    split: str = DEFAULT_SPLIT
    folds: tuple[int | None, ...] = (None,)
    seeds: tuple[int, ...] = (0,)
    steps: int | None = None
    precision: Precision = "fp32"
    weights: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes
    ----------
    config : what `training.train.train` is asked
    address : hash of everything that the run's result depends on
    folder : where its run stands when it is done
    """

    system: System
    fold: int | None
    seed: int
    config: TrainConfig
    address: str
    folder: Path

    @property
    def label(self) -> str:
        """How a person reads it."""
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.system.label}{fold}, seed {self.seed}"

    @property
    def finished(self) -> bool:
        """Whether it is trained and evaluated."""
        return (self.folder / RUN_NAME).is_file() and (self.folder / EVALUATION_NAME).is_file()


@dataclass(frozen=True)
class Work:
    """The jobs of some tables, and the systems that this dataset cannot give, with the reason."""

    jobs: tuple[Job, ...]
    impossible: Mapping[System, str]

    @cached_property
    def by_system(self) -> dict[System, tuple[Job, ...]]:
        """The jobs of each system."""
        found: dict[System, list[Job]] = {}
        for job in self.jobs:
            found.setdefault(job.system, []).append(job)
        return {system: tuple(jobs) for system, jobs in found.items()}


def split_of(record: DatasetRecord, *, name: str | None, n_folds: int | None) -> tuple[str, tuple[Any, ...]]:
    """Return the split to use and its folds: the one named; or one of `n_folds`; or the first in folds.

    Raises
    ------
    DatasetError
        There is no such split, or it is within subjects, which says nothing of others.
    """
    in_folds = [one for one in record.splits if one.by == "fold"]
    if name is None and n_folds is not None:
        in_folds = [one for one in in_folds if one.n_folds == n_folds]
        if not in_folds:
            raise DatasetError(
                f"wanted a split in {n_folds} folds, found none; "
                f"make one with `mavfer dataset split --folds {n_folds}`"
            )
    if name is None:
        scheme = in_folds[0] if in_folds else record.scheme()
    else:
        scheme = record.scheme(name)
        if n_folds is not None and scheme.n_folds != n_folds:
            raise DatasetError(f"wanted {n_folds} folds, split {name!r} has {scheme.n_folds}")
    if scheme.by == "time":
        raise DatasetError(
            f"wanted a split by subjects, found {scheme.name!r} in time, which shows every subject in "
            "training; name another with --split"
        )
    return scheme.name, tuple(range(scheme.n_folds)) if scheme.by == "fold" else (None,)


def work_for(tables: Sequence[Table], *, dataset: Path, runs: Path, settings: Settings) -> Work:
    """Return the jobs of `tables` in the order in which they are worth doing.

    All folds of the first seed come first: of the systems, of Tables IV and VI, then of the other tables;
    then the further seeds of the former, then those of the latter.

    Parameters
    ----------
    runs : the folder that holds the runs
    """
    record = read_record(dataset)
    if not record.built:
        raise DatasetError(f"wanted a dataset with sessions, found none that was built: {dataset}")
    streams = set.intersection(*({str(one) for one in session.streams} for session in record.built))
    hashes = {
        fold: sha256_of_dataset(open_dataset(dataset, split_name=settings.split, fold=fold))
        for fold in settings.folds
    }
    impossible: dict[System, str] = {}
    ranked: dict[System, tuple[bool, int]] = {}
    for rank, table in enumerate(tables):
        for system in table.systems:
            ranked.setdefault(system, (table.name not in CORE, rank))
    jobs: list[tuple[tuple[Any, ...], Job]] = []
    for number, (system, (later, rank)) in enumerate(ranked.items()):
        if missing := [name for name in system.modalities if name not in streams]:
            impossible[system] = f"the dataset has no {' and no '.join(missing)}"
            continue
        for nth, seed in enumerate(settings.seeds):
            for fold in settings.folds:
                config = _config(system, fold=fold, seed=seed, settings=settings)
                try:
                    address = _address(config, hashes[fold])
                except MavferError as error:
                    impossible[system] = str(error)
                    break
                name = f"{system.key}-s{seed}" + ("" if fold is None else f"-f{fold}") + f"-{address[:10]}"
                key = (nth > 0 and later, nth, later, rank, number, -1 if fold is None else fold)
                jobs.append((key, Job(system, fold, seed, config, address, runs / name)))
    ordered = [job for _, job in sorted(jobs, key=lambda one: one[0]) if job.system not in impossible]
    return Work(tuple(ordered), impossible)


def _config(system: System, *, fold: int | None, seed: int, settings: Settings) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "model": system.model,
            "size": settings.size,
            "split": settings.split,
            "fold": fold,
            "dimensions": settings.dimensions,
            "modalities": system.modalities,
            "n_frames": system.n_frames,
            "steps": settings.steps,
            "seed": seed,
            "precision": settings.precision,
            "weights": settings.weights.get(system.model),
            "device": settings.device,
        }
    )


def _address(config: TrainConfig, dataset_sha256: str) -> str:
    recipe = recipe_of(config)
    table = {
        "config": config.model_dump(mode="json", exclude=CHANGES_NOTHING),
        "options": recipe.options.model_dump(mode="json"),
        "inputs": recipe.inputs.model_dump(mode="json"),
        "length": [recipe.epochs, recipe.steps, recipe.batch, recipe.lr, recipe.loss, recipe.optimizer],
        "dataset": dataset_sha256,
        "weights": None if config.weights is None else _sha256_of_weights(config.weights),
    }
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def _sha256_of_weights(name: str) -> str:
    """Return the hash of a file of weights, or of a run's, with its layout where one is named."""
    layout, path = parted(name)
    file = path / WEIGHTS_NAME if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"wanted a file of weights, or a run, to start from, found none: {path}")
    return f"{layout}={sha256_of_file(file)}" if layout else sha256_of_file(file)

"""Datasets in folds, and jobs small enough to be done in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mavfer.model.tables.jobs import Job
from mavfer.model.tables.plan import System
from mavfer.model.training.config import TrainConfig
from mavfer.preprocess.dataset.record import SplitScheme

TINY = {"size_px": 16, "patch_px": 4, "n_values": 32, "n_blocks": 1, "n_heads": 2, "n_frames": 4}
SUBJECTS = ("S01", "S02", "S03", "S04", "S05", "S06")


@pytest.fixture(scope="session")
def folds_dataset(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of six subjects with a split in three folds, `kfold3`, beside the default one."""
    splits = dict(zip(SUBJECTS, ("train", "train", "train", "validation", "test", "test"), strict=True))
    folds = {subject: number % 3 for number, subject in enumerate(SUBJECTS)}
    scheme = SplitScheme(name="kfold3", by="fold", folds=folds)
    path = tmp_path_factory.mktemp("tables") / "dataset"
    return make_dataset(path, splits=splits, n_frames=24, size_px=48, more_splits=[scheme])


@pytest.fixture
def tiny_job(tmp_path: Path) -> Callable[..., Job]:
    """Return what makes a job of a tiny transformer: (name, modalities, and a TrainConfig's fields)."""

    def job(name: str, modalities: tuple[str, ...] = ("color",), **config: Any) -> Job:
        asked = {"model": "transformer", "size": "small", "set": TINY, "modalities": modalities, "steps": 2}
        asked |= {"dimensions": ("valence",), "batch": 2, "device": "cpu", **config}
        found = TrainConfig.model_validate(asked)
        system = System("transformer", modalities)
        return Job(system, found.fold, found.seed, found, name, tmp_path / "runs" / name)

    return job

"""Runs with untrained weights, and faces whose landmarks are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mavfer.model.checkpoint import RunRecord, path_from, sha256_of_dataset, write_run
from mavfer.model.data.classes import QUADRANTS
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.preprocess.dataset.clips import open_dataset
from mavfer.preprocess.rows.template import template_px

SIZE_PX = 48


def drawn_landmarks(size_px: int = SIZE_PX) -> np.ndarray:
    """Return (68, 2) crop pixels: the template's inner landmarks, and a jaw of half an ellipse."""
    turn = np.linspace(np.pi, 0, 17)
    jaw = np.stack([0.5 + 0.36 * np.cos(turn), 0.40 + 0.52 * np.sin(turn)], axis=1) * size_px
    return np.concatenate([jaw, template_px(size_px)]).astype(np.float32)


def put_landmarks(subject: str, columns: dict[str, np.ndarray]) -> None:
    """Give every frame of a subject the drawn landmarks; color is the crop itself."""
    del subject
    n_frames, size_px = columns["color"].shape[:2]
    columns["landmarks"] = np.repeat(drawn_landmarks(size_px)[None], n_frames, axis=0)
    columns["transforms"] = np.repeat(np.eye(2, 3, dtype=np.float32)[None], n_frames, axis=0)


def write_untrained_run(path: Path, dataset: Path, *, seed: int = 0, **config: object) -> Path:
    """Write a run of a small network as training would, with the weights that it begins with."""
    wanted = TrainConfig.model_validate({"size": "small", "seed": seed, **config})
    classes = QUADRANTS if wanted.classes == "quadrants" else ()
    recipe = recipe_of(wanted, n_classes=len(classes))
    torch.manual_seed(seed)
    network = new_network(recipe.model, recipe.options)
    data = open_dataset(dataset)
    path.mkdir(parents=True)
    record = RunRecord(
        model=recipe.model,
        options=recipe.options.model_dump(),
        inputs=recipe.inputs,
        dimensions=wanted.dimensions,
        classes=classes,
        config=wanted,
        loss=recipe.loss,
        n_parameters=sum(p.numel() for p in network.parameters()),
        dataset=path_from(path, dataset),
        dataset_sha256=sha256_of_dataset(data),
        simulated=data.record.simulated,
        split_by=data.split_by,
        training_subjects=tuple(one.subject for one in data.split("train")),
        validation_subjects=tuple(one.subject for one in data.split("validation")),
        training_means=dict.fromkeys(classes or wanted.dimensions, 0.0),
        n_clips=1,
        n_steps=1,
        n_epochs=1,
        kept_epoch=1,
        seconds=1.0,
        device="cpu",
        precision="fp32",
        software={"torch": torch.__version__},
        created_utc="2026-01-01T00:00:00+00:00",
    )
    write_run(path, record=record, state=network.state_dict(), history=[{"epoch": 1.0, "loss": 1.0}])
    return path


@pytest.fixture
def landmarks_px() -> np.ndarray:
    """Return the landmarks of every face here, (68, 2) crop pixels."""
    return drawn_landmarks()


@pytest.fixture(scope="session")
def faces(make_dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with landmarks: two subjects to train on, one to validate, five to test."""
    test = dict.fromkeys(("S04", "S05", "S06", "S07", "S08"), "test")
    splits = {"S01": "train", "S02": "train", "S03": "validation", **test}
    return make_dataset(
        tmp_path_factory.mktemp("faces") / "dataset",
        splits=splits,
        size_px=SIZE_PX,
        n_frames=32,
        change=put_landmarks,
    )


@pytest.fixture
def make_run() -> Callable[..., Path]:
    """Return `write_untrained_run`."""
    return write_untrained_run


@pytest.fixture(scope="session")
def mran_run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an untrained MRAN on `faces`, whose attention is nearly even."""
    options = {"width": 0.0625, "n_frames": 8, "temperature": 2.0}
    return write_untrained_run(tmp_path_factory.mktemp("mran") / "run", faces, model="mran", set=options)


@pytest.fixture(scope="session")
def cnn_run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an untrained CNN, which has no attention, on `faces`."""
    return write_untrained_run(
        tmp_path_factory.mktemp("cnn") / "run", faces, model="cnn", set={"width": 0.0625, "n_frames": 8}
    )

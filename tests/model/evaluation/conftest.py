"""What the tests of model.evaluation score: runs with fresh weights, and predictions drawn at random."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mavfer.model.checkpoint import RunRecord, path_from, sha256_of_dataset, write_run
from mavfer.model.data.classes import read_classes
from mavfer.model.evaluation.classes import ClipClasses
from mavfer.model.evaluation.evaluation_file import Evaluation
from mavfer.model.evaluation.metrics import scores
from mavfer.model.evaluation.postprocess import Chain
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.preprocess.dataset.clips import open_dataset

TINY = {"size_px": 16, "patch_px": 4, "n_values": 32, "n_blocks": 1, "n_heads": 2, "n_frames": 4}


def write_fresh_run(path: Path, dataset: Path, *, pretrained: tuple[str, ...] = (), **config: Any) -> Path:
    """Write a run whose weights are as drawn; its record says that it learned from the dataset's split."""
    asked = TrainConfig.model_validate({"model": "transformer", "size": "small", "set": TINY, **config})
    data = open_dataset(dataset, split_name=asked.split, fold=asked.fold)
    classes = () if asked.classes is None else read_classes(data, asked.classes).names
    recipe = recipe_of(asked, n_classes=len(classes))
    torch.manual_seed(asked.seed)
    network = new_network(recipe.model, recipe.options)
    training = data.split("train")
    means = {
        name: float(np.nanmean(np.concatenate([one.read(name) for one in training]), dtype=np.float64))
        for name in asked.dimensions
    }
    record = RunRecord(
        model=asked.model,
        options=recipe.options.model_dump(mode="json", exclude_none=True),
        inputs=recipe.inputs,
        dimensions=asked.dimensions,
        classes=classes,
        config=asked,
        loss=recipe.loss,
        n_parameters=sum(one.numel() for one in network.parameters()),
        dataset=path_from(path, dataset),
        dataset_sha256=sha256_of_dataset(data),
        simulated=True,
        split_by=data.split_by,
        training_subjects=tuple(sorted({one.subject for one in training})),
        validation_subjects=tuple(sorted({one.subject for one in data.split("validation")})),
        pretrained_subjects=pretrained,
        training_means={name: 1 / len(classes) for name in classes} if classes else means,
        n_clips=1,
        n_steps=0,
        n_epochs=0,
        kept_epoch=0,
        seconds=0.0,
        device="cpu",
        precision="fp32",
        software={},
        created_utc="2026-01-01T00:00:00Z",
    )
    path.mkdir(parents=True)
    write_run(path, record=record, state=network.state_dict(), history=[{"epoch": 0.0}])
    return path


def drawn_session(
    name: str, rng: np.random.Generator, *, quality: float = 0.8, bias: float = 0.0, n_frames: int = 60
) -> SessionPrediction:
    """Return a session of its own subject whose prediction is `quality` truth, the rest slow noise."""
    time_s = np.arange(n_frames) / 4
    truth = 0.5 * np.sin(time_s / 2 + rng.uniform(0, 6)) + rng.normal(0, 0.1)
    noise = 0.4 * np.sin(time_s / 3 + rng.uniform(0, 6))
    predicted = quality * truth + (1 - quality) * noise + bias
    return SessionPrediction(
        session=f"{name}-a",
        subject=name,
        fps=4.0,
        time_s=time_s,
        covered=np.ones(n_frames, bool),
        truth={"valence": truth},
        predicted={"valence": predicted},
        scores={"valence": scores(predicted, truth)},
        processed={"valence": predicted},
    )


def drawn_evaluation(run: Path, sessions: tuple[SessionPrediction, ...], **more: Any) -> Evaluation:
    """Return an evaluation of valence with these sessions."""
    given: dict[str, Any] = {
        "model": "mran",
        "split": "test",
        "split_name": "default",
        "fold": None,
        "seed": 0,
        "dimensions": ("valence",),
        "scores": {},
        "constant": {},
        "chains": {"valence": Chain(ccc_before=0.5, ccc_after=0.5)},
        "fitted_on": "validation subjects S90",
        "training_means": {"valence": 0.1},
        "n_frames": sum(len(one.time_s) for one in sessions),
        "simulated": True,
        "unseen_subjects": True,
    }
    return Evaluation(run=run, sessions=sessions, **(given | more))


def class_session(name: str, truth: list[int], predicted: list[int], n_classes: int) -> SessionPrediction:
    """Return a session whose clips have these classes, each said with a probability of 0.8."""
    probabilities = np.full((len(truth), n_classes), 0.2 / (n_classes - 1))
    probabilities[np.arange(len(truth)), predicted] = 0.8
    n = len(truth)
    return SessionPrediction(
        session=f"{name}-a",
        subject=name,
        fps=4.0,
        time_s=np.arange(4 * n) / 4,
        covered=np.ones(4 * n, bool),
        truth={},
        predicted={},
        scores={},
        clips=ClipClasses(np.arange(n) * 4, np.array(truth, np.int64), probabilities),
    )


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Return `write_fresh_run`."""
    return write_fresh_run


@pytest.fixture(scope="session")
def draw_session() -> Callable[..., SessionPrediction]:
    """Return `drawn_session`."""
    return drawn_session


@pytest.fixture(scope="session")
def draw_evaluation() -> Callable[..., Evaluation]:
    """Return `drawn_evaluation`."""
    return drawn_evaluation


@pytest.fixture(scope="session")
def make_class_session() -> Callable[..., SessionPrediction]:
    """Return `class_session`."""
    return class_session

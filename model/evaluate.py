"""Scores of a trained network on subjects it never saw, beside those of the constant prediction.

Scores are pooled: RMSE, CC and CCC over all frames of all sessions of the split together. Scores per
session are given too, never averaged.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import DatasetError, ModelError
from ..output import new_file
from ..preprocess.dataset.clips import Dataset, open_dataset
from ..preprocess.dataset.record import DEFAULT_SPLIT, Split, read_record
from .baselines import constant_prediction
from .checkpoint import Run, RunRecord, learned_from, open_run, path_from, sha256_of_dataset
from .data import ClipIndex, ClipSource
from .metrics import scores

Scores = dict[str, dict[str, float]]
"""By dimension ("valence", "arousal"), then by metric ("rmse", "cc", "ccc")."""

EVALUATION_NAME = "evaluation.json"


@dataclass(frozen=True, slots=True)
class SessionPrediction:
    """Truth and prediction of one session, by dimension, each (F,) float64; truth is NaN where unknown."""

    session: str
    subject: str
    time_s: NDArray[np.float64]
    truth: dict[str, NDArray[np.float64]]
    predicted: dict[str, NDArray[np.float64]]
    scores: Scores


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a run fares on the test or the validation subjects of a dataset.

    Attributes
    ----------
    split : "test" or "validation";  split_name, fold : of which of the dataset's splits
    scores, constant : pooled over all frames, of the network and of the mean training label
    simulated : whether training or these sessions were simulated
    unseen_subjects : False only where the dataset is split in time, within one subject
    """

    model: str
    split: str
    split_name: str
    fold: int | None
    scores: Scores
    constant: Scores
    sessions: tuple[SessionPrediction, ...]
    n_frames: int
    simulated: bool
    unseen_subjects: bool


def evaluate(
    run: Path,
    *,
    dataset: Path | None = None,
    split: Split = "test",
    split_name: str | None = None,
    fold: int | None = None,
    batch: int = 8,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Return the scores of `run` and write them into RUN/evaluation.json.

    Parameters
    ----------
    dataset : the dataset to score on; the one that the run was trained on where None
    split : "test" or "validation"
    split_name, fold : which of the dataset's splits says who these are. None: the one that the run was
        trained under; of another dataset that has none of that name, or no such fold, the default split
    on_progress : called with the clips done and their number

    Raises
    ------
    ModelError
        The run is damaged, or it was trained on a subject of the split; or it is to be tested on one by
        whom its epoch was chosen.
    DatasetError
        The dataset is missing, or has no such split, stream or label.
    """
    opened = open_run(run)
    record = opened.record
    source_path = dataset if dataset is not None else (opened.path / record.dataset).resolve()
    split_name, fold = _split_used(
        record, source_path, elsewhere=dataset is not None, split_name=split_name, fold=fold
    )
    data = open_dataset(source_path, split_name=split_name, fold=fold)
    _require_unseen(record, data, split)
    source = ClipSource(data.split(split), options=record.inputs, dimensions=record.dimensions)
    clips = source.test_clips()
    clip_scores = predict_clips(opened.network, source, clips, batch=batch, on_progress=on_progress)
    sessions = _session_predictions(source, clips, clip_scores)
    truth = {name: np.concatenate([s.truth[name] for s in sessions]) for name in record.dimensions}
    predicted = {name: np.concatenate([s.predicted[name] for s in sessions]) for name in record.dimensions}
    constant = {
        name: constant_prediction(record.training_means[name], len(truth[name])) for name in record.dimensions
    }
    for name in record.dimensions:
        if not (np.isfinite(truth[name]) & np.isfinite(predicted[name])).any():
            raise DatasetError(f"wanted {name} labels in the {split} split, found none: {source_path}")
    evaluation = Evaluation(
        model=record.model,
        split=split,
        split_name=split_name,
        fold=fold,
        scores={name: scores(predicted[name], truth[name]) for name in record.dimensions},
        constant={name: scores(constant[name], truth[name]) for name in record.dimensions},
        sessions=sessions,
        n_frames=sum(len(s.time_s) for s in sessions),
        simulated=record.simulated or data.record.simulated,
        unseen_subjects=data.split_by == "subject",
    )
    _write(opened, evaluation, data)
    return evaluation


def predict_clips(
    network: nn.Module,
    source: ClipSource,
    clips: Sequence[ClipIndex],
    *,
    batch: int,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Return one score per clip and dimension, (n_clips, n_dimensions); the network is left in its mode."""
    training = network.training
    network.eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(clips), batch):
            found.append(network(source.inputs(clips[first : first + batch], device)).double().cpu().numpy())
            if on_progress is not None:
                on_progress(min(first + batch, len(clips)), len(clips))
    network.train(training)
    return np.concatenate(found) if found else np.zeros((0, len(source.dimensions)))


def pooled_scores(source: ClipSource, clips: Sequence[ClipIndex], clip_scores: NDArray) -> Scores | None:
    """Return the scores over all frames of `source`, None where no frame has a label and a prediction."""
    sessions = _session_predictions(source, clips, clip_scores)
    pooled = {}
    for name in source.dimensions:
        truth = np.concatenate([s.truth[name] for s in sessions])
        predicted = np.concatenate([s.predicted[name] for s in sessions])
        if not (np.isfinite(truth) & np.isfinite(predicted)).any():
            return None
        pooled[name] = scores(predicted, truth)
    return pooled


def _session_predictions(
    source: ClipSource, clips: Sequence[ClipIndex], clip_scores: NDArray
) -> tuple[SessionPrediction, ...]:
    found = []
    series = source.frame_predictions(clips, clip_scores)
    for session, labels, predicted in zip(source.sessions, source.labels, series, strict=True):
        truth = {name: labels[:, i].astype(np.float64) for i, name in enumerate(source.dimensions)}
        shown = {name: predicted[:, i] for i, name in enumerate(source.dimensions)}
        known = [n for n in truth if (np.isfinite(truth[n]) & np.isfinite(shown[n])).any()]
        found.append(
            SessionPrediction(
                session=session.id,
                subject=session.subject,
                time_s=session.read("time_s"),
                truth=truth,
                predicted=shown,
                scores={name: scores(shown[name], truth[name]) for name in known},
            )
        )
    return tuple(found)


def _split_used(
    record: RunRecord, source: Path, *, elsewhere: bool, split_name: str | None, fold: int | None
) -> tuple[str, int | None]:
    """Return the split and fold to score on; of another dataset that lacks the run's, the default."""
    own = record.config.split, record.config.fold
    if split_name is None and elsewhere and not _has(source, *own):
        return DEFAULT_SPLIT, fold
    if split_name is None or split_name == own[0]:
        return own[0], own[1] if fold is None else fold
    return split_name, fold


def _has(dataset: Path, name: str, fold: int | None) -> bool:
    schemes = [scheme for scheme in read_record(dataset).splits if scheme.name == name]
    return any((-1 if fold is None else fold) < scheme.n_folds for scheme in schemes)


def _require_unseen(record: RunRecord, data: Dataset, split: str) -> None:
    if split == "train":
        raise ModelError(
            f"wanted split 'test' or 'validation', found 'train', which the run has seen: {data.path}"
        )
    sessions = [session for session in data.sessions if session.split == split]
    if not sessions:
        raise DatasetError(
            f"wanted sessions in the {split!r} split, found none; rebuild it with more subjects: {data.path}"
        )
    if data.split_by == "time" and learned_from(record, data):
        return
    scored = {session.subject for session in sessions}
    for how, known in (
        ("it was trained on", record.training_subjects),
        ("its epoch was chosen by", record.validation_subjects if split == "test" else ()),
    ):
        names = {subject.casefold() for subject in known}
        if seen := sorted(subject for subject in scored if subject.casefold() in names):
            raise ModelError(
                f"wanted subjects that the run never saw, {how} {', '.join(seen)}; "
                f"evaluate on another split or dataset: {data.path}"
            )


def _write(run: Run, evaluation: Evaluation, data: Dataset) -> None:
    def listed(series: dict[str, NDArray[np.float64]]) -> dict[str, list[float | None]]:
        return {
            name: [round(float(value), 6) if np.isfinite(value) else None for value in values]
            for name, values in series.items()
        }

    page = {
        "schema_version": 2,
        "model": evaluation.model,
        "split": evaluation.split,
        "split_name": evaluation.split_name,
        "fold": evaluation.fold,
        "dataset": path_from(run.path, data.path),
        "dataset_sha256": sha256_of_dataset(data),
        "simulated": evaluation.simulated,
        "unseen_subjects": evaluation.unseen_subjects,
        "n_frames": evaluation.n_frames,
        "scores": evaluation.scores,
        "constant": evaluation.constant,
        "sessions": [
            {
                "session": s.session,
                "subject": s.subject,
                "scores": s.scores,
                "time_s": [round(float(t), 6) for t in s.time_s],
                "truth": listed(s.truth),
                "predicted": listed(s.predicted),
            }
            for s in evaluation.sessions
        ],
    }
    with new_file(run.path / EVALUATION_NAME, overwrite=True) as temporary:
        temporary.write_text(json.dumps(page, indent=1, allow_nan=False) + "\n", encoding="utf-8")

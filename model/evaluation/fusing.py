"""Late fusion: the predictions of several runs joined into one, by weights that validation subjects give.

Sun et al., MuSe 2020, train a network per modality and fuse their predictions by a second small model; only
the abstract is at hand, so what that model is, is a choice here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import tomlkit
import torch
from numpy.typing import NDArray

from ...errors import DatasetError, ModelError
from ...output import new_folder
from ...preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ..checkpoint import FUSION_NAME, Run, learned_from, open_run, path_from, sha256_of_dataset
from ..data.opening import source_of
from .evaluate import summed_up
from .evaluation_file import EVALUATION_NAME, Evaluation, write_evaluation
from .metrics import ccc, scores
from .predicting import predict_clips
from .series import SessionPrediction, known_pairs, session_predictions
from .unseen import sessions_to_fit_on, unseen_sessions

RIDGE = 0.1
"""How much it costs to leave the plain mean, as a share of the predictions' mean variance."""

By = Literal["mean", "ccc", "ridge"]


@dataclass(frozen=True, slots=True)
class Fusion:
    """fused = bias + sum of weights * predictions, for one dimension; `weights` in the order of the runs."""

    weights: tuple[float, ...]
    bias: float = 0.0

    def applied(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (F,) from (n_runs, F)."""
        return self.bias + np.asarray(self.weights) @ predicted


def fit_fusion(predicted: NDArray[np.float64], truth: NDArray[np.float64], *, by: By) -> Fusion:
    """Return how to join the predictions of several runs.

    Parameters
    ----------
    predicted, truth : (n_runs, F) and (F,) float64; frames where any is NaN are left out
    by : "mean"; "ccc", weights in the ratio of each run's CCC, none below 0; "ridge", the least squares
        that are drawn to the mean, with a bias
    """
    n = len(predicted)
    equal = np.full(n, 1 / n)
    known = np.isfinite(truth) & np.isfinite(predicted).all(0)
    if by == "mean" or not known.any():
        return Fusion(tuple(equal.tolist()))
    p, t = predicted[:, known], truth[known]
    if by == "ccc":
        agreed = np.array([max(0.0, ccc(one, t)) for one in p])
        weights = agreed / agreed.sum() if agreed.sum() > 0 else equal
        return Fusion(tuple(weights.tolist()))
    centered, wanted = p - p.mean(1, keepdims=True), t - t.mean()
    penalty = RIDGE * max(centered.var(1).mean(), 1e-12) * np.eye(n)
    weights = np.linalg.solve(
        centered @ centered.T / len(t) + penalty, centered @ wanted / len(t) + penalty @ equal
    )
    return Fusion(tuple(weights.tolist()), float(t.mean() - weights @ p.mean(1)))


def fuse_runs(
    runs: Sequence[Path],
    *,
    out: Path,
    by: By = "ccc",
    batch: int = 8,
    device: Literal["auto", "cpu"] = "auto",
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Return how the fused predictions fare on the test subjects; written to OUT/evaluation.json.

    Weights are fitted on the validation subjects, one set per dimension, and stand in OUT/fusion.toml.

    Parameters
    ----------
    runs : two or more of one dataset, split and fold, that predict the same dimensions
    on_progress : called with the runs done and their number

    Raises
    ------
    ModelError
        The runs do not belong together, tell classes, or have seen a test subject.
    DatasetError
        Their dataset is missing, or has no validation subjects.
    """
    if len(runs) < 2:
        raise ModelError(f"wanted two runs or more to fuse, found {len(runs)}")
    opened = [open_run(run) for run in runs]
    first = opened[0].record
    path = (opened[0].path / first.dataset).resolve()
    data = open_dataset(path, split_name=first.config.split, fold=first.config.fold)
    for one in opened:
        _require_kin(one, opened[0], data)
    scored = unseen_sessions(first, data, "test")
    fitted_on = sessions_to_fit_on(first, data, "validation", scored)
    if not fitted_on and by != "mean":
        raise DatasetError(
            f"wanted validation subjects to fit the weights on, found none; fuse by mean: {path}"
        )
    on_device = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else "cpu")
    validation, test = [], []
    for number, one in enumerate(opened):
        unseen_sessions(one.record, data, "test")
        one.network.to(on_device)
        validation.append(_predictions(one, fitted_on, data, batch=batch, device=on_device))
        test.append(_predictions(one, scored, data, batch=batch, device=on_device))
        one.network.cpu()  # the next one may want the room
        if on_progress is not None:
            on_progress(number + 1, len(opened))
    fusions = {name: _fitted(validation, name, by=by) for name in first.dimensions}
    sessions = tuple(_fused(parts, fusions) for parts in zip(*test, strict=True))
    for name in first.dimensions:
        if not known_pairs(sessions, name):
            raise DatasetError(
                f"wanted a test session with {name} labels in which every run has a clip, found none: {path}"
            )
    with new_folder(out, marker=EVALUATION_NAME, overwrite=overwrite) as folder:
        evaluation = summed_up(
            Evaluation(
                run=folder,
                model="fused " + ", ".join(dict.fromkeys(one.record.model for one in opened)),
                split="test",
                split_name=first.config.split,
                fold=first.config.fold,
                seed=first.config.seed,
                dimensions=first.dimensions,
                scores={},
                constant={},
                fitted_on="none: fused predictions are not post-processed",
                training_means=first.training_means,
                sessions=sessions,
                n_frames=sum(len(one.time_s) for one in sessions),
                simulated=data.record.simulated or any(one.record.simulated for one in opened),
                unseen_subjects=data.split_by == "subject",
            )
        )
        write_evaluation(
            evaluation, dataset=path_from(out, data.path), dataset_sha256=sha256_of_dataset(data)
        )
        table = {
            "by": by,
            "runs": [path_from(out, run) for run in runs],
            "fitted_on": sorted({session.subject for session in fitted_on}),
            "weights": {name: list(one.weights) for name, one in fusions.items()},
            "bias": {name: one.bias for name, one in fusions.items()},
        }
        (folder / FUSION_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")
    return replace(evaluation, run=out)


def read_fusion(folder: Path) -> dict[str, Fusion]:
    """Return by dimension how the predictions in `folder` were fused, weights in the order of runs."""
    table = tomlkit.parse((folder / FUSION_NAME).read_text(encoding="utf-8")).unwrap()
    return {name: Fusion(tuple(own), table["bias"][name]) for name, own in table["weights"].items()}


def _require_kin(one: Run, first: Run, data: Dataset) -> None:
    """Raise ModelError where two runs do not answer the same question of the same subjects."""
    record, other = one.record, first.record
    if record.classes or not record.dimensions:
        raise ModelError(f"wanted runs that predict dimensions, {record.model} does not: {one.path}")
    for what, found, wanted in (
        ("dimensions", record.dimensions, other.dimensions),
        ("split", record.config.split, other.config.split),
        ("fold", record.config.fold, other.config.fold),
    ):
        if found != wanted:
            raise ModelError(f"wanted {what} {wanted!r} as in {first.path.name}, found {found!r}: {one.path}")
    if not learned_from(record, data):
        raise ModelError(
            f"wanted a run of the dataset {data.path.name} as it is now, found one of another: {one.path}"
        )


def _predictions(
    run: Run, sessions: Sequence[DatasetSession], data: Dataset, *, batch: int, device: torch.device
) -> tuple[SessionPrediction, ...]:
    source = source_of(run.record, sessions, data)
    clips = source.test_clips()
    found = predict_clips(run.network, source, clips, batch=batch, device=device)
    return session_predictions(source, clips, found)


def _fitted(predictions: Sequence[Sequence[SessionPrediction]], name: str, *, by: By) -> Fusion:
    if not predictions[0]:
        return fit_fusion(np.zeros((len(predictions), 0)), np.zeros(0), by="mean")
    predicted = np.stack([np.concatenate([one.predicted[name] for one in run]) for run in predictions])
    return fit_fusion(predicted, np.concatenate([one.truth[name] for one in predictions[0]]), by=by)


def _fused(parts: Sequence[SessionPrediction], fusions: dict[str, Fusion]) -> SessionPrediction:
    """Return one session's prediction from those of every run."""
    first = parts[0]
    predicted = {
        name: fusion.applied(np.stack([part.predicted[name] for part in parts]))
        for name, fusion in fusions.items()
    }
    return replace(
        first,
        covered=np.logical_or.reduce([part.covered for part in parts]),
        predicted=predicted,
        processed={},
        scores={
            name: scores(predicted[name], first.truth[name])
            for name in first.scores
            if np.isfinite(predicted[name] + first.truth[name]).any()
        },
    )

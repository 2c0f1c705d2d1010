"""Scores of a trained network on subjects it never saw, beside those of the constant prediction.

The paper's protocol (sections V-A and V-B): clips that overlap by half, their predictions averaged frame by
frame, frames without a face interpolated; RMSE, CC and CCC over all frames together, before and after
post-processing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from ...errors import DatasetError
from ...preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ...preprocess.dataset.record import Split
from ..card import write_card
from ..checkpoint import Run, RunRecord, open_run, path_from, sha256_of_dataset
from ..data.opening import source_of
from .bootstrap import intervals
from .classes import BY_CLIP, BY_SESSION
from .constant import constant_sessions
from .evaluation_file import Evaluation, Intervals, write_evaluation
from .metrics import scores
from .postprocess import Chain, FitOn, fit_chain
from .predicting import predict_clips
from .series import SessionPrediction, known_pairs, pooled_series, session_predictions
from .sums import sums_of
from .unseen import sessions_to_fit_on, split_used, unseen_sessions

Progress = Callable[[int, int], None]


def evaluate(
    run: Path,
    *,
    dataset: Path | None = None,
    split: Split = "test",
    split_name: str | None = None,
    fold: int | None = None,
    batch: int = 8,
    postprocess_on: FitOn = "validation",
    device: Literal["auto", "cpu"] = "auto",
    on_progress: Progress | None = None,
) -> Evaluation:
    """Return the scores of `run`, write them into RUN/evaluation.json, and its model card with them.

    Parameters
    ----------
    dataset : the dataset to score on; the one that the run was trained on where None
    split : "test" or "validation"
    split_name, fold : which of the dataset's splits says who these are. None: the one that the run was
        trained under; of another dataset that has none of that name, or no such fold, the default split
    batch : clips per pass
    postprocess_on : whose predictions the post-processing is fitted on, of the run's own dataset. Those who
        are scored are never among them; "none" saves the time
    device : "auto" takes a GPU where there is one
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
    own_path = (opened.path / record.dataset).resolve()
    path = dataset if dataset is not None else own_path
    split_name, fold = split_used(
        record, path, elsewhere=dataset is not None, split_name=split_name, fold=fold
    )
    data = open_dataset(path, split_name=split_name, fold=fold)
    scored = unseen_sessions(record, data, split)
    predict = _Predictor(opened, batch=batch, device=device, on_progress=on_progress)
    chains, fitted_on = _fitted(predict, own_path, scored, split=split, fit_on=postprocess_on)
    sessions = predict(scored, data)
    for name in record.dimensions if not record.classes else ():
        if not known_pairs(sessions, name):
            raise DatasetError(f"wanted {name} labels in the {split} split, found none: {path}")
    evaluation = summed_up(
        Evaluation(
            run=run,
            model=record.model,
            split=split,
            split_name=split_name,
            fold=fold,
            seed=record.config.seed,
            dimensions=() if record.classes else record.dimensions,
            class_names=record.classes,
            scores={},
            constant={},
            chains=chains,
            fitted_on=fitted_on,
            training_means=record.training_means,
            sessions=_processed(sessions, chains),
            n_frames=sum(len(one.time_s) for one in sessions),
            simulated=record.simulated or data.record.simulated,
            unseen_subjects=data.split_by == "subject",
        )
    )
    write_evaluation(evaluation, dataset=path_from(run, data.path), dataset_sha256=sha256_of_dataset(data))
    write_card(run)
    return evaluation


def summed_up(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation with the scores and intervals that its sessions' series come to.

    Raises
    ------
    DatasetError
        No clip of a network of classes has a known class.
    """
    sessions, names, n_classes = evaluation.sessions, evaluation.dimensions, len(evaluation.class_names)
    blind = constant_sessions(
        sessions, training_means=evaluation.training_means, class_names=evaluation.class_names
    )
    if evaluation.class_names:
        whole = any(one.clips is not None and one.clips.session_truth >= 0 for one in sessions)
        names = (BY_CLIP, BY_SESSION) if whole else (BY_CLIP,)
        return replace(
            evaluation,
            scores={name: sums_of([sessions], name, n_classes=n_classes).scores() for name in names},
            constant={name: sums_of([blind], name, n_classes=n_classes).scores() for name in names},
            intervals=_intervals(sessions, names, n_classes=n_classes),
        )
    after = [name for name in names if name in evaluation.chains]
    return replace(
        evaluation,
        scores={name: scores(*pooled_series(sessions, name)) for name in names},
        constant={name: scores(*pooled_series(blind, name)) for name in names},
        intervals=_intervals(sessions, names),
        processed={name: scores(*pooled_series(sessions, name, processed=True)) for name in after},
        processed_intervals=_intervals(sessions, after, processed=True),
    )


class _Predictor:
    """A run that predicts the sessions of one split after another, and tells how far it is."""

    def __init__(
        self, run: Run, *, batch: int, device: Literal["auto", "cpu"], on_progress: Progress | None
    ) -> None:
        self.record: RunRecord = run.record
        on_gpu = device == "auto" and torch.cuda.is_available()
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self._network = run.network.to(self._device)
        self._batch = batch
        self._on_progress = on_progress
        self._done = 0

    def __call__(self, sessions: Sequence[DatasetSession], data: Dataset) -> tuple[SessionPrediction, ...]:
        source = source_of(self.record, sessions, data)
        clips = source.test_clips()
        before = self._done

        def show(done: int, total: int) -> None:
            self._done = before + done
            if self._on_progress is not None:
                self._on_progress(self._done, before + total)

        found = predict_clips(
            self._network, source, clips, batch=self._batch, device=self._device, on_progress=show
        )
        return session_predictions(source, clips, found)


def _fitted(
    predict: _Predictor, own_path: Path, scored: tuple[DatasetSession, ...], *, split: Split, fit_on: FitOn
) -> tuple[dict[str, Chain], str]:
    """Return the chains by dimension, and what they were fitted on or why there are none."""
    record = predict.record
    if record.classes:
        return {}, "none: classes are not post-processed"
    if fit_on == "none":
        return {}, "none: it was not asked for"
    if fit_on == split:
        return {}, f"none: it would be fitted on the {split} subjects, who are scored"
    try:
        own = open_dataset(own_path, split_name=record.config.split, fold=record.config.fold)
    except DatasetError as error:
        return {}, f"none: the run's own dataset is not at hand ({error})"
    sessions = sessions_to_fit_on(record, own, fit_on, scored)
    if not sessions:
        return {}, f"none: no {fit_on} subjects are left who are not scored; another choice is --fit-on"
    predicted = predict(sessions, own)
    found = {name: chain for name in record.dimensions if (chain := fit_chain(predicted, name)) is not None}
    subjects = sorted({session.subject for session in sessions})
    if not found:
        return {}, f"none: {fit_on} subjects {', '.join(subjects)} have no label"
    return found, f"{fit_on} subjects {', '.join(subjects)}"


def _processed(
    sessions: tuple[SessionPrediction, ...], chains: dict[str, Chain]
) -> tuple[SessionPrediction, ...]:
    return tuple(
        replace(
            one,
            processed={
                name: chain.applied(one.predicted[name], fps=one.fps) for name, chain in chains.items()
            },
        )
        for one in sessions
    )


def _intervals(
    sessions: Sequence[SessionPrediction],
    names: Sequence[str],
    *,
    processed: bool = False,
    n_classes: int = 0,
) -> Intervals:
    found = {
        name: intervals(sums_of([sessions], name, processed=processed, n_classes=n_classes)) for name in names
    }
    return {name: limits for name, limits in found.items() if limits}

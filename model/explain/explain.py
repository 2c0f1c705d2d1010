"""What can be found out about a run on subjects it never saw: where it looks, how far it can be believed.

This file finds it; page.py and page_errors.py show it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DatasetError, ModelError
from ...preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ...preprocess.dataset.record import Split
from ..checkpoint import Run, open_run
from ..data.opening import source_of
from ..data.source import ClipIndex, ClipSource
from ..evaluation.predicting import predict_clips
from ..evaluation.series import SessionPrediction, known_pairs, session_predictions
from ..evaluation.unseen import split_used, unseen_sessions
from .attention import Maps, maps_of_clips
from .deletion import Deletion, delete
from .errors import ClassErrors, Errors, class_errors, groups_of, per_group, per_subject
from .regions import RegionShares, by_subject, crop_landmarks, shares_of
from .reliability import Reliability, class_reliability, reliability_of
from .saliency import maps_of
from .telling import MapSums, added, pixels_that_tell, sums_of
from .worst import ClipError, worst_clips

SUBJECT = "subject"
CLASSES = "class"
"""What calibration and errors are filed under, of a network of classes."""

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it, of how much)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Where a network looks.

    Attributes
    ----------
    how : "attention", the network's own, or "gradient", times the input
    maps : gives it
    shares : per subject with landmarks
    sums : of the maps, per subject
    tells : {dimension: {stream: how far each pixel follows the label, (S, S)}}; empty of classes
    deletion : of `n_deleted` clips
    """

    how: str
    maps: Maps
    shares: tuple[RegionShares, ...]
    sums: tuple[MapSums, ...]
    tells: Mapping[str, Mapping[str, NDArray[np.float32]]]
    deletion: Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What was found out.

    Attributes
    ----------
    split, split_name, fold : whose frames these are
    source, clips, sessions : what was predicted
    looking : None of a network that sees no pixels
    reliability : by dimension, or under `CLASSES`
    subjects : by dimension; empty of classes
    groups : {attribute: {dimension: errors by group}}; empty of classes, or without a table of subjects
    told_right : of classes, by "subject" and by every attribute that the table of subjects has
    worst : clips, the worst first
    simulated : whether training or these sessions were simulated
    """

    run: Run
    data: Dataset
    split: str
    split_name: str
    fold: int | None
    source: ClipSource
    clips: tuple[ClipIndex, ...]
    sessions: tuple[SessionPrediction, ...]
    looking: Looking | None
    reliability: dict[str, Reliability]
    subjects: dict[str, list[Errors]]
    groups: dict[str, dict[str, list[Errors]]]
    told_right: dict[str, list[ClassErrors]]
    worst: tuple[ClipError, ...]
    simulated: bool

    def session_of(self, clip: ClipIndex) -> DatasetSession:
        """Return the session that a clip belongs to."""
        return self.source.sessions[clip.session]


def find_out(
    run: Path,
    *,
    dataset: Path | None = None,
    split: Split = "test",
    split_name: str | None = None,
    fold: int | None = None,
    n_deleted: int = 16,
    n_worst: int = 6,
    seed: int = 0,
    device: Literal["auto", "cpu"] = "auto",
    on_progress: Progress | None = None,
) -> Explained:
    """Return what can be found out about a run on the test or validation subjects of a dataset.

    Deletion takes most of the time: about 150 passes forward per clip.

    Parameters
    ----------
    dataset, split, split_name, fold : as in `evaluation.evaluate`, with the same refusals
    n_deleted : clips whose cells are blanked, spread over the sessions
    seed : of the orders that are drawn
    device : "auto" takes a GPU where there is one; the network of what is returned stays there

    Raises
    ------
    ModelError, DatasetError
        As `evaluation.evaluate`; or no clip or no label is to be found.
    """
    opened = open_run(run)
    record = opened.record
    path = dataset if dataset is not None else (opened.path / record.dataset).resolve()
    split_name, fold = split_used(
        record, path, elsewhere=dataset is not None, split_name=split_name, fold=fold
    )
    data = open_dataset(path, split_name=split_name, fold=fold)
    source = source_of(record, unseen_sessions(record, data, split), data)
    clips = source.test_clips()
    if not clips:
        raise DatasetError(
            f"wanted clips of {source.options.n_frames} valid frames in the {split} split, found none: {path}"
        )
    on_device = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else "cpu")
    opened.network.to(on_device)
    told = _named(on_progress, "predicting")
    scores = predict_clips(opened.network, source, clips, batch=8, device=on_device, on_progress=told)
    sessions = session_predictions(source, clips, scores)
    reliability, subjects, groups = _errors(sessions, source, data, split)
    looking = None
    if not record.inputs.features:
        looking = _looking(
            opened, source, clips, n_deleted=n_deleted, seed=seed, device=on_device, on_progress=on_progress
        )
    return Explained(
        run=opened,
        data=data,
        split=split,
        split_name=split_name,
        fold=fold,
        source=source,
        clips=tuple(clips),
        sessions=sessions,
        looking=looking,
        reliability=reliability,
        subjects=subjects,
        groups=groups,
        told_right={} if source.classes is None else _told_right(sessions, data),
        worst=tuple(worst_clips(source, clips, sessions, n_shown=n_worst)),
        simulated=record.simulated or data.record.simulated,
    )


def clip_map(found: Explained, clip: ClipIndex) -> NDArray[np.float32]:
    """Return where the network looks in one clip, (T, S, S), mean 1 per frame.

    Raises
    ------
    ModelError
        The network sees features, and looks nowhere.
    """
    if found.looking is None:
        raise ModelError(f"wanted a network that sees pixels, {found.run.record.model} sees features")
    device = next(found.run.network.parameters()).device
    return next(maps_of_clips(found.looking.maps, found.source, [clip], device=device))


def spread(clips: Sequence[ClipIndex], n: int) -> list[ClipIndex]:
    """Return at most `n` clips, equally many of each session where there are, evenly spread over it."""
    numbers = sorted({clip.session for clip in clips})
    found: list[ClipIndex] = []
    for place, number in enumerate(numbers):
        own = [clip for clip in clips if clip.session == number]
        wanted = (n - len(found)) // (len(numbers) - place)
        picked = np.linspace(0, len(own) - 1, min(wanted, len(own)) + 2).round().astype(int)[1:-1]
        found += [own[i] for i in sorted(set(picked.tolist()))]
    return found


def _errors(
    sessions: tuple[SessionPrediction, ...], source: ClipSource, data: Dataset, split: str
) -> tuple[dict[str, Reliability], dict[str, list[Errors]], dict[str, dict[str, list[Errors]]]]:
    if source.classes is not None:
        if not any(one.clips is not None and (one.clips.truth >= 0).any() for one in sessions):
            raise DatasetError(f"wanted classes in the {split} split, found none: {data.path}")
        return {CLASSES: class_reliability(sessions)}, {}, {}
    for name in source.dimensions:
        if not known_pairs(sessions, name):
            raise DatasetError(f"wanted {name} labels in the {split} split, found none: {data.path}")
    attributes = groups_of(data.path, sorted({one.subject for one in sessions}))
    return (
        {name: reliability_of(sessions, name) for name in source.dimensions},
        {name: per_subject(sessions, name) for name in source.dimensions},
        {
            attribute: {name: per_group(sessions, name, groups) for name in source.dimensions}
            for attribute, groups in attributes.items()
        },
    )


def _told_right(sessions: tuple[SessionPrediction, ...], data: Dataset) -> dict[str, list[ClassErrors]]:
    attributes = groups_of(data.path, sorted({one.subject for one in sessions}))
    by_group = {attribute: class_errors(sessions, groups) for attribute, groups in attributes.items()}
    return {SUBJECT: class_errors(sessions)} | by_group


def _looking(
    run: Run,
    source: ClipSource,
    clips: Sequence[ClipIndex],
    *,
    n_deleted: int,
    seed: int,
    device: torch.device,
    on_progress: Progress | None,
) -> Looking:
    how, maps = maps_of(run)
    landmarks = [crop_landmarks(session) for session in source.sessions]
    told = _named(on_progress, "looking")
    shares, sums = [], []
    found = maps_of_clips(maps, source, clips, device=device)
    for done, (clip, one) in enumerate(zip(clips, found, strict=True), start=1):
        points = landmarks[clip.session][clip.start : clip.start + len(one)]
        subject = source.sessions[clip.session].subject
        shares.append(shares_of(subject, one, points))
        sums.append(sums_of(subject, one))
        if told is not None:
            told(done, len(clips))
    picked = spread(clips, n_deleted)
    told = _named(on_progress, "blanking")
    deletion = delete(run.network, maps, source, picked, seed=seed, device=device, on_progress=told)
    streams = [name for name in source.options.modalities if name != "landmarks"]
    dimensions = () if source.classes is not None else source.dimensions
    return Looking(
        how=how,
        maps=maps,
        shares=tuple(by_subject(shares)),
        sums=added(sums),
        tells=pixels_that_tell(source.sessions, streams, dimensions),
        deletion=deletion,
    )


def _named(on_progress: Progress | None, title: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(title, done, total)

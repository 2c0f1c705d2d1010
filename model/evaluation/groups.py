"""Networks by demographic group, scored: each subject by the network of their own group.

Beside it stands what the network of stage one says of the same subjects, so that it shows whether the groups'
own training helped. Subjects of unknown value, or of a value that had no training subjects, get stage one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch

from ...errors import DatasetError
from ...output import new_file
from ...preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ...preprocess.dataset.record import Split
from ..checkpoint import open_run, path_from, read_run_record, sha256_of_dataset
from ..data.attributes import Attributes, read_attributes
from ..data.opening import source_of
from ..training.groups_file import STAGE_ONE, GroupsRecord, read_groups
from .bootstrap import MIN_SUBJECTS, drawn_subjects
from .bootstrap import limits as limits_of
from .classes import BY_CLIP
from .predicting import predict_clips
from .series import Scores, SessionPrediction, session_predictions
from .sums import sums_of
from .unseen import split_used, unseen_sessions

EVALUATION_NAME = "evaluation-groups.json"
SCHEMA_VERSION = 1
Limits = dict[str, dict[str, tuple[float, float]]]
"""By what is predicted, then by measure: the limits of 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScores:
    """How the subjects of one group fare, or all of them.

    Attributes
    ----------
    value : of the attribute; None of the subjects of whom it is not known, "all" of everybody
    run : the folder of the network that they are scored by; of everybody ""
    fine_tuned : whether that network has learned from the group by itself; of everybody False
    subjects : who is scored;  n_frames : of their sessions
    scores, stage_one : pooled over the group's frames (of classes, clips), by the group's network and by
        stage one's; empty where nothing of the group is labelled
    """

    value: str | None
    run: str
    fine_tuned: bool
    subjects: tuple[str, ...]
    n_frames: int
    scores: Scores
    stage_one: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsEvaluation:
    """How the networks by group fare on the test or the validation subjects of a dataset.

    Attributes
    ----------
    by : the attribute
    split : "test" or "validation";  split_name, fold : of which of the dataset's splits
    groups : by value, those of unknown value last
    together : everybody, each by their own group's network
    gain : limits of 95 % of `together.scores` less `together.stage_one`, over draws of subjects; empty with
        fewer than five subjects
    simulated : whether training or these sessions were simulated
    unseen_subjects : False only where the dataset is split in time, within one subject
    """

    by: str
    split: str
    split_name: str
    fold: int | None
    groups: tuple[GroupScores, ...]
    together: GroupScores
    gain: Limits = field(default_factory=dict)
    simulated: bool
    unseen_subjects: bool


def evaluate_groups(
    path: Path,
    *,
    dataset: Path | None = None,
    split: Split = "test",
    split_name: str | None = None,
    fold: int | None = None,
    batch: int = 8,
    device: Literal["auto", "cpu"] = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> GroupsEvaluation:
    """Return the scores of the networks in the folder `path` of `fine_tune`, and write them beside these.

    Parameters
    ----------
    dataset : to score on; None: the one that was trained on
    split, split_name, fold : whom to score; see `evaluate.evaluate`
    batch : clips per pass
    on_progress : called with the sessions done and their number, each counted once per network

    Raises
    ------
    ModelError
        A network is missing or damaged, or has seen a subject of the split.
    DatasetError
        The dataset is missing, does not say who belongs where, or has no such split, stream or label.
    """
    groups = read_groups(path)
    first = read_run_record(path / STAGE_ONE)
    source_path = dataset if dataset is not None else (path / STAGE_ONE / first.dataset).resolve()
    split_name, fold = split_used(
        first, source_path, elsewhere=dataset is not None, split_name=split_name, fold=fold
    )
    data = open_dataset(source_path, split_name=split_name, fold=fold)
    attributes = read_attributes(source_path, (groups.by,))
    for group in groups.groups:
        unseen_sessions(read_run_record(path / group.run), data, split)
    scored = _by_value(unseen_sessions(first, data, split), attributes, groups.by)
    said = _said(path, groups, scored, data, batch=batch, device=device, on_progress=on_progress)
    own = [said[groups.run_of(value)][one.id] for value, sessions in scored.items() for one in sessions]
    stage_one = [said[STAGE_ONE][one.session] for one in own]
    together = _row("all", own, stage_one, run="", classes=first.classes)
    if not together.scores:
        raise DatasetError(f"wanted labels in the {split} split, found none: {source_path}")
    rows = []
    for value, sessions in scored.items():
        run = groups.run_of(value)
        pairs = [(said[run][one.id], said[STAGE_ONE][one.id]) for one in sessions]
        rows.append(_row(value, [a for a, _ in pairs], [b for _, b in pairs], run=run, classes=first.classes))
    evaluation = GroupsEvaluation(
        by=groups.by,
        split=split,
        split_name=split_name,
        fold=fold,
        groups=tuple(rows),
        together=together,
        gain=_gain(own, stage_one, together.scores, len(first.classes)),
        simulated=groups.simulated or data.record.simulated,
        unseen_subjects=data.split_by == "subject",
    )
    _write(path, evaluation, data)
    return evaluation


def _by_value(
    sessions: Sequence[DatasetSession], attributes: Attributes, by: str
) -> dict[str | None, list[DatasetSession]]:
    """Return the sessions by the value of their subject, sorted, None last."""
    found: dict[str | None, list[DatasetSession]] = {}
    for value in (*attributes.classes(by), None):
        own = [session for session in sessions if attributes.value(session.subject, by) == value]
        if own:
            found[value] = own
    return found


def _said(
    path: Path,
    groups: GroupsRecord,
    scored: Mapping[str | None, Sequence[DatasetSession]],
    data: Dataset,
    *,
    batch: int,
    device: Literal["auto", "cpu"],
    on_progress: Callable[[int, int], None] | None,
) -> dict[str, dict[str, SessionPrediction]]:
    """Return what stage one says of every session and each group's network of its own: by run, by session."""
    by_run = {STAGE_ONE: [one for sessions in scored.values() for one in sessions]}
    for value, sessions in scored.items():
        if (name := groups.run_of(value)) != STAGE_ONE:
            by_run[name] = list(sessions)
    on_device = torch.device("cuda" if device == "auto" and torch.cuda.is_available() else "cpu")
    done, n_sessions = 0, sum(map(len, by_run.values()))
    said = {}
    for name, sessions in by_run.items():
        opened = open_run(path / name)
        source = source_of(opened.record, sessions, data)
        clips = source.test_clips()
        found = predict_clips(opened.network.to(on_device), source, clips, batch=batch, device=on_device)
        said[name] = {one.session: one for one in session_predictions(source, clips, found)}
        done += len(sessions)
        if on_progress is not None:
            on_progress(done, n_sessions)
    return said


def _row(
    value: str | None,
    own: Sequence[SessionPrediction],
    stage_one: Sequence[SessionPrediction],
    *,
    run: str,
    classes: tuple[str, ...],
) -> GroupScores:
    return GroupScores(
        value=value,
        run=run,
        fine_tuned=run not in ("", STAGE_ONE),
        subjects=tuple(sorted({one.subject for one in own})),
        n_frames=sum(len(one.time_s) for one in own),
        scores=_scores(own, classes),
        stage_one=_scores(stage_one, classes),
    )


def _scores(sessions: Sequence[SessionPrediction], classes: tuple[str, ...]) -> Scores:
    """Return the pooled scores of what is labelled."""
    names = (BY_CLIP,) if classes else tuple(sessions[0].truth)
    found: Scores = {}
    for name in names:
        if any(one.scores.get(name) for one in sessions):
            found[name] = sums_of([sessions], name, n_classes=len(classes)).scores()
    return found


def _gain(
    own: Sequence[SessionPrediction], first: Sequence[SessionPrediction], scores: Scores, n_classes: int
) -> Limits:
    """Return the limits of what the groups' networks add to stage one, over draws of the same subjects."""
    limits: Limits = {}
    for name in scores:
        after, before = (sums_of([sessions], name, n_classes=n_classes) for sessions in (own, first))
        n_subjects = len(after.subjects)
        if n_subjects < MIN_SUBJECTS:
            continue
        drawn = drawn_subjects(n_subjects)
        more, less = after.of_weights(drawn), before.of_weights(drawn)
        limits[name] = {one: limits_of(more[one] - less[one], n_subjects) for one in more}
    return limits


def _write(path: Path, evaluation: GroupsEvaluation, data: Dataset) -> None:
    about = {
        "schema_version": SCHEMA_VERSION,
        "dataset": path_from(path, data.path),
        "dataset_sha256": sha256_of_dataset(data),
    }
    with new_file(path / EVALUATION_NAME, overwrite=True) as temporary:
        page = json.dumps(about | asdict(evaluation), indent=1, allow_nan=False)
        temporary.write_text(page + "\n", encoding="utf-8")

"""Who a run may be scored on: the split that says so, and nobody whom the run has seen."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import DatasetError, ModelError
from ...preprocess.dataset.clips import Dataset, DatasetSession
from ...preprocess.dataset.record import DEFAULT_SPLIT, Split, read_record
from ..checkpoint import RunRecord, learned_from
from ..data.opening import require_schema


def split_used(
    record: RunRecord, dataset: Path, *, elsewhere: bool, split_name: str | None, fold: int | None
) -> tuple[str, int | None]:
    """Return the split and fold to score on; of another dataset that lacks the run's, the default.

    Parameters
    ----------
    elsewhere : whether the dataset was named, and may be another than the run's own
    """
    own = record.config.split, record.config.fold
    if split_name is None and elsewhere and not _has(dataset, *own):
        return DEFAULT_SPLIT, fold
    if split_name is None or split_name == own[0]:
        return own[0], own[1] if fold is None else fold
    return split_name, fold


def unseen_sessions(record: RunRecord, data: Dataset, split: Split) -> tuple[DatasetSession, ...]:
    """Return the sessions of a split that the run may be scored on: all of them, or none.

    A subject whose name is spelled in two ways is one person, and has one spelling in what is returned.

    Raises
    ------
    ModelError
        The run was trained on one of their subjects, with labels or without; or its epoch was chosen by one,
        and it is to be tested; or it learned from a dataset of another schema.
    DatasetError
        The split has no sessions.
    """
    require_schema(record, data)
    if split == "train":
        raise ModelError(
            f"wanted split 'test' or 'validation', found 'train', which the run has seen: {data.path}"
        )
    sessions = _spelled_once(data.split(split))
    if not sessions:
        raise DatasetError(
            f"wanted sessions in the {split!r} split, found none; rebuild it with more subjects: {data.path}"
        )
    if data.split_by == "time" and learned_from(record, data):
        return sessions
    scored = {session.subject for session in sessions}
    for how, known in (
        ("it was trained on", record.training_subjects),
        ("its weights or features were learned from", record.pretrained_subjects),
        ("its epoch was chosen by", record.validation_subjects if split == "test" else ()),
    ):
        names = {subject.casefold() for subject in known}
        if seen := sorted(subject for subject in scored if subject.casefold() in names):
            raise ModelError(
                f"wanted subjects that the run never saw, {how} {', '.join(seen)}; "
                f"evaluate on another split or dataset: {data.path}"
            )
    return sessions


def sessions_to_fit_on(
    record: RunRecord, data: Dataset, split: Split, scored: tuple[DatasetSession, ...]
) -> tuple[DatasetSession, ...]:
    """Return the run's own sessions of `split` whose subjects are not among those `scored`.

    Of a dataset that is split in time, subjects are the same by intent, and the sessions' parts differ.
    """
    known = record.validation_subjects if split == "validation" else record.training_subjects
    wanted = {subject.casefold() for subject in known}
    if data.split_by == "subject":
        wanted -= {session.subject.casefold() for session in scored}
    return tuple(session for session in data.split(split) if session.subject.casefold() in wanted)


def _spelled_once(sessions: Sequence[DatasetSession]) -> tuple[DatasetSession, ...]:
    spelling: dict[str, str] = {}
    for one in sessions:
        spelling.setdefault(one.subject.casefold(), one.subject)
    return tuple(replace(one, subject=spelling[one.subject.casefold()]) for one in sessions)


def _has(dataset: Path, name: str, fold: int | None) -> bool:
    schemes = [scheme for scheme in read_record(dataset).splits if scheme.name == name]
    return any((-1 if fold is None else fold) < scheme.n_folds for scheme in schemes)

"""For whom a network errs: scores per subject and per group of subjects, with intervals over subjects."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DatasetError
from ..data.attributes import TABLE_NAME, Attributes, read_attributes
from ..evaluation.series import SessionPrediction
from ..evaluation.sums import N_MOMENTS, measures_of_moments, moments
from .intervals import Figure, figure, ratio

UNKNOWN = "unknown"
DECADES_FROM = 10.0
"""An attribute in numbers that span more than that, such as age in years, is taken by decades."""


@dataclass(frozen=True, slots=True)
class Errors:
    """How a network fares on some subjects, in one dimension; labels and scores are in [-1, 1].

    Attributes
    ----------
    name : the subject or the group
    n_subjects, n_frames : those with a label and a prediction
    rmse, ccc : with intervals over subjects
    bias : mean of prediction minus truth
    """

    name: str
    n_subjects: int
    n_frames: int
    rmse: Figure
    ccc: Figure
    bias: Figure


@dataclass(frozen=True, slots=True)
class ClassErrors:
    """How a network of classes fares on some subjects.

    Attributes
    ----------
    name : the subject or the group
    n_subjects, n_clips : those whose class is known
    accuracy : the share of clips told right, with an interval over subjects
    """

    name: str
    n_subjects: int
    n_clips: int
    accuracy: Figure


def subject_moments(sessions: Sequence[SessionPrediction], dimension: str) -> dict[str, NDArray[np.float64]]:
    """Return {subject: (6,)}, the sums that `evaluation.sums.moments` makes of prediction and truth."""
    found: dict[str, NDArray[np.float64]] = {}
    for session in sessions:
        own = moments(session.predicted[dimension], session.truth[dimension])
        found[session.subject] = found.get(session.subject, np.zeros(N_MOMENTS)) + own
    return {subject: sums for subject, sums in found.items() if sums[0]}


def rmse_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square error of moments (..., 6)."""
    return measures_of_moments(sums)["rmse"]


def ccc_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the concordance of moments (..., 6), 0 where a series is constant."""
    return measures_of_moments(sums)["ccc"]


def bias_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of prediction minus truth of moments (..., 6)."""
    return (sums[..., 1] - sums[..., 2]) / sums[..., 0]


def errors_of(name: str, moments: Sequence[NDArray[np.float64]]) -> Errors:
    """Return the errors of the subjects whose moments these are."""
    sums = np.stack(moments)
    return Errors(
        name,
        n_subjects=len(sums),
        n_frames=int(sums[:, 0].sum()),
        rmse=figure(sums, rmse_of),
        ccc=figure(sums, ccc_of),
        bias=figure(sums, bias_of),
    )


def per_subject(sessions: Sequence[SessionPrediction], dimension: str) -> list[Errors]:
    """Return the errors of each subject, the largest RMSE first."""
    found = [errors_of(name, [sums]) for name, sums in subject_moments(sessions, dimension).items()]
    return sorted(found, key=lambda one: -one.rmse.value)


def per_group(
    sessions: Sequence[SessionPrediction], dimension: str, groups: Mapping[str, str]
) -> list[Errors]:
    """Return the errors of each group, by name, `UNKNOWN` last.

    Parameters
    ----------
    groups : {subject: its group}; who is not in it is `UNKNOWN`
    """
    by_group: dict[str, list[NDArray[np.float64]]] = {}
    for subject, sums in subject_moments(sessions, dimension).items():
        by_group.setdefault(groups.get(subject, UNKNOWN), []).append(sums)
    names = sorted(by_group, key=lambda name: (name == UNKNOWN, name))
    return [errors_of(name, by_group[name]) for name in names]


def class_errors(
    sessions: Sequence[SessionPrediction], groups: Mapping[str, str] | None = None
) -> list[ClassErrors]:
    """Return the share of clips told right of each subject, or of each group, by name, `UNKNOWN` last.

    Parameters
    ----------
    groups : {subject: its group}; who is not in it is `UNKNOWN`. None: each subject by itself
    """
    by_subject: dict[str, NDArray[np.float64]] = {}
    for one in sessions:
        if one.clips is not None and (known := one.clips.truth >= 0).any():
            own = np.array([(one.clips.predicted == one.clips.truth)[known].sum(), known.sum()], np.float64)
            by_subject[one.subject] = by_subject.get(one.subject, np.zeros(2)) + own
    by_name: dict[str, list[NDArray[np.float64]]] = {}
    for subject, sums in by_subject.items():
        by_name.setdefault(subject if groups is None else groups.get(subject, UNKNOWN), []).append(sums)
    names = sorted(by_name, key=lambda name: (name == UNKNOWN, name))
    return [
        ClassErrors(name, len(own), int(np.sum(own, 0)[1]), figure(np.stack(own), ratio))
        for name in names
        if (own := by_name[name])
    ]


def groups_of(dataset: Path, subjects: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return {attribute: {subject: group}} for every column of DATASET/subjects.csv; {} without that table.

    Of an attribute in numbers that span more than ten, 34 belongs to "30-39".
    """
    names = _columns(dataset / TABLE_NAME)
    if not names:
        return {}
    attributes = read_attributes(dataset, names)
    return {name: _grouped(attributes, name, subjects) for name in names}


def _grouped(attributes: Attributes, name: str, subjects: Sequence[str]) -> dict[str, str]:
    found = {subject: attributes.value(subject, name) for subject in subjects}
    known = {subject: value for subject, value in found.items() if value is not None}
    if not known or not all(_is_number(value) for value in known.values()):
        return known
    numbers = [float(value) for value in known.values()]
    if max(numbers) - min(numbers) <= DECADES_FROM:
        return known
    decades = {subject: int(float(value) // 10) * 10 for subject, value in known.items()}
    return {subject: f"{first}-{first + 9}" for subject, first in decades.items()}


def _columns(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"wanted a readable table, found: {error}: {path}") from error
    return tuple(name for name in header if name and name != "subject")


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False

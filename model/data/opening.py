"""A dataset's sessions as a training, or a run, wants to see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DatasetError, ModelError
from ...preprocess.dataset.clips import Dataset, DatasetSession
from .attributes import read_attributes
from .classes import TABLE_NAME, Classes, read_classes
from .inputs import InputOptions
from .source import ClipSource

if TYPE_CHECKING:
    from ..checkpoint import RunRecord


def source_of(
    record: RunRecord, sessions: Sequence[DatasetSession], data: Dataset, *, labelled: bool = True
) -> ClipSource:
    """Return `sessions` of `data` as the run of `record` sees them.

    Parameters
    ----------
    labelled : whether classes are read; without, a dataset needs no table of them and every class is unknown

    Raises
    ------
    ModelError
        The run learned from a dataset of another schema.
    DatasetError
        The dataset lacks a stream, a feature set or the classes, or has a class that the run does not know.
    """
    require_schema(record, data)
    classes = None
    if record.classes:
        classes = Classes(record.classes)
        if labelled:
            classes = _known_classes(read_classes(data, record.config.classes or ""), record, data)
    return ClipSource(sessions, options=record.inputs, dimensions=record.dimensions, classes=classes)


def require_schema(record: RunRecord, data: Dataset) -> None:
    """Raise ModelError where the run of `record` learned from a dataset of another schema than `data` has."""
    if record.dataset_schema != data.record.schema_version:
        raise ModelError(
            f"the run learned from a dataset of schema {record.dataset_schema}, this one is of schema "
            f"{data.record.schema_version}; train again on it: {data.path}"
        )


def sources_of_split(
    data: Dataset,
    *,
    inputs: InputOptions,
    dimensions: Sequence[str],
    classes: Classes | None = None,
    attributes: Sequence[str] = (),
) -> tuple[ClipSource, ClipSource]:
    """Return the training and the validation sessions of `data`; test sessions are not touched.

    Parameters
    ----------
    attributes : demographic attributes that the network is trained on too, from DATASET/subjects.csv

    Raises
    ------
    DatasetError
        A stream, a feature set, labels or the table of attributes is missing, or nobody is to be trained on.
    """
    if not data.split("train"):
        raise DatasetError(
            f"wanted sessions in the 'train' split, found none; make another with `mavfer dataset split` "
            f"and pass --split: {data.path}"
        )
    known = read_attributes(data.path, attributes) if attributes else None
    training, validation = (
        ClipSource(
            data.split(split), options=inputs, dimensions=dimensions, classes=classes, attributes=known
        )
        for split in ("train", "validation")
    )
    return training, validation


def of_subjects(data: Dataset, subjects: Sequence[str] | None) -> Dataset:
    """Return `data` with the sessions of `subjects` alone in its training and validation splits.

    Parameters
    ----------
    subjects : as `TrainConfig.subjects` names them; None: all

    Raises
    ------
    DatasetError
        A subject is not in these splits.
    """
    if subjects is None:
        return data
    wanted = {subject.casefold() for subject in subjects}
    known = {session.subject.casefold() for session in data.sessions if session.split != "test"}
    if strangers := sorted(wanted - known):
        raise DatasetError(
            f"wanted subjects of the training and validation splits, found {strangers[0]!r}: {data.path}"
        )
    kept = tuple(one for one in data.sessions if one.split == "test" or one.subject.casefold() in wanted)
    return replace(data, sessions=kept)


def _known_classes(found: Classes, record: RunRecord, data: Dataset) -> Classes:
    """Return `found` in the order of the run's outputs."""
    strangers = sorted(set(found.names) - set(record.classes))
    if strangers:
        raise DatasetError(
            f"wanted classes that the run knows ({', '.join(record.classes)}), found {strangers[0]!r}: "
            f"{data.path / TABLE_NAME}"
        )
    return Classes(record.classes, found.by_session, found.made_of)

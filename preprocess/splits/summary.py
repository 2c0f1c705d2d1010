"""What lies in each part of a split: subjects, frames, clips and labels, counted in the dataset's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import DIMENSIONS
from ..dataset.clips import DatasetSession, parts_of, windows
from ..dataset.record import DatasetRecord, Part, SessionRecord, Split, SplitScheme
from .draw import CLIP_FRAMES
from .people import BIN_WIDTH, N_BINS, SessionInSplit, label_histogram


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What one part of a split holds.

    Attributes
    ----------
    fold : the fold whose test subjects these are; None where the scheme is not by fold
    subjects : ids, sorted
    n_frames : int
    n_clips : clips of CLIP_FRAMES frames: without overlap for training, by half a clip else
    mean, spread : per labelled dimension, mean and standard deviation of the labels of all frames, in [-1, 1]
    histograms : per labelled dimension (N_BINS,) int64
    """

    split: Split
    fold: int | None
    subjects: tuple[str, ...]
    n_frames: int
    n_clips: int
    mean: dict[str, float]
    spread: dict[str, float]
    histograms: dict[str, NDArray[np.int64]]


def sessions_in_split(folder: Path, built: Iterable[SessionRecord]) -> list[SessionInSplit]:
    """Return what a split needs to know of the sessions in `built`, whose files lie in `folder`.

    Reads the columns "valence" and "arousal" of every file: about a millisecond per session.
    """
    found = []
    for entry in built:
        rows = _rows(folder, entry, _whole(entry))
        histograms = {name: label_histogram(rows.read(name)) for name in DIMENSIONS}
        known = {name: counts for name, counts in histograms.items() if counts.any()}
        found.append(SessionInSplit(entry.id, entry.subject, entry.n_frames, known or None))
    return found


def summary_of(folder: Path, record: DatasetRecord, scheme: SplitScheme) -> list[PartSummary]:
    """Return what lies in each part of `scheme` that is not empty: of folds, what each of them tests.

    Raises
    ------
    DatasetError
        The scheme does not know one of the sessions, or a file is damaged.
    """
    dimensions = [
        name
        for name in DIMENSIONS
        if any(np.isfinite(_rows(folder, entry, _whole(entry)).read(name)).any() for entry in record.built)
    ]
    wanted: list[tuple[Split, int | None]] = [("train", None), ("validation", None), ("test", None)]
    if scheme.by == "fold":
        wanted = [("test", fold) for fold in range(scheme.n_folds)]
    summaries = []
    for split, fold in wanted:
        rows = [
            _rows(folder, entry, part)
            for entry in record.built
            for part in parts_of(entry, scheme, fold=fold)
            if part.split == split
        ]
        if rows:
            summaries.append(_summary(rows, split, fold, dimensions))
    return summaries


def distance(summary: PartSummary, others: Sequence[PartSummary]) -> float:
    """Return how far the labels of a part lie from those of all parts, mean over the dimensions.

    The earth mover's distance, in units of the label; NaN where the part has no label.
    """
    found = []
    for name, counts in summary.histograms.items():
        of_all = np.sum([other.histograms[name] for other in others], axis=0)
        if not counts.any():
            return float("nan")
        share = counts.cumsum() / counts.sum() - of_all.cumsum() / of_all.sum()
        found.append(np.abs(share).sum() * BIN_WIDTH)
    return float(np.mean(found)) if found else float("nan")


def _summary(
    rows: Sequence[DatasetSession], split: Split, fold: int | None, dimensions: Sequence[str]
) -> PartSummary:
    n_clips = 0
    labels: dict[str, list[NDArray[np.float32]]] = {name: [] for name in dimensions}
    for session in rows:
        step, labelled = (CLIP_FRAMES, dimensions) if split == "train" else (CLIP_FRAMES // 2, ())
        n_clips += len(windows(session, length=CLIP_FRAMES, step=step, labelled=labelled))
        for name, found in labels.items():
            values = session.read(name)
            found.append(values[np.isfinite(values)])
    known = {name: np.concatenate(found).astype(np.float64) for name, found in labels.items()}
    return PartSummary(
        split=split,
        fold=fold,
        subjects=tuple(sorted({session.subject for session in rows})),
        n_frames=sum(session.n_frames for session in rows),
        n_clips=n_clips,
        mean={name: float(values.mean()) if len(values) else np.nan for name, values in known.items()},
        spread={name: float(values.std()) if len(values) else np.nan for name, values in known.items()},
        histograms={
            name: label_histogram(values) if len(values) else np.zeros(N_BINS, np.int64)
            for name, values in known.items()
        },
    )


def _whole(entry: SessionRecord) -> Part:
    return Part(split="train", start=0, stop=entry.n_frames)


def _rows(folder: Path, entry: SessionRecord, part: Part) -> DatasetSession:
    """Return a range of a session's frames, whatever split the dataset's record puts it in."""
    return DatasetSession(
        id=entry.id,
        session_id=entry.id,
        subject=entry.subject,
        split=part.split,
        start=part.start,
        n_frames=part.stop - part.start,
        fps=entry.fps,
        streams=entry.streams,
        path=folder / (entry.file or f"{entry.id}.h5"),
    )

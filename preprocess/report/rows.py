"""What the report knows of one session: its record and every small column, read once; no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...annotate.trace import DIMENSIONS
from ...capture.streams import Stream
from ...errors import DatasetError
from ..dataset.clips import DatasetSession, parts_of, windows
from ..dataset.record import HAS_PIXELS, VALID, DatasetRecord, Part, Reason, SessionRecord, SplitScheme
from ..rows.template import LEFT_EYE, NOSE_TIP, RIGHT_EYE

CLIP_LENGTH = 16  # the paper's (section V-A)
TEST_STEP = 8
NEXT_ROW_PERIODS = 1.5  # rows farther apart than this are not neighbors
MEASURES = ("eye_distance_px", "distance_mm", "sharpness", "brightness", "n_faces")


@dataclass(frozen=True, slots=True)
class SessionRows:
    """One session that is in the dataset, without its pixels.

    Attributes
    ----------
    entry : its record
    session : its whole file
    parts : which rows belong to which split; none where the split does not know its subject
    column : per name (F,), or pose_deg (F, 3); NaN where no face
    reason : per stream (F,) uint8, a `record.Reason`
    per_rater : per rated dimension (K, F) float64 in [-1, 1], NaN where that rater gave nothing
    points_px : (F, 3, 2) float64, eyes' centers and tip of the nose in the crop; NaN where no face
    jump : (F,) float64, how far the landmarks have moved since the row before, of the eyes' distance
    """

    entry: SessionRecord
    session: DatasetSession
    parts: tuple[Part, ...]
    column: Mapping[str, NDArray]
    reason: Mapping[Stream, NDArray[np.uint8]]
    per_rater: Mapping[str, NDArray[np.float64]]
    points_px: NDArray[np.float64]
    jump: NDArray[np.float64]

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Seconds since the session's first tick, (F,)."""
        return self.column["time_s"]

    @property
    def has_face(self) -> NDArray[np.bool_]:
        """Whether a row's color has pixels, (F,)."""
        return np.isin(self.reason[Stream.COLOR], HAS_PIXELS)

    @property
    def aligned(self) -> NDArray[np.bool_]:
        """Whether a row's color is valid, (F,)."""
        return np.isin(self.reason[Stream.COLOR], VALID)

    def share_valid(self, stream: Stream) -> float:
        """Return the share of all rows whose `stream` is valid; 0 of no rows."""
        reason = self.reason.get(stream)
        return float(np.isin(reason, VALID).mean()) if reason is not None and len(reason) else 0.0

    @property
    def share_lost(self) -> float:
        """The largest share, over the session's streams, of rows that are not valid."""
        return max((1 - self.share_valid(stream) for stream in self.reason), default=0.0)

    def counts(self, stream: Stream) -> Counter[Reason]:
        """Return rows by reason."""
        values, counts = np.unique(self.reason[stream], return_counts=True)
        return Counter({Reason(int(value)): int(n) for value, n in zip(values, counts, strict=True)})

    def labelled(self, dimension: str) -> NDArray[np.bool_]:
        """Whether a row has a label, (F,)."""
        return np.isfinite(self.column[dimension])

    @property
    def rater_names(self) -> Mapping[str, tuple[str, ...]]:
        """Per rated dimension the pseudonyms of its K raters."""
        return {dimension: self.session.rater_names(dimension) for dimension in self.per_rater}

    def clips(self, part: Part, *, labelled: Sequence[str] = ()) -> int:
        """Return how many clips of CLIP_LENGTH a part gives: apart for training, overlapping for tests."""
        step = CLIP_LENGTH if part.split == "train" else TEST_STEP
        own = replace(self.session, start=part.start, n_frames=part.stop - part.start)
        return len(windows(own, length=CLIP_LENGTH, step=step, labelled=labelled))


def read_session(folder: Path, entry: SessionRecord, scheme: SplitScheme | None) -> SessionRows:
    """Return what the report knows of a built session; costs about 10 microseconds per row.

    Parameters
    ----------
    folder : of the dataset
    scheme : the split that the report tells of; None where the dataset has none

    Raises
    ------
    DatasetError
        The file is missing, damaged, or has other rows than its record says.
    """
    if entry.file is None or not (folder / entry.file).is_file():
        raise DatasetError(f"wanted {entry.file!r}, found no such file: {folder}")
    session = DatasetSession(
        id=entry.id,
        session_id=entry.id,
        subject=entry.subject,
        split="train",
        start=0,
        n_frames=entry.n_frames,
        fps=entry.fps,
        streams=entry.streams,
        path=folder / entry.file,
    )
    reason = {stream: session.read(f"reason_{stream}") for stream in entry.streams}
    if Stream.COLOR not in reason or any(len(rows) != entry.n_frames for rows in reason.values()):
        raise DatasetError(f"wanted {entry.n_frames} rows of color, found others: {session.path}")
    unknown = sorted({int(value) for rows in reason.values() for value in np.unique(rows)} - {*Reason})
    if unknown:
        raise DatasetError(f"wanted reasons of {len(Reason)} kinds, found {unknown}: {session.path}")
    has_face = np.isin(reason[Stream.COLOR], HAS_PIXELS)
    column = {name: session.read(name) for name in (*DIMENSIONS, *MEASURES, "pose_deg", "time_s")}
    landmarks = session.read("landmarks").astype(np.float64)
    return SessionRows(
        entry=entry,
        session=session,
        parts=_parts(entry, scheme),
        column=column,
        reason=reason,
        per_rater={
            dimension: session.read(f"raters_{dimension}").astype(np.float64)
            for dimension in DIMENSIONS
            if session.rater_names(dimension)
        },
        points_px=_points(landmarks, session.read("transforms").astype(np.float64), has_face),
        jump=_jumps(landmarks, has_face & ~_after_gap(column["time_s"], entry.fps)),
    )


def report_scheme(record: DatasetRecord) -> SplitScheme | None:
    """Return the split that the report tells of: the default one, else the first."""
    return next((scheme for scheme in record.splits if scheme.name == "default"), None) or next(
        iter(record.splits), None
    )


def _parts(entry: SessionRecord, scheme: SplitScheme | None) -> tuple[Part, ...]:
    """Return the session's parts; of a split in folds, those of fold 0."""
    if scheme is None:
        return ()
    try:
        return parts_of(entry, scheme, fold=0 if scheme.by == "fold" else None)
    except DatasetError:
        return ()


def _points(landmarks: NDArray, transforms: NDArray, has_face: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the eyes' centers and the tip of the nose in the crop, (F, 3, 2); NaN where no face."""
    points = np.stack(
        [
            landmarks[:, LEFT_EYE].mean(axis=1),
            landmarks[:, RIGHT_EYE].mean(axis=1),
            landmarks[:, NOSE_TIP],
        ],
        axis=1,
    )
    crop = np.einsum("fij,fpj->fpi", transforms[:, :, :2], points) + transforms[:, None, :, 2]
    crop[~has_face] = np.nan
    return crop


def _jumps(landmarks: NDArray, follows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the median landmark's step from the row before, in distances between the eyes' centers."""
    eyes = landmarks[:, LEFT_EYE].mean(axis=1) - landmarks[:, RIGHT_EYE].mean(axis=1)
    distance_px = np.hypot(eyes[:, 0], eyes[:, 1])
    step_px = np.median(np.linalg.norm(np.diff(landmarks, axis=0), axis=2), axis=1)
    both = follows[1:] & (distance_px[1:] > 0) & (distance_px[:-1] > 0)
    jump = np.full(len(landmarks), np.nan)
    jump[1:][both] = step_px[both] / distance_px[1:][both]
    return jump


def _after_gap(time_s: NDArray[np.float64], fps: float) -> NDArray[np.bool_]:
    """Return whether a row does not follow the one before within NEXT_ROW_PERIODS, (F,); the first never."""
    if not len(time_s):
        return np.zeros(0, bool)
    period_s = 1 / fps if fps > 0 else float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    return np.concatenate([[True], np.diff(time_s) > NEXT_ROW_PERIODS * period_s])
